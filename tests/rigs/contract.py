"""What the contract of the store's API says that a request may be refused for."""

from edge_agent.api.contract import OPERATIONS

PROBLEMS = {operation.path.rpartition("/")[2]: frozenset(operation.problems) for operation in OPERATIONS}
"""Error codes by the last part of the path: for a command on an order, its name."""
