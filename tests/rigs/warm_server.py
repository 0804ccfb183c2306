"""`python -m tests.rigs.warm_server FD`: forks the product's programs from a process that has imported them already.

What a program imports is most of a second of work, and tests start programs hundreds of times. A forked one is a
process like any other: it has its own files, connections and end. `tests/rigs/warm.py` asks, over the socket FD.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import sysconfig
import time
from importlib import import_module
from typing import Any, Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_MESSAGE_BYTES_MAX: Final = 1 << 20
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
# The programs, and what their commands import only once they are called.
MAINS: Final = {"edge-agent": "edge_agent.cli", "central-sync": "central_sync.cli"}
_LATER: Final = (
    "edge_agent.service",
    "edge_agent.inspect",
    "edge_agent.enrolment",
    "edge_agent.store.verify",
    "central_sync.service",
    "holdfast_runtime.log",
    "httpx",
    "uvloop",
)


def main(control: socket.socket) -> None:
    """Serve until whoever asks has gone. In a fork this returns into the program, and ends as the program ends."""
    for module in (*MAINS.values(), *_LATER):
        import_module(module)
    gc.collect()
    gc.freeze()
    while True:
        message, files, _, _ = socket.recv_fds(control, _MESSAGE_BYTES_MAX, 3)
        if not message:
            return
        request = json.loads(message)
        if "reap" in request:
            _, status = os.waitpid(request["reap"], 0)
            control.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())
            continue
        me = os.getpid()
        child = os.fork()
        if child == 0:
            control.close()
            _become(request, files, me)
        for file in files:
            os.close(file)
        control.send(json.dumps(child).encode())


def _become(request: dict[str, Any], files: list[int], parent: int) -> NoReturn:
    """Be the program: in the environment of whoever asked, and with the three files that came along."""
    os.setpgid(0, 0)
    if _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0 or os.getppid() != parent:
        os._exit(1)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    program = request["program"]
    sys.path[0] = sysconfig.get_path("scripts")  # where an installed program has its own folder
    sys.argv = [f"{sys.path[0]}/{program}", *request["arguments"]]
    sys.exit(import_module(MAINS[program]).main())


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
