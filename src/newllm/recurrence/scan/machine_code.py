"""How this project compiles with numba: without the GIL, and kept on disk where the installation may be written."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(kernel: Callable[..., Any]) -> Any:
    """Return the kernel compiled lazily, once for each kind of argument."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
    try:
        return numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # numba finds no place for its cache
        return numba.njit(**options)(kernel)
