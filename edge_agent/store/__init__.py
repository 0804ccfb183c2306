"""The store's SQLite file: the only place that knows SQL or a database driver (docs/store.md)."""
