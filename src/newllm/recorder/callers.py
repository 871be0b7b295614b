"""Who called: what is not handed to a hook or a callback is found on the call stack."""

import inspect
from collections.abc import Callable
from typing import Any


def find_caller(is_wanted: Callable[[Any], bool], deepest: int) -> Any:
    """Return the nearest object of which a method is being run, that is wanted; None without one.

    Args:
        is_wanted: says of an object whether it is.
        deepest: how many calls above the caller of this function are looked at.
    """
    frame = inspect.currentframe()
    for _ in range(deepest + 1):
        frame = frame.f_back if frame is not None else None
        if frame is None:
            return None
        caller = frame.f_locals.get("self")
        if is_wanted(caller):
            return caller
    return None
