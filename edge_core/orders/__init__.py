"""The order: its document, its commands, the 17 lifecycle events, the transition tables, `decide` and `fold`."""
