"""The healthy runs, and the rule that says of a run's losses alone that it is one. No detector takes part in it.

A run is healthy by construction (sound data, a rate that trains, no fault) and by this rule: see `ill`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models import MODELS, TASKS
from newllm.chance import numpy_stream
from setups import Setup

COUNT = 336
_LOGS = ("recorder", "csv-step", "recorder", "csv-epoch", "jsonl")


def healthy_setups(count: int = COUNT) -> list[Setup]:
    """Return the set-ups: model and form of the log in turn, everything else drawn."""
    return [_setup(run) for run in range(count)]


def _setup(run: int) -> Setup:
    model, log = MODELS[run % len(MODELS)], _LOGS[run // len(MODELS) % len(_LOGS)]
    chance = numpy_stream(run, "healthy")

    def one(*choices: Any) -> Any:
        return choices[chance.integers(len(choices))]

    epoch = one(10, 20)
    return Setup(
        name=f"healthy-{run:03}",
        model=model,
        seed=100_000 + run,
        task="" if model in TASKS else one("letters", "words"),
        steps=one(160, 200, 200, 240, 320),
        batch=one(4, 8, 16, 16),
        optimizer=one("adam", "adamw", "adamw", "sgd"),
        rate_factor=one(0.5, 0.7, 1.0),
        schedule=one("constant", "cosine", "restarts", "steps", "linear"),
        warm_up=one(0, 20, 50),
        dropout=one(0.0, 0.0, 0.1),
        clip=one(0.0, 1.0),
        accumulate=one(1, 1, 1, 1, 1, 2),
        evaluate_every=epoch if log == "csv-epoch" else one(0, 10, 20, 50),
        log=log,
        epoch=epoch,
    )


def ill(losses: Sequence[float], validation: Sequence[float]) -> str:
    """Return why a run is not healthy, or an empty string.

    Healthy means, of the running mean over a tenth of the run (the first one aside) and of each validation loss:
    all finite; at the end at least 8 % below the first loss; nowhere above the lowest value before by more than
    a quarter of the whole descent, nor at the end by more than a tenth of it.

    Args:
        losses: of every step.
        validation: of every evaluation; may be empty.
    """
    values = np.asarray([*losses, *validation])
    if not np.isfinite(values).all():
        return "a loss is not finite"
    width = len(losses) // 10
    mean = np.convolve(losses, np.full(width, 1 / width), "valid")
    first = float(np.mean(losses[:3]))
    if mean[-1] > 0.92 * first:
        return f"it ends at {mean[-1]:.3f}, less than 8 % below its first {first:.3f}"
    for name, series in (("loss", mean), ("validation loss", np.asarray(validation))):
        if len(series) and (why := _rise(series, first)):
            return f"the {name} {why}"
    return ""


def _rise(series: np.ndarray, first: float) -> str:
    lowest = np.minimum.accumulate(series)
    descent = max(first - float(lowest[-1]), 1e-9)
    rise = (series - lowest) / descent
    if rise.max() > 0.25:
        return f"rises by {rise.max():.0%} of its descent"
    return f"ends {rise[-1]:.0%} of its descent above its lowest" if rise[-1] > 0.1 else ""
