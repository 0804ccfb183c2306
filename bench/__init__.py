"""What is claimed about speed, as commands: `python -m bench` (docs/performance.md says what each figure means)."""
