"""The pure heart of Holdfast: decisions, folds and protocol state machines, without I/O, clock or randomness."""
