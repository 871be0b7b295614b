"""A chain of linear layers compiled for the CPU: what they compute, where they lie, and the threads that run them.

Products of a few rows by many weights are bound by the reading of the weights, and each one that torch runs ends
at a barrier of its own. Here one call runs all of them for one position: each thread computes its share of every
layer's outputs from packed weights and waits for the others only between layers. The helping threads live as
long as the chain is open and spend all of it inside one compiled call without the GIL. Torch's own pool is left
alone, and so is numba's (see `recurrence.scan.compiled`).

Shapes: T positions, B rows.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from newllm.kernels.memory import aligned
from newllm.kernels.processor import has_avx512_kernels
from newllm.kernels.threads import threads_for

FEWEST_POSITIONS = 24  # 4 are faster already, but a tiny run shall not load numba, or compile for two seconds
MOST_ROWS = 64  # torch's own products of more rows are no slower


class Stage(NamedTuple):
    """One linear layer, `out[t] = mask[t] * where(gate[t] > 0, f(given[t] @ weight.T + add[t]), 0)`.

    float32 on the CPU; `add`, `gate` and `mask` may have axes of length 1 and are left out where None. A stage may
    be given what the one before put out, not what it puts out itself.
    """

    weight: Tensor  # [out, in], in any layout
    given: Tensor  # [T, B, in]
    out: Tensor  # [T, B, out]
    add: Tensor | None = None  # [T, B, out]
    relu: bool = False  # f
    gate: Tensor | None = None  # [T, B, out]
    mask: Tensor | None = None  # [T, B, out]


def is_worth_chaining(like: Tensor) -> bool:
    """Return whether a chain can run here and is faster: for `[T, B, ...]` tensors like this one."""
    length, rows = like.shape[:2]
    is_worth_it = length >= FEWEST_POSITIONS and 1 <= rows <= MOST_ROWS
    return is_worth_it and like.device.type == "cpu" and like.dtype == torch.float32 and has_avx512_kernels()


class Chain:
    """Stages to be run at every position in turn; open it (`with`) and call it with each position.

    Args:
        stages: in order.
        positions: in the order of the calls to come.
    """

    def __init__(self, stages: Sequence[Stage], positions: range) -> None:
        from newllm.kernels.barrier import new_barrier  # numba is an extra, and slow to import
        from newllm.model.chain import kernel

        self._kernel, self._positions, self._rows = kernel, positions, stages[0].out.shape[1]
        self._stages = [_whole(stage) for stage in stages]  # kept: the table holds addresses only
        self._packed = _pack_all([stage.weight for stage in stages])
        self._table = np.array([_row(*pair) for pair in zip(self._stages, self._packed, strict=True)], np.int64)
        self._barrier = new_barrier(10_000_000)  # a sleeper looks 100 times a second
        self._threads = threads_for(self._rows * sum(stage.weight.numel() for stage in stages))
        widest = max(stage.weight.shape[1] for stage in stages)
        self._rooms = np.empty((self._threads, self._rows, widest + kernel.SPACING), np.float32)
        self._followers: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._done = 0

    def __enter__(self) -> Self:
        """Start the other threads."""
        try:
            for thread in range(1, self._threads):
                follower = threading.Thread(target=self._follow, args=(thread,), name="newllm-chain", daemon=True)
                follower.start()
                self._followers.append(follower)
        except BaseException:
            self._abandon()
            raise
        return self

    def __call__(self, t: int) -> None:
        """Run all stages at this position, the next one."""
        self._kernel.run_positions(self._table, (t, 0, 1, self._done), self._team(0))
        self._done += 1
        if self._failures:
            raise self._failures[0]

    def __exit__(self, *_: object) -> None:
        """Let the other threads end, wherever they are."""
        self._abandon()
        for follower in self._followers:
            follower.join()

    def _follow(self, thread: int) -> None:
        try:
            order = self._positions.start, self._positions.step, len(self._positions), 0
            self._kernel.run_positions(self._table, order, self._team(thread))
        except BaseException as failure:  # the leading thread raises it
            self._failures.append(failure)
            self._abandon()

    def _team(self, thread: int) -> tuple[int, ...]:
        return self._rows, thread, self._threads, self._barrier.ctypes.data, self._rooms[thread].ctypes.data

    def _abandon(self) -> None:
        from newllm.kernels.barrier import abandon

        abandon(self._barrier)


def _whole(stage: Stage) -> Stage:
    """Return the stage with every operand of the shape of its product, ready to be addressed."""
    zero, one = stage.out.new_zeros(stage.out.shape[2]), stage.out.new_ones(stage.out.shape[2])
    given, add, gate, mask = (
        value if value.stride(-1) == 1 else value.contiguous()
        for value in (stage.given, _or(stage.add, zero), _or(stage.gate, one), _or(stage.mask, one))
    )
    add, gate, mask = (value.expand_as(stage.out) for value in (add, gate, mask))
    return stage._replace(given=given, add=add, gate=gate, mask=mask)


def _or(value: Tensor | None, otherwise: Tensor) -> Tensor:
    return otherwise if value is None else value


def _row(stage: Stage, packed: Tensor) -> list[int]:
    """Return the stage as the kernel reads it."""
    outputs, inputs = stage.weight.shape
    row = [packed.data_ptr(), inputs, outputs, int(stage.relu)]
    for operand in (stage.given, stage.out, stage.add, stage.gate, stage.mask):
        assert operand is not None
        assert operand.dtype == torch.float32
        row += [operand.data_ptr(), 4 * operand.stride(0), 4 * operand.stride(1)]
    return row


def _pack_all(weights: Sequence[Tensor]) -> list[Tensor]:
    """Return weights as panels of 16 outputs, `[ceil(out / 16), in, 16]`, aligned to cache lines."""
    shapes = [(-(-len(weight) // 16), weight.shape[1], 16) for weight in weights]
    sizes = [panels * inputs * lanes for panels, inputs, lanes in shapes]
    parts = torch.from_numpy(aligned(sum(sizes), np.float32)).split(sizes)
    packed = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
    for weight, into in zip(weights, packed, strict=True):
        _pack(weight.detach(), into)
    return packed


def _pack(weight: Tensor, into: Tensor) -> None:
    whole, rest = divmod(len(weight), 16)
    into[:whole] = weight[: 16 * whole].unflatten(0, (whole, 16)).transpose(1, 2)
    if rest:
        into[whole] = 0.0
        into[whole, :, :rest] = weight[16 * whole :].t()
