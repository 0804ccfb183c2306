"""Stock of one location: positions, the deltas that events carry, allocation."""
