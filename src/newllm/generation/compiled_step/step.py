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
from newllm.generation.compiled_step.team import Team
from newllm.kernels.memory import aligned
from newllm.kernels.threads import threads_for
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel

_ADDRESSES = struct.Struct("=4q")  # the job's first fields: BEFORE, AFTER, LOGITS, TOKENS
_SPACING = 64  # bytes between rows: rows a power of two apart would drive one another out of the cache
_MOST_PANELS = 4  # of a group: delta, two gates and the output gate


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
            self._team.run(rows)
        return logits, PackedState(self._layout, memory, rows)

    def close(self) -> None:
        """End the helping threads; a later call starts them anew."""
        self._team.close()

    def _make_room(self, rows: int) -> None:
        """Allocate what is written between the stages, for so many rows, and say where it is."""
        plan = self._plan
        # A row as floats, its digits, and a line of what belongs to the digits.
        stride = _lines(max(plan.width, plan.channels, plan.hidden) * (4 + DIGITS)) + 64 + _SPACING
        sums = 64 * (max(kernel.SUMS_AT_ONCE, 2 * _MOST_PANELS * rows) + rows)
        places = {kernel.TAKEN: 4 * plan.width, kernel.SUMS: 4 * plan.width + rows * stride}
        room = 4 * plan.width + rows * stride + sums
        self._memory = aligned(3 * rows * stride + len(plan.table) * room)
        self._memory.fill(0xFF)  # NaN
        start = self._memory.ctypes.data
        addresses = {
            place: start + i * rows * stride
            for i, place in enumerate((kernel.X, kernel.MIXED, kernel.HIDDEN, kernel.ROOMS))
        }
        shape = {
            kernel.ROWS: rows,
            kernel.START: 4 * self._layout.start(rows),
            kernel.EMBEDDING: plan.embedding,
            kernel.LEARNED: plan.learned,
            kernel.WIDTH: plan.width,
            kernel.VOCABULARY: self._vocabulary,
            kernel.READS: int(self._reads),
        }
        for field, value in (places | addresses | shape | {kernel.STRIDE: stride, kernel.ROOM_SIZE: room}).items():
            self._job[field] = value
        self._rows = rows


def _lines(size: int) -> int:
    return -(-size // 64) * 64
