"""A store without policies pays nothing for them: what evaluates, parses and signs is loaded where it is used."""

import subprocess
import sys

HEAVY = {"zen", "lark", "nacl"}


def loaded_by(program: str) -> set[str]:
    """The heavy packages that are in a process's memory after a program."""
    told = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return HEAVY & {name.partition(".")[0] for name in told.stdout.split()}


def test_an_agent_loads_no_engine_no_parser_and_no_cryptography() -> None:
    assert loaded_by("import edge_agent.app, edge_agent.service, edge_agent.cli") == set()


def test_the_engine_comes_with_the_first_policies_and_the_rest_never_into_the_agent() -> None:
    program = """
from edge_core.policy.documents import Release
from edge_core.policy.pricing import Policies
Policies(Release(1, 0, ()), ())
"""
    assert loaded_by(f"import edge_agent.app\n{program}") == {"zen"}


def test_the_sandbox_confines_itself_before_it_loads_what_tries_a_bundle() -> None:
    assert loaded_by("import edge_agent.policy_sandbox") == set()
    assert loaded_by("import edge_core.policy.trial") == HEAVY
