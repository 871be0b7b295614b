"""How this project compiles with numba: without the GIL, and kept on disk where the installation may be written.

Also what its machine code written for LLVM by hand has in common.

numba is an extra: this module imports it, and nothing imports this module before it is known to be there.
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16  # float32 of a vector: one cache line


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


def operation(definition: Callable[..., Any]) -> Any:
    """Give numba an operation by the machine code that it emits."""
    return intrinsic(prefer_literal=True)(definition)


def function(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of LLVM's or the C library's by name."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


def spread(builder: Any, scalar: Any) -> Any:
    """Return a vector of 16 times this scalar."""
    integer = ir.IntType(32)
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    one = builder.insert_element(undefined, scalar, integer(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(integer, LANES), [0] * LANES))
