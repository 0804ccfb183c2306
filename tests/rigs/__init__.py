"""Real parts for tests: brokers, PostgreSQL, and the product's own processes. They start in a second or less."""
