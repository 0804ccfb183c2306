"""The operators' first page: static files of ours, without a framework and without another host."""
