"""What is run and shipped around the product: the demo, and later packages and monitoring."""
