"""The centre's HTTP side: what is known, as JSON, and what happens, as it happens."""
