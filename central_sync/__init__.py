"""The centre's shell: it takes the stores' logs in, keeps them in PostgreSQL, and shows the fleet."""
