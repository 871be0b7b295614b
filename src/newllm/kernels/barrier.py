"""Where threads meet without the GIL and without torch's pool, as machine code for Linux on x86-64.

A barrier is four 64-bit integers: arrivals, how many sleep, seconds and nanoseconds after which a sleeper looks.
Whoever waits looks for some microseconds and then sleeps in the kernel, so that a waiting thread costs nothing.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from newllm.kernels.machine_code import compiled, operation
from newllm.kernels.memory import LINE, aligned

SLEEPERS, TIMEOUT = 8, 16  # bytes
ABANDONED = 1 << 62  # arrivals when everyone shall leave
_FUTEX_CALL, _FUTEX_WAIT, _FUTEX_WAKE = 202, 128, 129  # inside one process
_YIELD_CALL, _BETWEEN_YIELDS = 24, 1024

_int64 = ir.IntType(64)


@operation
def _add(_typing, address, amount):
    """Add to the 64-bit number at this address and return what it was, in one order that all threads see."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", builder.inttoptr(arguments[0], _int64.as_pointer()), arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@operation
def look(_typing, address):
    """Return the 64-bit number at this address, as another thread may have left it."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(arguments[0], _int64.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), emit


@operation
def _futex(_typing, address, wake, value, timeout):
    """Sleep until woken, unless the lower half of the number at `address` is no longer `value`; or wake so many."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        call = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_int64, [_int64], var_arg=True), "syscall"
        )
        return builder.call(call, [_int64(_FUTEX_CALL), *arguments])

    return types.int64(*[types.int64] * 4), emit


@operation
def _yield(_typing):
    """Let another thread run on this processor, if one wants to."""

    def emit(_context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        call = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_int64, [_int64], var_arg=True), "syscall"
        )
        return builder.call(call, [_int64(_YIELD_CALL)])

    return types.int64(), emit


@compiled
def meet(barrier, target, patience, alert):
    """Wait until all have arrived, `target` in all since the beginning.

    Whoever waits looks `patience` times and then sleeps; after `alert` looks it lets others run between looks, whom
    it may be waiting for: two threads may have come to one processor. Sleepers are woken before others run on, so
    that a busy machine does not hold up both.
    """
    if _add(barrier, 1) + 1 == target:
        if look(barrier + SLEEPERS) > 0:
            _futex(barrier, _FUTEX_WAKE, 1 << 30, 0)
        return
    for i in range(patience):
        if look(barrier) >= target:
            return
        if i >= alert and i % _BETWEEN_YIELDS == 0:
            _yield()
    count = look(barrier)
    while count < target:
        _add(barrier + SLEEPERS, 1)
        _futex(barrier, _FUTEX_WAIT, count & 0xFFFFFFFF, barrier + TIMEOUT)
        _add(barrier + SLEEPERS, -1)
        count = look(barrier)


@compiled
def _wake(barrier):
    """Have all who sleep look again."""
    _futex(barrier, _FUTEX_WAKE, 1 << 30, 0)


def new_barrier(nanoseconds: int) -> np.ndarray:
    """Return a barrier, alone in its cache line, whose sleepers look again by themselves after so long."""
    barrier = aligned(LINE // 8, np.int64)[:4]
    barrier[:] = 0, 0, *divmod(nanoseconds, 10**9)
    return barrier


def abandon(barrier: np.ndarray) -> None:
    """Have all leave, wherever they are."""
    barrier[0] = ABANDONED
    _wake(barrier.ctypes.data)
