"""The store's shell: HTTP for tills, the SQLite file, the link's sockets, the service around them."""
