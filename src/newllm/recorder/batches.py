"""What the updates and the evaluations of a training are given: how large the inputs are, and which rows came before.

A row is known again by the sum of its bits, so that only an exact repetition is one: rows that are augmented, or cut
out of a text at any place, are new each time.
"""

import multiprocessing
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from newllm.recorder.given import Fingerprints, given
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.pending import Row
from newllm.recorder.token_pairs import MOST_PAIRS, Pairs, TokenPairs, find_pairs

MOST_KNOWN = 500_000  # rows whose fingerprints are kept: 30 MB
_MOST_NUMBERS = 1 << 22  # of a tensor whose mean is taken; of more, every second, third, ...


Given = tuple[list[Tensor], Tensor | None]
"""Inputs of a call, and the fingerprint of each of their rows (N,)."""


class BatchWatch:
    """Puts together what the calls of an update, or of an evaluation, are given.

    Args:
        protect: keeps errors from the training.
        is_resumed: whether updates came before: then nobody knows what these had.

    Attributes:
        latest: what the latest call with gradients was given.
    """

    def __init__(self, protect: Protect = unprotected, *, is_resumed: bool = False) -> None:
        self._protect = protect
        self._fingerprints, self._pairs = Fingerprints(), None if is_resumed else TokenPairs()
        self._update, self._evaluation = Calls(), Calls()
        self._known: set[int] | None = None if is_resumed else set()
        self._before: frozenset[int] = frozenset()
        self._batches: dict[int, int] = {}
        """The latest update of each batch, by a hash of its rows; as many as rows at most."""
        self._updates = 0
        self.latest: Given = [], None

    def called(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given:
        """Look at what a call with gradients is given; `count` says that it belongs to an update."""
        self._evaluation = Calls()  # passes without gradients that no evaluation followed: a policy that acts, say
        self.latest = self._look(args, kwargs)
        return self.latest

    def count(self, what: Given) -> None:
        """Add a call to the update."""
        self._update.add(*what)

    def evaluated(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Look at what a call without gradients is given, and add it to the evaluation."""
        self._evaluation.add(*self._look(args, kwargs))

    def _look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given:
        tensors = given(args, kwargs)
        return tensors, self._fingerprints.of(tensors)

    def put(self, row: Row, *, sampled: bool) -> None:
        """Record what this update was given."""
        calls, self._update, self.latest = self._update, Calls(), ([], None)
        calls.put_scale("input", row)
        calls.put_tokens(row)
        if self._pairs is not None:
            self._pairs.put(calls.pairs, row)
        if sampled and (workers := len(multiprocessing.active_children())):
            row.put("worker_processes", workers)
        if calls.rows:
            row.put_late(self._protect(lambda: self._compare(torch.cat(calls.rows), sampled=sampled)))

    def put_evaluation(self, row: Row) -> None:
        """Record what this evaluation was given."""
        calls, self._evaluation = self._evaluation, Calls()
        calls.put_scale("validation_input", row)
        if self._pairs is not None:
            self._pairs.put_evaluation(calls.pairs, row)
        if calls.rows:
            row.put_late(self._protect(lambda: self._share_known(torch.cat(calls.rows))))

    def _compare(self, rows: Tensor, *, sampled: bool) -> dict[str, float]:
        """Return how many rows an update had, and which share of them came before, in order of the updates."""
        each = rows.tolist()
        found = {"rows": float(len(each))}
        if repeated := sum(one in self._before for one in each) / len(each):
            found["rows_repeated"] = repeated
        self._before = frozenset(each)
        found |= self._again(hash(self._before))
        if len(self._before) < len(each):
            found["rows_equal"] = 1 - len(self._before) / len(each)
        if self._known is not None:
            found["rows_seen"] = sum(one in self._known for one in each) / len(each)
            self._known |= self._before
            if sampled:
                found["rows_distinct"] = float(len(self._known))
            if len(self._known) > MOST_KNOWN:
                self._known = None
        return found

    def _again(self, batch: int) -> dict[str, float]:
        """Return how many updates ago the same rows came together, unless that was the update before."""
        self._updates += 1
        if len(self._batches) > MOST_KNOWN:
            return {}
        before = self._batches.get(batch)
        self._batches[batch] = self._updates
        return {} if before is None or self._updates - before < 2 else {"batch_again": float(self._updates - before)}

    def _share_known(self, rows: Tensor) -> dict[str, float]:
        """Return how many rows an evaluation read, and which share of them was trained on before."""
        if self._known is None:
            return {}
        each = set(rows.tolist())
        return {
            "validation_rows": float(len(each)),
            "validation_rows_seen": len(each & self._known) / len(each),
        }


class Calls:
    """What the calls of one update, or of one evaluation, were given.

    Attributes:
        rows: the fingerprints of each call (N,).
        numbers: of a row of the first input, the most of all calls: the length of a text, say.
        pairs: of neighbouring tokens, of each call that is given texts.
    """

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self._moments: list[Tensor] = []
        self._tokens: list[Tensor] = []
        self.pairs: list[Pairs] = []
        self.numbers = 0

    @torch.no_grad()
    def add(self, tensors: list[Tensor], rows: Tensor | None) -> None:
        """Add one call."""
        if rows is not None:
            self.rows.append(rows)
        if tensors:
            self.numbers = max(self.numbers, tensors[0].numel() // len(tensors[0]))
        if tensors and not tensors[0].is_complex():
            flat = tensors[0].reshape(-1)
            some = flat[:: 1 + flat.numel() // _MOST_NUMBERS].float()
            if flat.is_floating_point():
                variance, mean = torch.var_mean(some, correction=0)
                self._moments.append(torch.stack((mean, variance + mean * mean)))
            else:
                self._tokens.append(some.mean())
                if tensors[0].dim() == 2 and tensors[0].shape[1] > 1:
                    kept = sum(len(one.places) for one in self.pairs)
                    self.pairs.append(find_pairs(tensors[0], most=MOST_PAIRS - kept))

    def put_scale(self, name: str, row: Row) -> None:
        """Record mean and standard deviation of all numbers; nothing of whole numbers, such as tokens."""
        if self._moments:
            mean, square = torch.stack(self._moments).mean(dim=0)
            row.put(f"{name}_mean", mean)
            row.put(f"{name}_std", (square - mean * mean).clamp(min=0).sqrt())

    def put_tokens(self, row: Row) -> None:
        """Record how long rows are, and the mean of whole numbers: other numbers for the same words move it."""
        if self.numbers:
            row.put("row_numbers", self.numbers)
        if self._tokens:
            row.put("token_mean", torch.stack(self._tokens).mean())
