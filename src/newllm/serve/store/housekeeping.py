"""A thread that tidies now and then, and spends little of the time on it."""

import contextlib
import threading
import time
from collections.abc import Callable

_SHARE = 10  # at most one part in so many of the time is spent on tidying
_PATIENCE = 2.0  # seconds to wait for the last one


class Housekeeping:
    """Calls a function in a thread of its own: at once, when asked, and after some time without.

    However often it is asked, it rests ten times as long as the last tidying took: a directory on a slow file server
    may take seconds to look at.

    Args:
        tidy: the function; an `OSError` of it is passed over: the next put or get says what is wrong.
        every: seconds from one call to the next where nobody asks.
    """

    def __init__(self, tidy: Callable[[], None], every: float) -> None:
        self._tidy, self._every = tidy, every
        self._asked, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="newllm-store", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Tidy soon."""
        self._asked.set()

    def close(self) -> None:
        """End the thread, if it is not at a long tidying: that ends with the process."""
        self._ended.set()
        self._asked.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._asked.clear()
            began = time.monotonic()
            with contextlib.suppress(OSError):
                self._tidy()
            self._ended.wait((_SHARE - 1) * (time.monotonic() - began))
            self._asked.wait(self._every)
