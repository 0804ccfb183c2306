"""A broker's own network, with a road to the store and a road to the centre, each of which can be broken alone.

A network namespace with a veth pair for each road; faults are nftables rules and queueing disciplines of its own, so
that nothing else on the machine can be touched. The namespace has no name: it lives as long as a process of ours that
holds it, which the kernel ends with us, and takes interfaces and rules away with it.
"""

import os
import subprocess
from pathlib import Path
from typing import Final, Literal

from central_sync.embedded.child import Child

Side = Literal["store", "centre"]

_SUBNETS: Final = 1 << 14  # pairs of /30 in 198.18.0.0/15, which RFC 2544 sets aside for tests of networks
_SLOW_BURST_BYTES: Final = 4_096
_SLOW_LATENCY_MS: Final = 400  # what waits longer is dropped, as a small router does


class Road:
    """One veth pair: our end has the address of a client, the other end that of the broker (`host`)."""

    def __init__(self, side: Side, holder: int, subnet: int) -> None:
        self._side = side
        self._inside = ["nsenter", "--target", str(holder), "--net", "--"]
        self.interface = f"hf{subnet:x}"
        self.host = _address(subnet, 2)
        _run("ip", "link", "add", self.interface, "type", "veth", "peer", "name", side, "netns", str(holder))
        _run("ip", "address", "add", f"{_address(subnet, 1)}/30", "dev", self.interface)
        _run("ip", "link", "set", self.interface, "up")
        _run(*self._inside, "ip", "address", "add", f"{self.host}/30", "dev", side)
        _run(*self._inside, "ip", "link", "set", side, "up")

    def drop_towards_broker(self) -> None:
        """What the client sends disappears; what the broker sends still arrives."""
        self._filter(towards="drop")

    def drop_from_broker(self) -> None:
        """What the broker sends disappears; what the client sends still arrives."""
        self._filter(away="drop")

    def reset(self) -> None:
        """Every segment of the client is answered with a TCP reset."""
        self._filter(towards="meta l4proto tcp reject with tcp reset")

    def lose(self, percent: int = 30) -> None:
        """So many packets of a hundred disappear at random, in either direction."""
        rule = f"numgen random mod 100 < {percent} drop"
        self._filter(towards=rule, away=rule)

    def slow_down(self, rate: str = "64kbit") -> None:
        """A thin line, in either direction."""
        line = ["tbf", "rate", rate, "burst", str(_SLOW_BURST_BYTES), "latency", f"{_SLOW_LATENCY_MS}ms"]
        _run("tc", "qdisc", "replace", "dev", self.interface, "root", *line)
        _run(*self._inside, "tc", "qdisc", "replace", "dev", self._side, "root", *line)

    def cut_connections(self) -> None:
        """Destroy every connection on it; new ones may be made at once."""
        _run(*self._inside, "ss", "--kill", "--tcp", "src", self.host)

    def mend(self) -> None:
        """Take every fault away."""
        _run(*self._inside, "nft", "--file", "-", stdin=self._without_table())
        for command in (
            ["tc", "qdisc", "del", "dev", self.interface, "root"],
            [*self._inside, "tc", "qdisc", "del", "dev", self._side, "root"],
        ):
            subprocess.run(command, capture_output=True, check=False)  # there is none, unless it was slowed down

    def remove(self) -> None:
        """Take both ends away now; the kernel would do it some time after the namespace has ended."""
        _run("ip", "link", "delete", self.interface)

    def _filter(self, *, towards: str = "accept", away: str = "accept") -> None:
        table = (
            f"table inet {self._side} {{\n"
            f" chain towards {{\n type filter hook input priority 0;\n iifname {self._side} {towards}\n }}\n"
            f" chain away {{\n type filter hook output priority 0;\n oifname {self._side} {away}\n }}\n"
            "}\n"
        )
        _run(*self._inside, "nft", "--file", "-", stdin=self._without_table() + table)

    def _without_table(self) -> str:
        return f"table inet {self._side} {{\n}}\ndelete table inet {self._side}\n"


class Roads:
    """The namespace and its two roads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._holder = Child(["unshare", "--net", "sleep", "infinity"], log=folder / "roads.log")
        self._holder.start()
        self._holder.wait_until(self._is_apart)
        self.inside = ("nsenter", "--target", str(self._holder.pid), "--net", "--")
        _run(*self.inside, "ip", "link", "set", "lo", "up")
        first = 2 * (os.getpid() % _SUBNETS)
        self.store = Road("store", self._holder.pid, first)
        self.centre = Road("centre", self._holder.pid, first + 1)

    def of(self, side: Side) -> Road:
        """The road to this side."""
        return self.store if side == "store" else self.centre

    def remove(self) -> None:
        """End the namespace; the broker that lived in it must have ended."""
        for road in (self.store, self.centre):
            road.remove()
        self._holder.stop()

    def _is_apart(self) -> bool:
        theirs = Path(f"/proc/{self._holder.pid}/ns/net").readlink()
        return theirs != Path("/proc/self/ns/net").readlink()


def _address(subnet: int, host: int) -> str:
    number = subnet * 4 + host
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def _run(*command: str, stdin: str | None = None) -> None:
    ended = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
