"""The demo: real orders through three stores and a centre on one machine, with failures, and a check at the end."""
