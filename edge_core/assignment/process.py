"""The two tables of an assignment: of the centre's order, and of each attempt to have a node fulfil it.

Documents like those of `edge_core.orders.processes`; drawn into docs/assignment.md.
"""

from typing import Final

from edge_core.orders.machines import load

ASSIGNMENT_PROCESS: Final = """
{"process": "assignment", "version": 1, "initial": "unassigned", "finals": ["cancelled", "closed", "divided"],
 "transitions": [
  {"from": ["unassigned", "exception"], "on": "offered", "to": "offered"},
  {"from": ["unassigned"], "on": "exhausted", "to": "exception"},
  {"from": ["unassigned", "exception"], "on": "divided", "to": "divided"},
  {"from": ["offered"], "on": "accepted", "to": "accepted"},
  {"from": ["offered", "accepted"], "on": "given_back", "to": "unassigned"},
  {"from": ["offered"], "on": "timed_out", "to": "unassigned"},
  {"from": ["unassigned", "exception"], "on": "claimed", "to": "accepted"},
  {"from": ["unassigned", "exception"], "on": "claimed:open", "to": "offered"},
  {"from": ["unassigned", "offered", "exception", "accepted", "cancelling"], "on": "kept", "to": "accepted"},
  {"from": ["unassigned", "exception"], "on": "cancelled", "to": "cancelled"},
  {"from": ["unassigned", "offered", "exception"], "on": "cancelled:awaited", "to": "cancelling"},
  {"from": ["cancelling"], "on": "let_go", "to": "cancelled"},
  {"from": ["accepted"], "on": "ended", "to": "closed"}
 ]}
"""

ATTEMPT_PROCESS: Final = """
{"process": "attempt", "version": 1, "initial": "offered", "finals": ["rejected", "withdrawn", "closed"],
 "transitions": [
  {"from": ["offered"], "on": "accepted", "to": "accepted"},
  {"from": ["offered", "accepted", "kept"], "on": "given_back", "to": "rejected"},
  {"from": ["offered", "accepted"], "on": "withdrawn", "to": "withdrawing"},
  {"from": ["withdrawing"], "on": "let_go", "to": "withdrawn"},
  {"from": ["withdrawing"], "on": "kept", "to": "kept"},
  {"from": ["accepted", "kept"], "on": "ended", "to": "closed"}
 ]}
"""

ASSIGNMENT: Final = load(ASSIGNMENT_PROCESS)
ATTEMPT: Final = load(ATTEMPT_PROCESS)
