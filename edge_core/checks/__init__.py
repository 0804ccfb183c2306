"""The checks of a posted order against reference data and what this store has seen lately (docs/checks.md)."""
