"""Follows one replica from its start to its stop, and keeps what it did as plain data.

A replay stops at *equal progress*: it runs on until its progress, the smoothed loss on the probe batch, is where its
null replay's was when that spiked, and then as many steps again. So a change that only slows training down does not
pass for a cure.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from newllm.replays.replica.replica import Replica
from newllm.replays.replica.update_signals import UpdateSignals
from newllm.statistics import SMOOTHED, lowest_before


@dataclass(frozen=True)
class Until:
    """When a replay stops.

    Attributes:
        progress: smoothed probe loss to be reached, nats; None runs `least` steps and asks for no progress.
        least: steps at least.
        most: steps at most.
        every: steps between probes.
        measured: updates whose signals are measured, from the first on.
        futile: a loss by name, by how much it may rise above its best so far, in log-loss, and the loss below which
            that is not counted: a replay in which it has risen so within `least` steps does not wait for progress.
    """

    progress: float | None
    least: int
    most: int
    every: int
    measured: int = 0
    futile: tuple[str, float, float] | None = None


@dataclass
class Trajectory:
    """What one replay did. Steps are updates done, as in the original run.

    Attributes:
        start: the step that it began from.
        steps: of each update.
        loss, gradient_norm: of each update.
        updates: signals of the first updates (`update_signals`) by name; None where one was not measured.
        batches: a number for the content of each update's batches, where they were followed.
        probe_steps: steps of the probes, the first before any update.
        probe: loss on the probe batch.
        validation: losses of the evaluations by name, at the same steps.
        signals: of activations and of the context by name, at the same steps; None where one was not measured.
        reached: step at which the progress asked for was reached; None if it never was, or none was asked for.
        diverged: step at which the numbers ended, or None.
        seconds: that it took.
    """

    start: int
    steps: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    updates: dict[str, list[float | None]] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    probe_steps: list[int] = field(default_factory=list)
    probe: list[float] = field(default_factory=list)
    validation: dict[str, list[float | None]] = field(default_factory=dict)
    signals: dict[str, list[float | None]] = field(default_factory=dict)
    reached: int | None = None
    diverged: int | None = None
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Trajectory":
        """Return what `as_dict` gave. Numbers that were not finite, null in JSON, are infinite.

        Raises:
            ValueError: it is something else.
        """
        try:
            made = cls(**data)
            if not _is_sound(made):
                raise TypeError("series of other lengths or of no numbers")
        except (TypeError, AttributeError) as error:
            raise ValueError(f"no trajectory of a replay ({error})") from error
        for name in ("loss", "gradient_norm", "probe"):
            setattr(made, name, [math.inf if value is None else value for value in getattr(made, name)])
        return made

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """Return steps and values of a loss: "loss", "probe", "validation", "validation/unknown" ...

        Where the numbers ended the training loss ends too, also if only the gradient was not finite.
        """
        if name == "loss":
            return self.steps, self.loss if self.diverged is None else [*self.loss[:-1], math.inf]
        values = self.probe if name == "probe" else self.validation.get(name, [])
        return self.probe_steps[: len(values)], [math.inf if value is None else value for value in values]


def _is_sound(made: Trajectory) -> bool:
    """Whether the series of updates and of probes are as long as their steps, and hold numbers."""
    looked_at = (made.probe, *made.validation.values(), *made.signals.values())
    steps = [made.start, *made.steps, *made.probe_steps, *made.batches]
    series = (made.loss, made.gradient_norm, *made.updates.values(), *looked_at)
    return (
        len(made.steps) == len(made.loss) == len(made.gradient_norm) > 0
        and len(made.probe_steps) == len(made.probe) > 0
        and all(isinstance(values, list) and len(values) <= len(made.probe) for values in looked_at)
        and all(isinstance(values, list) and len(values) <= len(made.steps) for values in made.updates.values())
        and all(type(step) is int for step in steps)
        and all(type(value) in (float, int, type(None)) for values in series for value in values)
    )


def follow(
    replica: Replica, start: int, until: Until, before_update: Callable[[], object] = lambda: None
) -> Trajectory:
    """Train a replica from `start` to its stop. torch's own chance is left as it was.

    Args:
        replica: built, restored, and with everything attached.
        start: updates that are done.
        until: when to stop.
        before_update: called before every update; what it raises ends the replay.
    """
    began = time.perf_counter()
    with torch.random.fork_rng():
        made = _Follower(replica, Trajectory(start), until, before_update).run()
    made.seconds = time.perf_counter() - began
    return made


class _Follower:
    def __init__(self, replica: Replica, made: Trajectory, until: Until, before_update: Callable[[], object]) -> None:
        self.replica, self.made, self.until, self.before_update = replica, made, until, before_update
        self.update_signals = UpdateSignals(replica)
        self.stop = until.least if until.progress is None else until.most

    def run(self) -> Trajectory:
        made = self.made
        self._look(None)
        done = 0
        while done < self.stop:
            step = made.start + done
            self.before_update()
            self.update_signals.measuring = done < self.until.measured
            update = self.replica.update(step)
            done += 1
            made.steps.append(step + 1)
            made.loss.append(update.loss)
            made.gradient_norm.append(update.gradient_norm)
            if done <= self.until.measured:
                _add(made.updates, self.update_signals.take(), done)
            if not update.finite:
                made.diverged = step + 1
                break
            if done % self.until.every == 0:
                self._look(update.context_norm)
                self._check_progress(done)
            if done == self.until.least and self._is_futile():
                break
        made.batches = list(self.replica.seen)
        return made

    def _look(self, context_norm: float | None) -> None:
        """Probe, evaluate, and add one value to every series."""
        made = self.made
        made.probe_steps.append(made.steps[-1] if made.steps else made.start)
        with torch.no_grad(), self.update_signals.measuring_activations():
            made.probe.append(self.replica.probe())
        with torch.no_grad():
            validation = self.replica.evaluate()
        count = len(made.probe_steps)
        _add(made.validation, validation, count)
        context = {} if context_norm is None else {"context_norm": context_norm}
        _add(made.signals, {**context, **self.update_signals.take()}, count)

    def _is_futile(self) -> bool:
        if self.until.futile is None:
            return False
        name, rise, floor = self.until.futile
        logs = np.log(np.maximum(self.made.series(name)[1], floor))
        return bool(np.any(logs - lowest_before(logs, smoothed=name == "loss") >= rise))  # as `severity` takes it

    def _check_progress(self, done: int) -> None:
        wanted = self.until.progress
        if wanted is None or self.made.reached is not None:
            return
        if float(np.median(self.made.probe[-SMOOTHED:])) <= wanted:
            self.made.reached = self.made.start + done
            self.stop = min(self.stop, max(self.until.least, 2 * done))


def _add(series: dict[str, list[float | None]], values: Any, count: int) -> None:
    for name in series.keys() | values.keys():
        unknown: list[float | None] = [None] * (count - 1)
        kept = series.setdefault(name, unknown)
        value = values.get(name)
        kept.append(float(value) if value is not None and math.isfinite(value) else None)
