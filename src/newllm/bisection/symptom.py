"""What a run shows that the sound one does not, and whether a trial shows it too.

A loss or a measure that parts is the symptom, or a fault such as a loss that is no number. A trial shows it where one
of these signals parts to the same side and at least half as far: a change that was made on purpose, of a learning rate
for instance, may part a little too. Where no loss parts, it is what the training is given, and of each such thing is
asked by itself which change brings it about: it may be a harmless one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from newllm.bisection.search import Outcome
from newllm.diagnosis.against.difference import Difference
from newllm.diagnosis.against.given import given_differences
from newllm.diagnosis.against.names import aligned
from newllm.diagnosis.against.reached import reached_differences
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.run_facts import read_facts
from newllm.diagnosis.training_kind import training_kind
from newllm.errors import UserError
from newllm.messages import Message
from newllm.trace import SEVERITIES, Finding, Series, Severity, Trace
from newllm.trace.readers import read_log

FEWEST = 10  # steps of the loss that two recordings share
TWICE, MORE = 2.0, 60  # times the step, and points after it, from which a symptom is seen safely
LONGER = 1.5  # times as long, where it is not seen by then
SHARE = 0.5  # of how far the run parts


@dataclass(frozen=True)
class Recording:
    """What a run recorded.

    Attributes:
        trace, facts: of it.
    """

    trace: Trace
    facts: Facts

    @property
    def last_step(self) -> int:
        """The last step with a loss, 0 without any."""
        step = self.trace.series("loss").step
        return int(step[-1]) if len(step) else 0

    def until(self, step: int) -> "Recording":
        """Return it up to a step, that one included."""
        signals = {name: _until(series, step) for name, series in self.trace.signals.items()}
        return replace(self, trace=replace(self.trace, signals={n: one for n, one in signals.items() if len(one.step)}))


@dataclass(frozen=True)
class Part:
    """One thing that a run shows and the sound one does not.

    Attributes:
        said: in words.
        step: the first at which it does.
        side: 1 where it lies above the sound run, -1 below; 0 where there is no such thing.
        size: how far, see `newllm.diagnosis.against.parting`.
        signal: its name in the trace; None of a setting or a fault without one.
    """

    said: Message
    step: float
    side: int = 0
    size: float = np.inf
    signal: str | None = None


@dataclass(frozen=True)
class Symptoms:
    """All that a run shows and the sound one does not, by what it is.

    Attributes:
        reached: losses, measures and faults.
        given: inputs, targets, rates and the like, as they were recorded, and what the doctor warns of.
    """

    reached: Mapping[str, Part] = field(default_factory=dict)
    given: Mapping[str, Part] = field(default_factory=dict)

    @property
    def judged(self) -> Mapping[str, Part]:
        """Those by which trials are judged."""
        return self.reached or self.given

    @property
    def first(self) -> Part | None:
        """The earliest loss, measure or fault; of what the training is given the latest, as all of it is looked for."""
        step = min if self.reached else max
        return step(self.judged.values(), key=lambda one: one.step, default=None)

    def outcome_of(self, trial: "Symptoms") -> Outcome:
        """Return what a trial came to, beside the run that these are of."""
        found = trial.reached if self.reached else trial.given
        if any(what in found and is_alike(found[what], part) for what, part in self.judged.items()):
            return "parts"
        return "otherwise" if found else "sound"

    def shown_by(self, trial: "Symptoms") -> tuple[str, ...]:
        """Return what the training is given and a trial is given too."""
        return tuple(
            what for what, part in self.given.items() if what in trial.given and is_alike(trial.given[what], part)
        )

    def shared_with(self, other: "Symptoms") -> "Symptoms":
        """Return those that another run shows too."""
        return Symptoms(
            {what: one for what, one in self.reached.items() if what in other.reached},
            {what: one for what, one in self.given.items() if what in other.given},
        )


def is_alike(trial: Part, run: Part) -> bool:
    """Whether a trial parts to the same side as the run, and at least half as far."""
    return trial.side == run.side and (not np.isfinite(run.size) or trial.size >= SHARE * run.size)


def is_warning(what: str) -> bool:
    """Whether what a run shows is a warning of the doctor, by its name."""
    return what.startswith("warning ")


def read_recording(path: Path) -> Recording:
    """Return what a run recorded.

    Raises:
        UserError: it cannot be read.
    """
    return Recording(read_log(path), read_facts(path)[0])


def symptoms(run: Recording, sound: Recording) -> Symptoms:
    """Return what a run shows that the sound one does not.

    Raises:
        UserError: they share fewer than ten steps.
    """
    shared = np.intersect1d(run.trace.series("loss").step, sound.trace.series("loss").step)
    if len(shared) < FEWEST:
        raise UserError(f"the two runs share {len(shared)} steps with a loss: give runs that share {FEWEST} and more")
    sound = replace(sound, **aligned(run.facts, sound.trace, sound.facts))
    with np.errstate(all="ignore"):
        given, _ = given_differences((run.trace, run.facts), (sound.trace, sound.facts))
        progress = training_kind(run.trace, run.facts).loss_is_progress
        reached, _ = reached_differences(run.trace, sound.trace, progress=progress, roles=run.facts.roles)
    own, other = (diagnose(one.trace, one.facts) for one in (run, sound))
    faults, warnings = _own_findings(own, other, "fault"), _own_findings(own, other, "warning")
    given_too = {one.what: _part(one) for one in given if one.recorded}
    return Symptoms({one.what: _part(one) for one in reached} | faults, warnings | given_too)


def _own_findings(own: Sequence[Finding], other: Sequence[Finding], severity: Severity) -> dict[str, Part]:
    """Return the findings of a severity that a run has and the sound one has not as gravely."""
    known = {one.kind for one in other if SEVERITIES.index(one.severity) >= SEVERITIES.index(severity)}
    return {
        f"{severity} {one.kind}": Part(one.sentence, one.first_step or 0, signal=one.signal)
        for one in own
        if one.severity == severity and one.kind not in known
    }


def horizon_of(run: Recording, sound: Recording) -> tuple[int, Symptoms]:
    """Return the step up to which trials run, so that the run's symptom is seen there safely, and what is seen.

    Raises:
        UserError: nothing parts.
    """
    full = min(run.last_step, sound.last_step)
    whole = symptoms(run.until(full), sound.until(full))
    if whole.first is None:
        raise UserError(
            "nothing that was recorded differs from the sound run by more than another seed brings: "
            "give a run that does, see newllm doctor RUN --against SOUND"
        )
    steps = run.trace.series("loss").step
    first = whole.first.step
    at = max(TWICE * first, float(steps[min(np.searchsorted(steps, first) + MORE, len(steps) - 1)]))
    while at < full:
        seen = symptoms(run.until(int(at)), sound.until(int(at)))
        enough = any if whole.reached else all
        if enough(what in seen.judged and seen.judged[what].side == one.side for what, one in whole.judged.items()):
            return int(at), seen.shared_with(whole)
        at *= LONGER
    return full, whole


def fingerprint(recording: Recording, what: Symptoms) -> str:
    """Return a checksum of the losses and of the signals by which runs are judged."""
    names = {"loss", *(part.signal for part in what.judged.values() if part.signal is not None)}
    digest = hashlib.sha256()
    for name in sorted(names):
        series = recording.trace.series(name)
        digest.update(name.encode() + series.step.astype("<i8").tobytes() + series.value.astype("<f8").tobytes())
    return digest.hexdigest()


def _until(series: Series, step: int) -> Series:
    end = int(np.searchsorted(series.step, step, side="right"))
    return Series(series.step[:end], series.value[:end])


def _part(difference: Difference) -> Part:
    known = difference.said.parameters
    here, there = known.get("here"), known.get("there")
    is_number = isinstance(here, int | float) and isinstance(there, int | float)
    side = int(np.sign(here - there)) if is_number else 0  # type: ignore[operator]
    return Part(difference.said, difference.step, side, difference.size, difference.signal)
