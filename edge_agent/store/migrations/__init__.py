"""Numbered SQL files, `NNNN_verb_noun.sql`, forward only, each applied in one transaction (docs/store.md)."""
