"""Whether the Ray that a command runs on is still there, as the ports of its processes tell.

Ray itself cannot be asked. Where its node process (the raylet) is killed, the driver may hear nothing: as long as that
process is a zombie the workers take it as alive, go on, and give no further task a place. Where the cluster's store
(the GCS) is killed, a question waits, and after 60 seconds Ray ends the process that asks.
"""

import socket
import time
from typing import Self

from newllm.errors import UserError

_AWAY = 20.0  # seconds for a GCS to come back, as one that keeps its data in Redis does; well below Ray's 60
_CONNECT = 2.0  # seconds for a connection
_LOGS = "its logs are in /tmp/ray"


class Liveness:
    """Looks whether the two processes are there that a driver cannot be without.

    Args:
        raylet: address (HOST:PORT) of the raylet that this process has joined; None where it may not be reached.
        gcs: address of the cluster's GCS; None likewise.
    """

    def __init__(self, raylet: str | None, gcs: str | None) -> None:
        self._raylet, self._gcs, self._seen = raylet, gcs, time.monotonic()

    @classmethod
    def joined(cls) -> Self:
        """Return it for the Ray that this process has joined."""
        import ray
        from ray.util.client import ray as client

        if client.is_connected():  # RAY_ADDRESS=ray://...: from outside, through a server that hears of a death itself
            return cls(None, None)
        context = ray.get_runtime_context()
        own = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
        return cls(f"{own['NodeManagerAddress']}:{own['NodeManagerPort']}", context.gcs_address)

    def check(self) -> None:
        """Look whether both are there; call it again and again.

        Raises:
            UserError: the raylet of this machine has ended, or the GCS has not been there for a while.
        """
        if self._raylet and not _answers(self._raylet):
            raise _ended(f"no raylet at {self._raylet} any more, {_LOGS}")
        if not self._gcs or _answers(self._gcs):
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen >= _AWAY:
            raise _ended(f"no GCS at {self._gcs} for {_AWAY:g} s, {_LOGS} on that machine")


def _answers(address: str) -> bool:
    """Whether a process listens there; one that is busy or stopped does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT).close()
    except OSError:
        return False
    return True


def _ended(why: str) -> UserError:
    return UserError(f"--engine ray: Ray has ended ({why}): the same command goes on")
