"""A training that is sent to experiment trackers: the observer that does it, from before its start to its end."""

import contextlib
import dataclasses
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from newllm.checksum import read_checked
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.trace.samples import Sample
from newllm.tracking import Tracking, earlier_trackers, tracker_names
from newllm.training.config import RunConfig
from newllm.training.observer import Observer
from newllm.training.recording import Signals
from newllm.training.run import RunDirectory


class TrackedRun(Observer):
    """Sends a training to trackers, inside a `with`; without any it does nothing.

    Args:
        track: names of trackers, see `newllm.tracking.tracker_names`; None goes on with those of an earlier session.
        observers: who is told about the trackers.
        earlier: a run that goes on.

    Raises:
        UserError: there is no such tracker, its package is missing, or it has no credentials. Of one that an earlier
            session had, that is a notice.
    """

    def __init__(
        self, track: str | Sequence[str] | None, observers: Sequence[Observer], earlier: Path | None = None
    ) -> None:
        self._displays = observers
        self._run: RunDirectory | None = None
        self._config: RunConfig | None = None
        self._step, self._status = -1, "failed"
        names = tracker_names(track)
        goes_on = track is None and earlier is not None
        try:
            self._tracking = Tracking(earlier_trackers(earlier) if goes_on and earlier is not None else names)
            self._tracking.check()
        except UserError as error:
            if not goes_on:
                raise
            self._tracking = Tracking(())
            self._say(message("notice-tracker_refused", error=str(error)))

    def observers(self, run: RunDirectory, config: RunConfig) -> list[Observer]:
        """Return all observers of a training that is about to begin, this one among them."""
        self._run, self._config = run, config
        return [*self._displays, self] if self._tracking else list(self._displays)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if self._run is None or self._step < 0:  # nothing has begun
            self._tracking.kill()
            return
        for path in (self._run.curves, self._run.summary):
            self._tracking.file(path)
        self._tracking.finish(self._status)
        self._say(*self._tracking.news())

    def started(self, summary: dict[str, Any]) -> None:
        """Send what the run is."""
        assert self._run is not None, "a training begins with `observers`"
        assert self._config is not None, "likewise"
        config = dataclasses.asdict(self._config)
        with contextlib.suppress(OSError, ValueError):
            report = read_checked(self._run.data)
            config["corpus"] = {name: report.get(name) for name in ("sources", "tokenizer", "counts", "fingerprint")}
        config["parameters"] = summary["parameters"]
        self._step = summary["step"]
        self._tracking.start(self._run.path, config, self._step)
        for path in (self._run.config, self._run.data):
            self._tracking.file(path)

    def recorded(self, step: int, signals: Signals) -> None:
        """Send a row; one that a training has come back to, after what must be forgotten."""
        is_update = "loss" in signals
        if step < self._step or (is_update and step == self._step):
            self._tracking.back(step - 1 if is_update else step)
        self._step = step
        self._tracking.step(step, {name: value for name, value in signals.items() if name != "sample"})
        self._say(*self._tracking.news())

    def noticed(self, notice: Message) -> None:
        """Send it as a text."""
        if self._step >= 0:
            self._tracking.text(self._step, "notice", str(notice))

    def left_trend(self, onset: Onset) -> None:
        """Raise an alert."""
        where = {"onset": onset.onset, "base": onset.base}
        self._alert("warning", message("alert-off_trend"), message("alert-off_trend_since", **where), onset.step)

    def sampled(self, sample: Sample) -> None:
        """Send what the model wrote."""
        self._tracking.text(sample.step, "sample", sample.text)

    def ended(self, summary: dict[str, Any]) -> None:
        """Keep how it ended; an end that nobody wished for is an alert."""
        self._status = summary["status"]
        if self._status in ("diverged", "failed"):
            self._alert("fault", message(f"state-{self._status}"), summary["message"] or "", summary["step"])

    def _alert(self, severity: str, title: Message, text: Message | str, step: int) -> None:
        self._tracking.alert(step, severity, str(title), str(text))

    def _say(self, *notices: Message) -> None:
        for observer in self._displays:
            for notice in notices:
                observer.noticed(notice)
