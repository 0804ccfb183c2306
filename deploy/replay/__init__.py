"""The replay: a year of real sales through three agents and a centre, accounted for line by line (docs/replay.md)."""
