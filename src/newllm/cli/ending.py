"""SIGTERM is an end like Ctrl-C: no worker is left behind, and a terminal gets its cursor back.

What a signal ends has the exit code that a shell expects: 128 and the signal's number, 130 after Ctrl-C, 143 after
SIGTERM.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from newllm.errors import TerminatedError


@contextlib.contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Raise TerminatedError on SIGTERM inside the block. Outside the main thread nothing can be caught, or is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Ending:
    """What ended a block.

    Attributes:
        code: the exit code of Ctrl-C or SIGTERM, None where the block ended by itself.
    """

    code: int | None = None


@contextlib.contextmanager
def until_ended() -> Iterator[Ending]:
    """Let Ctrl-C and SIGTERM end the block and nothing more: what comes after it is done all the same."""
    ending = Ending()
    try:
        with ending_on_sigterm():
            yield ending
    except KeyboardInterrupt as error:
        ending.code = exit_code(error)


def exit_code(ending: KeyboardInterrupt) -> int:
    """Return the exit code of what Ctrl-C or SIGTERM ended."""
    return 128 + (signal.SIGTERM if isinstance(ending, TerminatedError) else signal.SIGINT)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise TerminatedError
