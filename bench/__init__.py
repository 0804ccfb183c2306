"""What is claimed about speed, as commands: `python -m bench` measures each figure beside its floor, in one run."""
