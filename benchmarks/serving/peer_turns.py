"""Peers that take turns: whoever has no turn is stopped."""

import contextlib
import os
import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from lines import LineProcess
from ranges import ratios, spread
from served import Served
from streams import ROWS, Extent, load

OURS = "newllm serve"
Speed = Callable[[int], float]


@dataclass
class Peer:
    """What is measured in its turn.

    Attributes:
        speed: tokens a second of so many requests at once.
        pids: its processes, which are stopped while others have their turn.
        server: None where there is none.
    """

    speed: Speed
    pids: list[int]
    server: Served | None = None

    @contextlib.contextmanager
    def awake(self) -> Generator[None]:
        """Let it run."""
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        if self.server is not None:
            self.pids = self.server.processes
        for pid in self.pids:
            os.kill(pid, number)


def compared(peers: dict[str, Peer], failed: dict[str, str], asking: LineProcess, extent: Extent) -> dict[str, Any]:
    """Return the speeds in turns, then the load of each.

    Args:
        peers: all stopped; one that fails is taken out.
        failed: gets its name and why.
        asking: the clients.
        extent: how much is measured.
    """
    speeds: dict[str, dict[int, list[float]]] = {name: {ROWS: [], 1: []} for name in peers}
    loads = dict[str, Any]()

    def each(ask: Callable[[str, Peer], None]) -> None:
        for name, peer in list(peers.items()):
            try:
                with peer.awake():
                    ask(name, peer)
            except (OSError, RuntimeError, ValueError) as error:
                failed[name] = why(error)
                del peers[name]

    def add_speed(name: str, peer: Peer) -> None:
        for rows, found in speeds[name].items():
            found.append(peer.speed(rows))

    def add_load(name: str, peer: Peer) -> None:
        if peer.server is not None:
            loads[name] = {"load": load(asking, peer.server, extent.peer_seconds)}

    for _ in range(extent.peer_rounds + 1):
        each(add_speed)
    each(add_load)
    return {
        "cores": 1,
        "measured": {name: {**_told(speeds[name], speeds[OURS]), **loads.get(name, {})} for name in peers},
    }


def _told(speeds: dict[int, list[float]], ours: dict[int, list[float]]) -> dict[str, Any]:
    """Return each speed and what it is of ours, without the first round, which was to warm up."""
    found = dict[str, Any]()
    for rows, values in speeds.items():
        found[f"tokens_a_second_of_{rows}"] = spread(values[1:])
        found[f"by_ours_of_{rows}"] = ratios(values[1:], ours[rows][1:])
    return found


def why(error: Exception) -> str:
    """Return an error as a result names it."""
    return f"{type(error).__name__}: {error}"[:300]
