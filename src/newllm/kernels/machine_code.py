"""How this project compiles with numba: without the GIL, and kept on disk where the installation may be written.

numba is an extra: this module imports it, and nothing imports this module before it is known to be there.
"""

from collections.abc import Callable
from typing import Any

import numba


def compiled(kernel: Callable[..., Any], **more: Any) -> Any:
    """Return the kernel compiled lazily, once for each kind of argument.

    numba looks at the date of the kernel's own file to know whether the machine code that it kept is still right:
    what a kernel calls belongs into the same file.

    Args:
        kernel: a function that numba can compile.
        **more: further options of `numba.njit`.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False, **more}
    try:
        return numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # numba finds no place for its cache
        return numba.njit(**options)(kernel)
