"""A broker and a database without an installation, for the demo, the tests and a small trial.

They come from two wheels (extra `embedded`) and run as children of this process. A real installation names servers
of its own in `broker.url` and `database.dsn`, and nothing here is imported.
"""

from central_sync.embedded.broker import EmbeddedBroker
from central_sync.embedded.database import EmbeddedDatabase

__all__ = ["EmbeddedBroker", "EmbeddedDatabase"]
