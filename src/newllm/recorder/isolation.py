"""Errors of the recorder stay in the recorder: a training goes on, whatever is the matter with what measures it.

A part that raises is reported once and measures nothing from then on; the other parts go on.
"""

from collections.abc import Callable
from typing import Any

Protect = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Turns a function of a part into one that raises nothing."""


Part = Callable[[str], Protect]
"""What protects the functions of a part, by its name."""


def unprotected(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as it is: its errors reach the caller."""
    return function


def no_isolation(name: str) -> Protect:  # noqa: ARG001 (a form)
    """Protect nothing, whatever the part."""
    return unprotected


class Isolation:
    """The parts of a recorder.

    Args:
        failed: called with the name of a part and its error, once a part.
    """

    def __init__(self, failed: Callable[[str, Exception], None]) -> None:
        self._failed = failed
        self._broken: set[str] = set()

    def part(self, name: str) -> Protect:
        """Return what protects the functions of this part: after the first error each does nothing and returns None."""

        def protect(function: Callable[..., Any]) -> Callable[..., Any]:
            def protected(*args: Any, **kwargs: Any) -> Any:
                if name in self._broken:
                    return None
                try:
                    return function(*args, **kwargs)
                except Exception as error:  # whatever it is, it is none of the training's
                    self._broken.add(name)
                    self._failed(name, error)
                    return None

            return protected

        return protect

    def end(self, name: str, close: Callable[[], None]) -> None:
        """Close what belongs to a part, one that has failed too: hooks that it has put somewhere are still there."""
        try:
            close()
        except Exception as error:  # as above
            if name not in self._broken:
                self._broken.add(name)
                self._failed(name, error)
