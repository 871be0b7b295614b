"""The training that is to be replayed, as it was: its losses, its spikes, and the states that are known of it.

Of a run of ours all of it stands in its directory. Anyone's training is run once here, and recorded on the way.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from newllm.diagnosis.detectors.changed_state import state_changes
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.run_facts import read_facts
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.recorder.recorder import Recorder
from newllm.replays.replica.replica import Replica, State
from newllm.replays.replica.settings import Settings, settings_of
from newllm.replays.replica.states import States
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.subjects.recorded import (
    CHANCE_NOTICES,
    RecordedComparison,
    check_recording,
    compare_with_recording,
)
from newllm.replays.subjects.spikes import LocatedSpike, most_serious, spikes_of
from newllm.replays.watcher import Watcher
from newllm.trace import Finding, Series, Trace, read_trace
from newllm.training.environment import differences, resolve_device
from newllm.training.snapshots import list_snapshots

__all__ = ["LocatedSpike", "Original", "choose_spike", "read_original", "record_original"]

_BITS = ("newllm", "torch", "numba", "cpu_capability")
_EVALUATIONS = 25  # of a training that is recorded here
_NOBODY = Watcher()  # watches
_SAMPLED = 50  # of its steps, about, of which every layer is measured


@dataclass
class Original:
    """The training as it was. Steps are updates done; a step's loss is that of its batch before the update.

    Attributes:
        steps, loss, gradient_norm: of every update.
        spikes: in time order; `--spike K` counts from 1.
        findings: all that the doctor says.
        most_serious: index of the spike that is taken without `--spike`; None without a spike.
        known_steps: steps of the known states, rising; step 0 is known without one.
        load: from a known step to its state.
        batches: a number for the content of each update's batches; empty where they were not followed.
        notices: what is different from when it was recorded.
        changes: of weights and moments that the recorder's ledger saw between two updates: layers by the step before
            whose update it was, and by what changed ("weights", "frozen", "moments").
        comparison: with a recording of the training that a loop stands for; None where there is none.
        settings: of a loop by kind, each time that its own code changed them: updates done, and the new values.
    """

    steps: list[int]
    loss: list[float]
    gradient_norm: list[float]
    spikes: tuple[LocatedSpike, ...]
    findings: list[Finding]
    most_serious: int | None
    known_steps: tuple[int, ...]
    load: Callable[[int], State]
    batches: list[int] = field(default_factory=list)
    notices: tuple[Message, ...] = ()
    changes: Mapping[int, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    comparison: RecordedComparison | None = None
    settings: Mapping[str, list[tuple[int, dict[str, float]]]] = field(default_factory=dict)

    def changed_settings(self, first: int, onset: int) -> Settings:
        """Return, of the kinds that changed in between, the settings of the last update before the onset that differs.

        Args:
            first: updates done where it begins.
            onset: of the spike.
        """
        found: Settings = {}
        for kind, changes in self.settings.items():
            before = next(values for step, values in reversed(changes) if step <= first)
            for step, values in changes:
                if first < step < onset and values != before:
                    found[kind] = values
        return found

    def state(self, step: int) -> tuple[int, State | None]:
        """Return the step of the newest known state at or before a step, and the state: None at the initialisation.

        Raises:
            UserError: the snapshot is damaged.
        """
        newest = max((known for known in self.known_steps if known <= step), default=0)
        return newest, self.load(newest) if newest else None


def read_original(run: OwnRun) -> Original:
    """Read what a run of ours did.

    Raises:
        UserError: it recorded nothing, the doctor finds no spike in it, a text changed, or its device is not here.
    """
    files = run.run
    if not files.trace.is_file():
        raise UserError(f"'{files.path}' has no {files.trace.name}: without its losses there is nothing to replay")
    trace = read_trace(files.trace)
    facts, _ = read_facts(files.path)
    findings = diagnose(trace, facts)
    spikes = spikes_of(findings, trace)
    if not spikes:
        raise UserError(f"nothing to replay: the doctor finds no spike in '{files.path}'")
    _check_device(run)
    run.corpus  # noqa: B018 (read now, so that a text that changed is reported before anything is computed)
    loss, norm = trace.series("loss"), trace.series("gradient_norm")
    norms = dict(zip(norm.step.tolist(), norm.value.tolist(), strict=True))
    return Original(
        steps=loss.step.tolist(),
        loss=loss.value.tolist(),
        gradient_norm=[norms.get(step, float("nan")) for step in loss.step.tolist()],
        spikes=spikes,
        findings=findings,
        most_serious=most_serious(spikes),
        known_steps=tuple(list_snapshots(files.snapshots)),
        load=lambda step: _loaded(run, step),
        notices=(*_other_bits(run), *_of_unlike_ranks(run)),
        changes=state_changes(trace),
    )


def _other_bits(run: OwnRun) -> Iterator[Message]:
    for one in differences(run.config.environment, _BITS):
        yield message("notice-bits", difference=one)


def _of_unlike_ranks(run: OwnRun) -> Iterator[Message]:
    since = next((step for step, ranks in run.config.numerics.unlike if ranks), None)
    if since is not None:
        yield message("notice-bits_of_unlike", step=since)


def record_original(
    loop: Loop, watch: Watcher = _NOBODY, recorded: str | Path | None = None, out: str | Path | None = None
) -> Original:
    """Run anyone's training once from step 0, in this process, and keep what it did. torch's chance is left as it was.

    Args:
        loop: its functions.
        watch: hears how far the training is, what the doctor finds, and how the training compares with its recording.
        recorded: directory of a recording of the training that the loop stands for.
        out: directory that it is recorded in; None forgets the recording.

    Raises:
        UserError: a function gave what it must not, there is no such recording, or the doctor finds no spike.
    """
    if recorded is not None:
        check_recording(recorded)
    with tempfile.TemporaryDirectory() as directory, torch.random.fork_rng():
        run = _Recorded(loop, Path(directory) / "recording" if out is None else Path(out), watch)
        trace, facts = run.run()
    findings = diagnose(trace, facts)
    spikes = spikes_of(findings, trace)
    loss, norm = trace.series("loss"), trace.series("gradient_norm")
    comparison = None
    if recorded is not None:
        by_chance = any(one.id in CHANCE_NOTICES for one in loop.notices)
        comparison = compare_with_recording(
            recorded,
            loss.step.tolist(),
            loss.value.tolist(),
            spikes,
            by_chance=by_chance,
            draws=bool(run.replica.draws),
        )
        for said in comparison.sentences:
            watch.noticed(said)
    if not spikes:
        beside = "" if comparison is None else ". " + " ".join(map(str, comparison.sentences))
        raise UserError(f"nothing to replay: the doctor finds no spike in this training{beside}")
    watch.noticed(spikes[most_serious(spikes)].finding.sentence)
    return Original(
        steps=loss.step.tolist(),
        loss=loss.value.tolist(),
        gradient_norm=norm.value.tolist(),
        spikes=spikes,
        findings=findings,
        most_serious=most_serious(spikes),
        known_steps=run.states.steps,
        load=run.states.__getitem__,
        batches=run.replica.seen,
        changes=state_changes(trace),
        comparison=comparison,
        settings=run.settings,
    )


def choose_spike(original: Original, number: int | None) -> LocatedSpike:
    """Return the spike that is meant.

    Args:
        original: which has at least one.
        number: counted from 1 in time order; None takes the first large one.

    Raises:
        UserError: there is no spike of that number.
    """
    spikes = original.spikes
    if number is None:
        assert original.most_serious is not None, "an original without a spike"
        return spikes[original.most_serious]
    if not 1 <= number <= len(spikes):
        known = "there is 1" if len(spikes) == 1 else f"there are {len(spikes)}, numbered from 1 in time order"
        raise UserError(f"--spike {number}: {known}")
    return spikes[number - 1]


class _Recorded:
    """One training, recorded as `newllm.record` records it, with the losses and the whole gradient to the bit."""

    def __init__(self, loop: Loop, directory: Path, watch: Watcher = _NOBODY) -> None:
        self.loop, self.directory, self.watch = loop, directory, watch
        self.replica: Replica = loop.start(loop.setup(0, 0, 0, 0), None)
        self.states = States(loop.steps)
        self.signals: dict[str, list[tuple[int, float]]] = {}
        self.settings: dict[str, list[tuple[int, dict[str, float]]]] = {}

    def run(self) -> tuple[Trace, Facts]:
        replica, loop = self.replica, self.loop
        every = max(1, loop.steps // _SAMPLED)
        self._evaluate(0)
        model, optimizer = replica.model, replica.optimizer
        with Recorder(model, optimizer, self.directory, every=every, ledger_share=math.inf) as recorder:
            for step in range(loop.steps):
                if self.states.due(step):
                    self.states.keep(step, replica.state())
                update = replica.update(step)
                self._look_at_settings(step)
                self._add(step + 1, loss=update.loss, gradient_norm=update.gradient_norm)
                recorder.step(update.loss)
                self.watch.trained(step + 1, loop.steps)
                if not update.finite:
                    break
                if (step + 1) % max(1, loop.steps // _EVALUATIONS) == 0:
                    self._evaluate(step + 1, recorder)
        return self._trace(), read_facts(self.directory)[0]

    def _look_at_settings(self, step: int) -> None:
        for kind, values in settings_of(self.replica.model, self.replica.optimizer).items():
            if kind == "learning_rate" and self.replica.rate is not None:
                continue  # planned: `hold-learning-rate` undoes what is wrong with it
            known = self.settings.setdefault(kind, [])
            if not known or known[-1][1] != values:
                known.append((step, values))

    def _add(self, step: int, **values: float) -> None:
        for name, value in values.items():
            self.signals.setdefault(name, []).append((step, value))

    def _evaluate(self, step: int, recorder: Recorder | None = None) -> None:
        found = self.replica.evaluate()
        if "validation" in found:
            self._add(step, validation_loss=found["validation"])
            if recorder is not None:
                recorder.validation(found["validation"])

    def _trace(self) -> Trace:
        """Return the recorder's signals and the loop's own."""
        signals = dict(read_trace(self.directory / "trace.jsonl").signals)
        for name, points in self.signals.items():
            steps, values = zip(*points, strict=True)
            signals[name] = Series(np.array(steps, np.int64), np.array(values, np.float64))
        return Trace(signals)


def _loaded(run: OwnRun, step: int) -> State:
    _, state = run.snapshot(step)
    assert state is not None, "a kept step is not 0"
    return state


def _check_device(run: OwnRun) -> None:
    device = run.config.numerics.device
    try:
        resolve_device(device)
    except UserError as error:
        raise UserError(f"'{run.run.path}' was trained on '{device}', which is not here: replay it there") from error
