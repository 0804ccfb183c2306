"""How much of the matrix of faults is done: `make faults` all of it, `make test` a short part."""

import os
from typing import Final

LONG: Final = os.environ.get("HOLDFAST_FAULTS") == "long"
KILLS: Final = int(os.environ.get("HOLDFAST_KILLS", "8"))
"""SIGKILLs of all parts together"""
CUTS: Final = int(os.environ.get("HOLDFAST_CUTS", "4"))
"""power cuts of a store's disk"""
