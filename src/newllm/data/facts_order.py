"""Does the distribution of tokens hang on where one looks: along the order of training, or in which part?

The measure is the mutual information between place and token, in nats per token. It is above zero by chance
too, so it is held against the same number with the stretches of text shuffled. A stretch moves as a whole:
that neighbouring words are alike is no drift.
"""

import dataclasses

import numpy as np

from newllm.chance import numpy_stream
from newllm.data.facts_sample import Part, among

BLOCKS = 16
_FEWEST = 4  # stretches in a block; fewer say nothing
_STRETCHES = 2048
_SHORTEST = 32  # tokens of a stretch, where documents are shorter than that
_TOKENS = 512  # the commonest; all others are one
_SHUFFLES = 20


@dataclasses.dataclass(frozen=True)
class Drift:
    """Mutual information of place and token.

    Attributes:
        nats: measured.
        expected: mean of the same with the stretches shuffled.
        spread: standard deviation of that.
        stretches: how many there are.
    """

    nats: float
    expected: float
    spread: float
    stretches: int


def order_drift(training: Part) -> Drift | None:
    """Return how much `BLOCKS` neighbouring blocks of training differ; None where there is too little to tell."""
    counts_UV = _count(training.tokens, _commonest(training), _length(training))
    if len(counts_UV) < _FEWEST * BLOCKS:
        return None
    return _drift(counts_UV, np.arange(len(counts_UV)) * BLOCKS // len(counts_UV), "order")


def part_drift(training: Part, validation: Part) -> Drift | None:
    """Return how much validation differs from training; None where there is too little to tell.

    Tokens that training has not at all are left out: they are counted by themselves.
    """
    common, length = _commonest(training), _length(training)
    known = validation.tokens[among(validation.tokens, training.counts[0])]
    parts = [_count(tokens, common, length) for tokens in (training.tokens, known)]
    if min(len(part) for part in parts) < _FEWEST:
        return None
    return _drift(np.concatenate(parts), np.repeat([0, 1], [len(part) for part in parts]), "parts")


def _commonest(training: Part) -> np.ndarray:
    tokens, counts = training.counts
    return np.sort(tokens[np.argsort(-counts, kind="stable")[: _TOKENS - 1]])


def _length(training: Part) -> int:
    return max(_SHORTEST, -(-len(training.tokens) // _STRETCHES))


def _count(tokens: np.ndarray, common: np.ndarray, length: int) -> np.ndarray:
    """Return how often each common token, and any other, stands in each stretch, int64 [stretches, tokens]."""
    if not len(tokens) or not len(common):
        return np.zeros((0, len(common) + 1), np.int64)
    place = np.searchsorted(common, tokens).clip(max=len(common) - 1)
    column = np.where(common[place] == tokens, place, len(common))
    row = np.arange(len(tokens)) // length
    width = len(common) + 1
    return np.bincount(row * width + column, minlength=(int(row[-1]) + 1) * width).reshape(-1, width)


def _drift(counts_UV: np.ndarray, group_U: np.ndarray, name: str) -> Drift:
    chance = numpy_stream(0, "facts", name)
    shuffled = [_information(counts_UV, chance.permutation(group_U)) for _ in range(_SHUFFLES)]
    measured = _information(counts_UV, group_U)
    return Drift(measured, float(np.mean(shuffled)), float(np.std(shuffled, ddof=1)), len(counts_UV))


def _information(counts_UV: np.ndarray, group_U: np.ndarray) -> float:
    """Return the mutual information of group and token in nats."""
    order = np.argsort(group_U, kind="stable")
    first = np.flatnonzero(np.diff(group_U[order], prepend=-1))
    joint_GV = np.add.reduceat(counts_UV[order], first, axis=0)
    joint_GV = joint_GV / joint_GV.sum()
    apart_GV = joint_GV.sum(axis=1, keepdims=True) * joint_GV.sum(axis=0)
    there = joint_GV > 0
    return float((joint_GV[there] * np.log(joint_GV[there] / apart_GV[there])).sum())
