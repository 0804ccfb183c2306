"""What is run and shipped around the product: the demo, the replay, and later packages and monitoring."""
