"""What a rig needs of the machine: root and programs. A test without them is skipped with the reason, or fails in CI.

`HOLDFAST_REQUIRE_RIGS=1` turns the skip into a failure, so that no test goes away in silence.
"""

import os
import shutil
from typing import NoReturn

import pytest

_PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "ss": "iproute2",
    "strace": "strace",
    "tc": "iproute2",
    "xfs_io": "xfsprogs",
}


def need(*programs: str, root: bool = True) -> None:
    """Skip the test that asks unless these programs are installed and, where asked, it runs as root."""
    if root and os.geteuid() != 0:
        lacking("root is needed for mounts and network namespaces")
    for program in programs:
        if shutil.which(program) is None:
            package = _PACKAGES.get(program, "util-linux")
            lacking(f"{program} is not installed (Debian: apt-get install {package}; make faults does it where it can)")


def lacking(reason: str) -> NoReturn:
    """Skip for this reason, or fail where every rig must run."""
    if os.environ.get("HOLDFAST_REQUIRE_RIGS") == "1":
        pytest.fail(f"{reason}, and HOLDFAST_REQUIRE_RIGS=1 demands it")
    pytest.skip(reason)
