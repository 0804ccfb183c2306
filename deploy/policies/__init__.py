"""What each policy that comes with the product does to a stream of real orders over ten made-up stores."""
