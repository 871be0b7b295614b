"""How this project compiles with numba: without the GIL, and kept on disk where the installation may be written.

Also what its machine code written for LLVM by hand has in common.

numba is an extra: this module imports it, and nothing imports this module before it is known to be there.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic

LANES = 16  # float32 of a vector: one cache line
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
"""How everything here is compiled, what kernels call inside of themselves too."""


def compiled(kernel: Callable[..., Any], **more: Any) -> Any:
    """Return the kernel compiled lazily, once for each kind of argument.

    numba looks at the date of the kernel's own file to know whether the machine code that it kept is still right:
    what a kernel calls belongs into the same file.

    Args:
        kernel: a function that numba can compile.
        **more: further options of `numba.njit`.
    """
    options = {**OPTIONS, **more}
    try:
        return numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # numba finds no place for its cache
        return numba.njit(**options)(kernel)


def source_of(*modules: Any, file: str) -> int:
    """Return a number that changes with these modules and this file; never 0.

    numba looks at one file's date: a kernel whose code stands in several has this number in its own code.
    """
    content = b"\0".join(Path(path).read_bytes() for path in (*(module.__file__ for module in modules), file))
    return int.from_bytes(hashlib.sha256(content).digest()[:7], "little") | 1


def operation(definition: Callable[..., Any]) -> Any:
    """Give numba an operation by the machine code that it emits.

    A function that calls operations with addresses, and is called by others, belongs inside of its caller
    (`numba.njit(inline="always")`). Compiled by itself it is optimised a second time there, after LLVM has made its
    code: by then an address of integers may be written as an offset from address 0 and, where LLVM can see the 0, its
    store is taken for one that never happens (LLVM 22 for processors of Ice Lake's kind).
    """
    return intrinsic(prefer_literal=True)(definition)


@operation
def borrowed(_typing: Any, array: Any) -> Any:
    """Return an array whose references are not counted: its owner is the caller, who waits.

    numba counts the references to each slice in the memory of the array that it is of, and threads that slice one
    array at each position wait for one another: two are as slow as one.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (kind,) = signature.args
        view = context.make_array(kind)(context, builder, value=arguments[0])
        view.meminfo = ir.Constant(view.meminfo.type, None)
        return impl_ret_untracked(context, builder, kind, view._getvalue())

    return array(array), emit


def function(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of LLVM's or the C library's by name."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


def spread(builder: Any, scalar: Any) -> Any:
    """Return a vector of 16 times this scalar."""
    integer = ir.IntType(32)
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    one = builder.insert_element(undefined, scalar, integer(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(integer, LANES), [0] * LANES))
