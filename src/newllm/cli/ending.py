"""SIGTERM is an end like Ctrl-C: no worker is left behind, and a terminal gets its cursor back."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM inside the block."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
