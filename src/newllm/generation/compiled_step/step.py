"""Tokens of a stack as one compiled call, with all memory between its stages allocated beforehand.

Shapes: B rows, N texts, T positions, V vocabulary.
"""

import threading
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain

import numpy as np
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.generation.compiled_step import fields, kernel
from newllm.generation.compiled_step.passes import DIGITS
from newllm.generation.compiled_step.plan import Plan
from newllm.generation.compiled_step.state import TAIL, PackedState
from newllm.generation.compiled_step.team import Team
from newllm.kernels.memory import aligned
from newllm.kernels.threads import threads_for
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel

_SPACING = 64  # bytes between rows: rows a power of two apart would drive one another out of the cache
_MOST_PANELS = 4  # of a group: delta, two gates and the output gate


class CompiledStep:
    """Reads tokens. Calls from several threads take turns.

    Args:
        model: one that is `decodable`; its weights are copied as they are now.
        weights: the precision that they are kept in.
    """

    def __init__(self, model: LanguageModel, weights: str) -> None:
        config = model.config
        looked_up = ("embedding", "ngrams")
        products = sum(p.numel() for name, p in model.named_parameters() if not name.startswith(looked_up))
        products += model.head.weight.numel() if model.head.weight is model.embedding.weight else 0
        with torch.no_grad():
            self._plan = plan = Plan(model, weights, threads_for(products))
        self.weight_bytes = plan.weight_bytes
        self._layout = plan.layout
        self._vocabulary, self._reads = config.vocabulary, config.norm == "read"
        self._ngram_rows = config.ngram_rows
        self._job = np.zeros(fields.JOB_FIELDS, np.int64)
        self._fields = self._job.data
        self._team, self._lock, self._room = Team(kernel.RUN[plan.kind], plan.table, self._job), threading.Lock(), 0

    @property
    def threads(self) -> int:
        """How many threads share the next step."""
        return self._team.threads

    def step(self, tokens: Sequence[int], state: State) -> tuple[Tensor, PackedState]:
        """Read a token a row.

        Args:
            tokens: ids of the vocabulary, one for each row of the state.
            state: this step's or the model's own, at positions that the model has.

        Returns:
            The logits of each row's next token, row after row `[B * V]`, and the next state; both in new memory.

        Raises:
            UserError: the state has other rows.
        """
        rows, before = len(tokens), self._layout.packed(state)
        if before.rows != rows:
            raise UserError(f"{rows} tokens for a state of {before.rows} rows: give one token for each row")
        memory = torch.empty(rows, self._layout.floats)
        after, size = PackedState(self._layout, memory, 0, rows), 4 * self._layout.floats
        starts, ends = (range(state.address, state.address + rows * size, size) for state in (before, after))
        return self._run(tokens, starts, ends, range(rows)), after

    def read(self, texts: Sequence[Sequence[int]], states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Read tokens of several texts, each token with the bits that it has alone.

        Args:
            texts: of each its next tokens, at least one, at positions that the model has.
            states: of each its state, of one row.

        Returns:
            The logits after each text's last token, text after text `[N * V]`, and the next states; all in new memory.

        Raises:
            UserError: a state has several rows.
        """
        before, counts = [self._layout.packed(state) for state in states], [len(text) for text in texts]
        if any(state.rows != 1 for state in before):
            raise UserError("a text's state has several rows: give each text a state of one")
        memory, size = torch.empty(len(texts), self._layout.floats), 4 * self._layout.floats
        ends = [last - 1 for last in accumulate(counts)]
        starts, leaves = array("q", bytes(8 * (ends[-1] + 1))), array("q", bytes(8 * (ends[-1] + 1)))
        for i, (state, end, count) in enumerate(zip(before, ends, counts, strict=True)):
            starts[end + 1 - count], leaves[end] = state.address, memory.data_ptr() + i * size
        logits = self._run(list(chain.from_iterable(texts)), starts, leaves, ends)
        return logits, [PackedState(self._layout, memory, i, 1) for i in range(len(texts))]

    def read_all(self, tokens: Sequence[int], state: State) -> tuple[Tensor, PackedState]:
        """Read some tokens of one text; return the logits after each of them, `[T * V]`, and the next state."""
        before, between = self._layout.packed(state), [0] * (len(tokens) - 1)
        after = PackedState(self._layout, torch.empty(1, self._layout.floats), 0, 1)
        logits = self._run(tokens, [before.address, *between], [*between, after.address], range(len(tokens)))
        return logits, after

    def close(self) -> None:
        """End the helping threads; a later call starts them anew."""
        self._team.close()

    def _run(self, tokens: Sequence[int], before: Sequence[int], after: Sequence[int], heads: Sequence[int]) -> Tensor:
        """Read a row a token, from and to states at these addresses (see `kernel`); return the logits of some rows."""
        rows, logits = len(tokens), torch.empty(len(heads) * self._vocabulary)
        with self._lock:
            if rows > self._room:
                self._make_room(rows)
            for place, values in enumerate((tokens, before, after, heads)):
                self._arrays[place, : len(values)] = values
            self._fields[fields.ROWS], self._fields[fields.LOGITS_ROWS] = rows, len(heads)
            self._fields[fields.LOGITS] = logits.data_ptr()
            self._team.run(rows)
        return logits

    def _make_room(self, rows: int) -> None:
        """Allocate what is written between the stages, for up to so many rows, and say where it is."""
        plan = self._plan
        # A row as floats, its digits, and a line of what belongs to the digits.
        stride = _lines(max(plan.width, plan.channels, plan.hidden) * (4 + DIGITS)) + 64 + _SPACING
        wide = 4 * plan.projected + _SPACING
        sums = max(
            64 * (max(kernel.SUMS_AT_ONCE, 2 * _MOST_PANELS * rows) + rows), 4 * fields.VECTORS * plan.head_width
        )
        norms = 4 * plan.width * (rows + TAIL * (1 + rows // 2))  # a text of several rows has its tail in front
        room = norms + rows * stride + sums
        self._memory = aligned(rows * (4 * stride + wide) + len(plan.table) * room)
        self._memory.fill(0xFF)  # NaN
        self._arrays = np.zeros((4, rows), np.int64)
        start = self._memory.ctypes.data
        addresses = {
            place: start + i * rows * stride
            for i, place in enumerate((fields.X, fields.MIXED, fields.HIDDEN, fields.CONTEXTS, fields.PROJECTED))
        } | {
            place: self._arrays[i].ctypes.data
            for i, place in enumerate((fields.TOKENS, fields.BEFORE, fields.AFTER, fields.LOGITS_OF))
        }
        shape = {
            fields.EMBEDDING: plan.embedding,
            fields.LEARNED: plan.learned,
            fields.PAIRS: plan.pairs,
            fields.TRIPLES: plan.triples,
            fields.NGRAM_ROWS: self._ngram_rows,
            fields.WIDTH: plan.width,
            fields.VOCABULARY: self._vocabulary,
            fields.READS: int(self._reads),
            fields.STRIDE: stride,
            fields.WIDE: wide,
            fields.ROOMS: start + rows * (4 * stride + wide),
            fields.ROOM_SIZE: room,
            fields.TAKEN: norms,
            fields.SUMS: norms + rows * stride,
        }
        for field, value in (addresses | shape).items():
            self._job[field] = value
        self._room = rows


def _lines(size: int) -> int:
    return -(-size // 64) * 64
