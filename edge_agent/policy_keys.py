"""The keys whose releases of policies a store trusts: a file of text, one key a line, `#` begins a remark.

`edge-agent enrol` adds what the centre answers; people may write it too. Signatures are checked in the sandbox.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from edge_core.errors import PermanentFault
from edge_core.limits import POLICY_KEYS_BYTES_MAX
from edge_core.policy.keys import read_keys

_FILE_MODE: Final = 0o644


def read_key_file(path: Path) -> dict[str, bytes]:
    """The keys by their id; none where there is no file. Raises `PermanentFault` for a file that is none of keys."""
    try:
        with path.open(encoding="ascii") as file:
            text = file.read(POLICY_KEYS_BYTES_MAX)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentFault(f"the keys in {path} cannot be read: {error}") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    try:
        return read_keys(line for line in lines if line)
    except PermanentFault as fault:
        raise PermanentFault(f"{path}: {fault}") from fault


def trust(path: Path, keys: Iterable[str]) -> bool:
    """Add keys to those of the file; whether there was a new one. Raises `PermanentFault`."""
    known = read_key_file(path)
    added = {name: key for name, key in read_keys(keys).items() if name not in known}
    if not added:
        return False
    lines = [key.hex() for key in (known | added).values()]
    read_keys(lines)  # the number of them is limited
    beside = path.with_suffix(".new")
    try:
        with beside.open("w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave a file without keys
        beside.chmod(_FILE_MODE)
        os.replace(beside, path)  # noqa: PTH105 - whoever reads meanwhile has the one or the other
    except OSError as error:
        raise PermanentFault(f"the keys cannot be written to {path}: {error}") from error
    return True
