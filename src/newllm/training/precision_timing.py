"""Which precision trains faster here: measured before a run, written into config.toml and never asked again.

Updates in fp32 and bf16 take turns, so that whatever else the machine does slows both. A round says by how much bf16 is
faster; three rounds make a vote, and it is over when two votes in a row agree, or when the time is over and the only
vote is clear. On a machine that is so busy that they don't, fp32 is taken, which is the same everywhere. Both numbers
stand in summary.json.
"""

import copy
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from newllm.data import Batch, Batches, part_of, piece_of
from newllm.errors import UserError
from newllm.model.language_model import LanguageModel
from newllm.training.config import RunConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.step import Stepper

NAMES = ("fp32", "bf16")
WARM_UP, ROUNDS, VOTES = 2, 3, 5
FASTER = 0.9  # of fp32's time: what bf16 must take less than
CLEAR = 0.7  # of fp32's time: less than that in every round is enough where there is no time for a second vote
LONGEST = 10.0  # seconds for it where a run has no budget of its own: on an idle machine it ends long before
PATIENCE = 4  # times the seconds for it: after these a vote that has begun is broken off, and does not count


@dataclasses.dataclass(frozen=True)
class PrecisionTiming:
    """What was measured.

    Attributes:
        chosen: "bf16" where it trains at least a tenth faster than fp32, else "fp32".
        seconds: of an update by name, medians; empty where bf16 does not run here (`agreed`), or where the first
            updates took all the time.
        rounds: updates of each that were timed.
        agreed: two votes in a row said the same, or the only one was clear. Else the machine was too busy, or the
            time too short.
    """

    chosen: str
    seconds: dict[str, float]
    rounds: int
    agreed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as it stands in summary.json."""
        return dataclasses.asdict(self)


def time_precisions(
    model: LanguageModel, batches: Batches, config: RunConfig, seconds: float = LONGEST
) -> PrecisionTiming:
    """Time updates in both precisions on copies: the model stays as it is.

    Args:
        model: at its initialisation.
        batches: what a step trains on.
        config: resolved but for the precision.
        seconds: after so many no further vote begins, after `PATIENCE` times as many none goes on.
    """
    began = time.monotonic()

    def spent() -> float:
        return (time.monotonic() - began) / seconds

    steppers = {name: _stepper(model, batches, config, name) for name in NAMES}
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    with torch.random.fork_rng():
        for step in range(WARM_UP):  # the first ones compile, and find their memory
            steppers["fp32"].update(step)
            if spent() > PATIENCE:
                return PrecisionTiming("fp32", {}, 0, agreed=False)
            try:
                steppers["bf16"].update(step)
            except UserError:  # a body that this processor does not compute in bf16
                return PrecisionTiming("fp32", {}, 0, agreed=True)
            if spent() > PATIENCE:
                return PrecisionTiming("fp32", {}, 0, agreed=False)

        def timed(name: str, step: int) -> float:
            start = time.perf_counter()
            steppers[name].update(step)  # ends with the gradient's norm on the CPU, so the device has finished
            times[name].append(time.perf_counter() - start)
            return times[name][-1]

        return vote(timed, times, spent)


def vote(timed: Any, times: dict[str, list[float]], spent: Callable[[], float]) -> PrecisionTiming:
    """Let rounds vote until two votes in a row agree.

    Args:
        timed: does an update of a precision (name, step) and returns its seconds.
        times: of each name, what `timed` has measured.
        spent: the share of the time for this that is over; above 1 it is.
    """
    votes: list[list[float]] = []  # of each round, bf16's time as a share of fp32's
    while len(votes) < VOTES:
        ratios: list[float] = []
        while len(ratios) < ROUNDS and (not ratios or spent() <= PATIENCE):
            step = WARM_UP + len(votes) * ROUNDS + len(ratios)
            order = NAMES if step % 2 else NAMES[::-1]  # neither always comes first
            took = {name: timed(name, step) for name in order}
            ratios.append(took["bf16"] / took["fp32"])
        if len(ratios) < ROUNDS:
            break
        votes.append(ratios)
        if spent() > 1 or (len(votes) > 1 and _faster(votes[-1]) == _faster(votes[-2])):
            break
    agreed = _faster(votes[-1]) == _faster(votes[-2]) if len(votes) > 1 else bool(votes) and max(votes[0]) < CLEAR
    medians = {name: statistics.median(values) for name, values in times.items()}
    chosen = "bf16" if agreed and _faster(votes[-1]) else "fp32"
    return PrecisionTiming(chosen, medians, len(times["fp32"]), agreed)


def _faster(ratios: list[float]) -> bool:
    return statistics.median(ratios) < FASTER


def _first_piece(batches: Batches, config: RunConfig) -> tuple[Batches, RunConfig]:
    """Return what the first rank has of rows that several share: a process alone may not hold the rest."""
    pieces, parts = config.numerics.sequence_at(0), config.numerics.ranks_at(0)
    numerics = dataclasses.replace(config.numerics, ranks=(), sequence=())
    return _FirstPiece(batches, pieces, parts // pieces), dataclasses.replace(config, numerics=numerics)


class _FirstPiece(Batches):
    def __init__(self, whole: Batches, pieces: int, parts: int) -> None:
        self.batches_per_epoch, self.tokens_per_batch = whole.batches_per_epoch, whole.tokens_per_batch
        self._whole, self._pieces, self._parts = whole, pieces, parts

    def batch(self, index: int) -> Batch:
        return piece_of(part_of(self._whole.batch(index), 0, self._parts), 0, self._pieces)


def _stepper(model: LanguageModel, batches: Batches, config: RunConfig, precision: str) -> Stepper:
    if config.numerics.sequence:
        batches, config = _first_piece(batches, config)
    numerics = dataclasses.replace(config.numerics, precision=precision)
    trial = copy.deepcopy(model).train()
    config = dataclasses.replace(config, numerics=numerics)
    return Stepper(trial, build_optimizer(trial, config.optimizer, precision), batches, config)


def seconds_per_step(model: LanguageModel, batches: Batches, config: RunConfig, precision: str) -> float:
    """Return the median seconds of an update, on a copy: the model and its optimizer stay as they are."""
    stepper, times = _stepper(model, batches, config, precision), []
    with torch.random.fork_rng():
        for step in range(WARM_UP + ROUNDS):
            start = time.perf_counter()
            stepper.update(step)
            times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:])
