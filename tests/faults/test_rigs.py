"""The rigs themselves: what they make is gone when they are, however they ended."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.needs import need
from tests.rigs.waiting import eventually

ROOT: Final = Path(__file__).parents[2]
_MAKE: Final = """\
import signal, sys
from pathlib import Path
from tests.rigs.disks import LoopDisk
from tests.rigs.roads import Roads
disk, roads = LoopDisk(16), Roads(Path(sys.argv[1]))
file = (disk.path / "open").open("w")
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background may ignore it
print(disk.path, roads.store.interface, flush=True)
signal.pause()
"""

pytestmark = [pytest.mark.slow, pytest.mark.root]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
async def test_nothing_that_a_rig_has_made_outlives_the_process(tmp_path: Path, number: signal.Signals) -> None:
    need("ip", "nsenter", "unshare", "mkfs.ext4", "mount")
    rig = subprocess.Popen([sys.executable, "-c", _MAKE, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert rig.stdout is not None
    try:
        path, interface = rig.stdout.readline().split()
        image = Path(path).with_name("disk.img")
        assert (_is_a_loop_device(image), Path("/sys/class/net", interface).exists()) == (True, True)
        assert path not in Path("/proc/self/mounts").read_text()  # it was never ours to see
    finally:
        rig.send_signal(number)
        rig.communicate()

    async def look() -> bool:
        assert not _is_a_loop_device(image), "the loop device is still there"
        assert not Path("/sys/class/net", interface).exists(), "the interface is still there"
        return True

    await eventually(look)
    shutil.rmtree(image.parent)


def _is_a_loop_device(image: Path) -> bool:
    files = Path("/sys/block").glob("loop*/loop/backing_file")
    return any(file.read_text().strip() == str(image) for file in files)
