"""A setting of the whole process that holds while one replica computes, and not a moment longer.

Replays of anyone's loop run in the process that asked for them, so that a setting that stayed would change what
comes after them, the next null replay first.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from newllm.replays.replica import Replica


def within(replica: Replica, setting: Callable[[], AbstractContextManager[None]]) -> None:
    """Let updates, probes and evaluations of a replica run inside a setting.

    Args:
        replica: changed in place.
        setting: opened before each call and closed after it.
    """

    def inside(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def run(*args: Any) -> Any:
            with setting():
                return call(*args)

        return run

    for name in ("update", "probe", "evaluate"):
        setattr(replica, name, inside(getattr(replica, name)))
