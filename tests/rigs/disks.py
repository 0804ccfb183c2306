"""A disk of its own whose power can be cut: ext4 on a loop device over a sparse file.

The cut is the file system's own `shutdown` (the ioctl of ext4 and xfs, without a flush of the journal): nothing more
reaches the device from that moment on, and what was not synced is gone once it is mounted again.

All mounts are made in a mount namespace of this process alone. The kernel takes them and their loop devices down when
the last process in it has ended, however it ended: nothing is left behind by a failure, Ctrl-C or SIGKILL.
"""

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from tests.rigs.needs import lacking
from tests.rigs.waiting import eventually

_CLONE_NEWNS: Final = 0x00020000  # <linux/sched.h>
_UNMOUNT_TIMEOUT_S: Final = 10


class LoopDisk:
    """One ext4 file system in a file of its own, mounted at `path`."""

    def __init__(self, megabytes: int) -> None:
        leave_the_common_mounts()
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-disk-"))  # pytest's folders are closed to PostgreSQL
        self._image = self._folder / "disk.img"
        self.path = self._folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", self._image)
        self.mount()

    def mount(self) -> None:
        """Mount it, which replays its journal."""
        _run("mount", "-o", "loop", self._image, self.path)

    def cut(self) -> None:
        """Cut the power: what is not on the device by now will never be.

        Stop (SIGSTOP) who writes on it first, and kill it afterwards. A machine without power says nothing more; here
        an fdatasync that is under way when the file system is shut down may return 0 for data that is then lost (Linux
        6.18: after 5 of 60 cuts under plain pwrite and fdatasync; after none of 60 with the writer stopped).
        """
        _run("xfs_io", "-x", "-c", "shutdown", self.path)

    def turn_read_only(self) -> None:
        """What the kernel does after an error of the device (ext4(5): `errors=remount-ro`, here by `abort`).

        Files that are open stay open, and nothing is written any more until it is mounted anew.
        """
        _run("mount", "-o", "remount,abort", self.path)

    async def power_on(self) -> None:
        """Mount it anew after a cut. Its processes must have been killed; their last files close in a moment."""

        async def unmount() -> bool:
            ended = subprocess.run(["umount", self.path], capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
            return True

        await eventually(unmount, _UNMOUNT_TIMEOUT_S)
        self.mount()

    def remove(self) -> None:
        """Take it down, also with files open on it, and delete its file."""
        subprocess.run(["umount", "-l", self.path], capture_output=True, check=False)
        self._image.unlink()
        self.path.rmdir()
        self._folder.rmdir()


@cache
def leave_the_common_mounts() -> None:
    """Give this thread, and what it starts from now on, mounts of its own (unshare(2)). Once; from the main thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        lacking(f"mounts of one's own are not allowed here: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")


def _run(*command: str | Path) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command[0]}: {ended.stderr}"
