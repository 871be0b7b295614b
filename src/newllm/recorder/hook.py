"""Hooks that stay with the model they were put on: copies of it, and what is saved of it, are not watched.

A copy of a module takes its hooks along, and with a hook whatever that holds: here a recorder with its open file. So a
training that keeps a copy of its best model, or an average of its weights, would end.
"""

import contextlib
from collections.abc import Callable
from typing import Any


class Hook:
    """Calls a function; a copy of it, or what is saved of it, does nothing.

    Args:
        function: with the form of a hook of a module.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self._function(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Hook":
        """Return a hook that does nothing."""
        return Hook(nothing)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, str]]:
        """Save what does nothing and is there where this package is not: it takes whatever it is given."""
        return getattr, (contextlib.nullcontext(), "__exit__")


def nothing(*args: Any, **kwargs: Any) -> None:
    """Take whatever a hook is given, and change nothing."""
