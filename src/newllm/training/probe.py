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
from typing import Any

import torch

from newllm.data import Batches
from newllm.errors import UserError
from newllm.model.language_model import LanguageModel
from newllm.training.config import RunConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.step import Stepper

NAMES = ("fp32", "bf16")
WARM_UP, ROUNDS, VOTES = 2, 3, 5
FASTER = 0.9  # of fp32's time: what bf16 must take less than
CLEAR = 0.7  # of fp32's time: less than that in every round is enough where there is no time for a second vote


@dataclasses.dataclass(frozen=True)
class PrecisionProbe:
    """What a probe measured.

    Attributes:
        chosen: "bf16" where it trains at least a tenth faster than fp32, else "fp32".
        seconds: of an update by name, medians; empty where bf16 does not run here.
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


def probe_precision(
    model: LanguageModel, batches: Batches, config: RunConfig, seconds: float | None = None
) -> PrecisionProbe:
    """Time updates in both precisions on copies: the model stays as it is.

    Args:
        model: at its initialisation.
        batches: what a step trains on.
        config: resolved but for the precision.
        seconds: after so many no further vote begins; None sets no limit.
    """
    began = time.monotonic()
    steppers = {name: _stepper(model, batches, config, name) for name in NAMES}
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    with torch.random.fork_rng():
        for step in range(WARM_UP):  # the first ones compile, and find their memory
            steppers["fp32"].update(step)
            try:
                steppers["bf16"].update(step)
            except UserError:  # a body that this processor does not compute in bf16
                return PrecisionProbe("fp32", {}, 0, agreed=True)

        def timed(name: str, step: int) -> float:
            start = time.perf_counter()
            steppers[name].update(step)  # ends with the gradient's norm on the CPU, so the device has finished
            times[name].append(time.perf_counter() - start)
            return times[name][-1]

        return vote(timed, times, lambda: seconds is not None and time.monotonic() - began > seconds)


def vote(timed: Any, times: dict[str, list[float]], is_over: Any) -> PrecisionProbe:
    """Let rounds vote until two votes in a row agree.

    Args:
        timed: does an update of a precision (name, step) and returns its seconds.
        times: of each name, what `timed` has measured.
        is_over: whether the time for this is.
    """
    votes: list[bool] = []
    ratios: list[float] = []
    for number in range(VOTES):
        ratios = []
        for one in range(ROUNDS):
            step = WARM_UP + number * ROUNDS + one
            order = NAMES if step % 2 else NAMES[::-1]  # neither always comes first
            took = {name: timed(name, step) for name in order}
            ratios.append(took["bf16"] / took["fp32"])
        votes.append(statistics.median(ratios) < FASTER)
        if is_over() or (number and votes[-1] == votes[-2]):
            break
    agreed = votes[-1] == votes[-2] if len(votes) > 1 else max(ratios) < CLEAR
    medians = {name: statistics.median(values) for name, values in times.items()}
    return PrecisionProbe("bf16" if agreed and votes[-1] else "fp32", medians, len(times["fp32"]), agreed)


def _stepper(model: LanguageModel, batches: Batches, config: RunConfig, precision: str) -> Stepper:
    numerics = dataclasses.replace(config.numerics, precision=precision)
    trial = copy.deepcopy(model).train()
    config = dataclasses.replace(config, numerics=numerics)
    return Stepper(trial, build_optimizer(trial, config.optimizer), batches, config)


def seconds_per_step(model: LanguageModel, batches: Batches, config: RunConfig, precision: str) -> float:
    """Return the median seconds of an update, on a copy: the model and its optimizer stay as they are."""
    stepper, times = _stepper(model, batches, config, precision), []
    with torch.random.fork_rng():
        for step in range(WARM_UP + ROUNDS):
            start = time.perf_counter()
            stepper.update(step)
            times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:])
