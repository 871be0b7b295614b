"""Whether Ray is still there, by its ports: a raylet that has gone is told at once, a GCS may come back."""

import socket
import time

import pytest

from newllm.engines import ray_liveness
from newllm.engines.ray_liveness import Liveness
from newllm.errors import UserError


def listener(port: int = 0) -> tuple[socket.socket, str]:
    """Return a process that listens and never answers, as one that is stopped, and its address."""
    found = socket.create_server(("127.0.0.1", port))
    return found, f"127.0.0.1:{found.getsockname()[1]}"


def test_a_raylet_that_has_gone_is_told_at_once_and_a_busy_one_is_there() -> None:
    (raylet, own), (gcs, its) = listener(), listener()
    with gcs:
        liveness = Liveness(own, its)
        liveness.check()
        raylet.close()
        with pytest.raises(UserError) as told:
            liveness.check()
    assert str(told.value) == (
        f"--engine ray: Ray has ended (no raylet at {own} any more, its logs are in /tmp/ray): the same command goes on"
    )


def test_a_gcs_may_come_back_and_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    (raylet, own), (gcs, its) = listener(), listener()
    with raylet:
        liveness = Liveness(own, its)
        gcs.close()
        now[0] += ray_liveness._AWAY - 1
        liveness.check()
        with listener(int(its.rpartition(":")[2]))[0]:
            liveness.check()
        now[0] += ray_liveness._AWAY - 1
        liveness.check()
        now[0] += 1
        with pytest.raises(UserError, match=rf"^--engine ray: Ray has ended \(no GCS at {its} for 20 s, .*goes on$"):
            liveness.check()
