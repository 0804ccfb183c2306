"""Orders of other channels: documents that map what a web shop sends to the order of a till (docs/channels.md)."""
