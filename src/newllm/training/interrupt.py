"""Ctrl-C and SIGTERM ask a run to stop after its step; a second one stops it at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from newllm.errors import TerminatedError


class Interrupt:
    """Whether somebody asked to stop, and how."""

    def __init__(self, signal_name: str | None = None) -> None:
        self.signal_name = signal_name

    def hear(self, signal_name: str | None) -> None:
        """Take in that another process of the training was asked to stop, None where none was."""
        self.signal_name = self.signal_name or signal_name

    def __bool__(self) -> bool:
        return self.signal_name is not None


@contextlib.contextmanager
def listening(before: str | None = None) -> Iterator[Interrupt]:
    """Catch SIGINT and SIGTERM inside the block. Outside the main thread nothing can be caught, or is.

    Args:
        before: the signal that was received before and is still to be obeyed, None where there is none.
    """
    interrupt = Interrupt(before)
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the form signal wants)
        if interrupt:
            raise TerminatedError if number == signal.SIGTERM else KeyboardInterrupt
        interrupt.signal_name = signal.Signals(number).name

    handlers = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
