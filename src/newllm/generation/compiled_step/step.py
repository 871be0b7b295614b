"""A stack's step as one compiled call, with all its memory allocated beforehand.

Shapes: B rows, V vocabulary.
"""

import struct
import threading
from array import array
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.generation.compiled_step import kernel
from newllm.generation.compiled_step.passes import DIGITS
from newllm.generation.compiled_step.plan import Plan
from newllm.generation.compiled_step.state import Layout, PackedState
from newllm.generation.compiled_step.team import Team, threads_for
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel

_ADDRESSES = struct.Struct("=4q")  # the job's first fields: BEFORE, AFTER, LOGITS, TOKENS
_SPACING = 16  # floats between rows: rows a power of two apart would drive one another out of the cache


class CompiledStep:
    """Reads a token a row. Calls from several threads take turns.

    Args:
        model: one that is `decodable`; its weights are copied as they are now.
        weights: the precision that they are kept in.
    """

    def __init__(self, model: LanguageModel, weights: str) -> None:
        config = model.config
        products = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("embedding"))
        with torch.no_grad():
            self._plan = plan = Plan(model, weights, threads_for(products))
        self.weight_bytes = plan.weight_bytes
        self._layout = Layout(config.layers, (config.context, plan.channels), (config.width, plan.width))
        self._vocabulary, self._reads = config.vocabulary, config.norm == "read"
        self._job = np.zeros(kernel.JOB_FIELDS, np.int64)
        self._bytes = self._job.data.cast("B")
        self._team, self._lock, self._rows = Team(kernel.RUN[plan.kind], plan.table, self._job), threading.Lock(), 0

    @property
    def threads(self) -> int:
        """How many threads share the next step."""
        return self._team.threads

    def __call__(self, tokens: Sequence[int], state: State) -> tuple[Tensor, PackedState]:
        """Read a token a row.

        Args:
            tokens: ids of the vocabulary, one for each row of the state.
            state: this step's or the model's own, at positions that the model has.

        Returns:
            The logits of each row's next token, row after row `[B * V]`, and the next state; both in new memory.

        Raises:
            UserError: the state has other rows.
        """
        rows, given, before = len(tokens), array("q", tokens), self._layout.packed(state)
        if before.rows != rows:
            raise UserError(f"{rows} tokens for a state of {before.rows} rows: give one token for each row")
        memory, logits = torch.empty(len(before.memory)), torch.empty(rows * self._vocabulary)
        addresses = before.memory.data_ptr(), memory.data_ptr(), logits.data_ptr(), given.buffer_info()[0]
        with self._lock:
            if rows != self._rows:
                self._make_room(rows)
            _ADDRESSES.pack_into(self._bytes, 0, *addresses)
            self._team.run()
        return logits, PackedState(self._layout, memory, rows)

    def close(self) -> None:
        """End the helping threads; a later call starts them anew."""
        self._team.close()

    def _make_room(self, rows: int) -> None:
        """Allocate what is written between the stages, for so many rows."""
        plan = self._plan
        widest = max(plan.width, plan.channels, plan.hidden)
        # Inputs as floats, their digits, and a line of what belongs to the digits.
        taken = _lines(widest * (4 + DIGITS) + 64) + 4 * _SPACING
        normed = 0
        sums = normed + 4 * plan.width
        first_taken = sums + 64 * (max(kernel.SUMS_AT_ONCE, 2 * 4 * rows) + rows)
        room = first_taken + rows * taken
        self._rooms = _Rooms(
            {
                kernel.X: (rows, 4 * (plan.width + _SPACING)),
                kernel.MIXED: (rows, 4 * (plan.channels + _SPACING)),
                kernel.HIDDEN: (rows, 4 * (plan.hidden + _SPACING)),
                kernel.ROOMS: (len(plan.table), room),
            }
        )
        for place, (address, stride) in self._rooms.places.items():
            self._job[place], self._job[place + 1] = address, stride
        for field, value in {
            kernel.ROWS: rows,
            kernel.EMBEDDING: plan.embedding,
            kernel.LEARNED: plan.learned,
            kernel.WIDTH: plan.width,
            kernel.VOCABULARY: self._vocabulary,
            kernel.START: 4 * self._layout.start(rows),
            kernel.NORMED: normed,
            kernel.SUMS: sums,
            kernel.TAKEN: first_taken,
            kernel.TAKEN_STRIDE: taken,
            kernel.READS: int(self._reads),
        }.items():
            self._job[field] = value
        self._rows = rows


class _Rooms:
    """One piece of memory cut into rows, each part and each row at the beginning of a cache line."""

    def __init__(self, parts: dict[int, tuple[int, int]]) -> None:
        sizes = {place: (rows, _lines(size)) for place, (rows, size) in parts.items()}
        self._memory = np.full(sum(rows * size for rows, size in sizes.values()) + 64, 0xFF, np.uint8)  # NaN
        at = self._memory.ctypes.data + -self._memory.ctypes.data % 64
        self.places = {}
        for place, (rows, size) in sizes.items():
            self.places[place] = (at, size)
            at += rows * size


def _lines(size: int) -> int:
    return -(-size // 64) * 64
