"""The agent's end of the link: runs the effects of `edge_core.sync.edge_link` against the file and the broker."""
