"""Whether something outside the training changed the state of a run, where a reproduction leaves the record.

A deterministic training that goes on from one state has one continuation. If replays agree with each other but leave
the record at one step, and from the next known state on a replay is the record again, the training computes what it
computed then: what was another is the state, between two steps. The recorder's ledger, which adds up the bits of
weights and moments after each update and before the next, sees such a change itself (`recorder.ledger`); then no later
state is needed.

Limit: a learning rate or a batch that was another at one step alone, by code that is not replayed, looks the same;
batches are compared wherever the original's were followed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from newllm.replays.replica.replica import State, Tensors
from newllm.replays.session.disagreement import parameter_of, same_bits

LEAST_RESUMED = 4  # steps: with fewer nothing is said to be the run again
_SHOWN_WITHIN = 8  # steps: by then changed bits show in a loss
_MOST_NAMED = 3  # tensors

Parts = Mapping[str, Sequence[str]]
"""Layers by what of them changed: "weights", "frozen" (weights too) or "moments"."""


@dataclass(frozen=True)
class ChangedState:
    """A change of a run's state that its training did not make. Steps are updates done.

    Attributes:
        first: the last step up to which the replay is the run.
        last: the first step that shows the change.
        parts: what changed; empty where neither the ledger nor the tensors tell.
        recorded: whether the ledger saw it.
        resumed: the steps from and up to which a replay is the run again; None where that was not to be had.
        tensors: those that differ most from the replay's in the first known state after the change, the most first.
    """

    first: int
    last: int
    parts: Parts = field(default_factory=dict)
    recorded: bool = False
    resumed: tuple[int, int] | None = None
    tensors: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        parts = {name: list(layers) for name, layers in self.parts.items()}
        resumed = None if self.resumed is None else dict(zip(("from", "to"), self.resumed, strict=True))
        return {**vars(self), "parts": parts, "resumed": resumed, "tensors": list(self.tensors)}


def recorded_change(changes: Mapping[int, Parts], step: int) -> tuple[int, Parts] | None:
    """Return the ledger's change that made a replay leave the record at a step, with its own step; None without one.

    Args:
        changes: by the step before whose update they were seen.
        step: whose loss, gradient or state is the first that differs.
    """
    near = [each for each in changes if step - _SHOWN_WITHIN <= each <= step]
    return (max(near), changes[max(near)]) if near else None


def different_tensors(replayed: State, recorded: State) -> tuple[tuple[str, ...], Parts]:
    """Return the tensors that differ most, by the length of the difference over their own, and what surely changed.

    An update changes nearly all weights and moments. So where the moments are the same to the bit, the weights that
    are not were changed after it; and likewise the other way round. Where both differ nothing is sure.
    """
    weights, moments = _apart(replayed.model, recorded.model), _apart(replayed.optimizer, recorded.optimizer)
    apart = {**weights, **moments}
    ranked = sorted(apart, key=lambda name: (-apart[name], name))
    parts: dict[str, list[str]] = {}
    if replayed.optimizer and bool(weights) != bool(moments):
        parts["weights" if weights else "moments"] = sorted({_layer_of(name) for name in apart})
    return tuple(ranked[:_MOST_NAMED]), parts


def _apart(ours: Tensors, theirs: Tensors) -> dict[str, float]:
    found = {name: _distance(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()}
    return {name: far for name, far in found.items() if far} | dict.fromkeys(ours.keys() ^ theirs.keys(), math.inf)


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """Return how far two tensors lie apart, 0 only for the same bits; they may be on different devices."""
    if ours.shape != theirs.shape:
        return math.inf
    if same_bits(ours, theirs):
        return 0.0
    first, second = ours.cpu().double(), theirs.cpu().double()
    return float((first - second).norm() / first.norm().clamp_min(1e-30)) or math.inf  # other bits of the same value


def _layer_of(name: str) -> str:
    """Return the layer of a tensor of a state: of `LAYER.PARAMETER`, or `LAYER.PARAMETER/KEY` of the optimizer's."""
    parameter = parameter_of(name)
    return parameter.rpartition(".")[0] or parameter
