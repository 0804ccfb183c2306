"""Orders that the centre assigns to nodes: which node, for how long, and what then (docs/assignment.md)."""
