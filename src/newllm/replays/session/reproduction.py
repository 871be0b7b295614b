"""The reproduction: the unmodified training, once more. If it is not the run, no verdict on it is worth anything.

On a CPU every step's loss and gradient norm must be those of the record to the bit, and so must the weights and the
optimizer's state wherever a later state of the run is known. Other hardware adds in an order of its own: there two
further reproductions measure how far replays of one training lie apart, and the record may lie so far from them.
"""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from newllm.messages import Message, message
from newllm.replays.replica.replica import State
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.replays.session.changed_state import LEAST_RESUMED, ChangedState, Parts, different_tensors, recorded_change
from newllm.replays.session.disagreement import Disagreement, first_different_tensor, first_disagreement
from newllm.replays.subjects.original import LocatedSpike, Original
from newllm.replays.watcher import Watcher
from newllm.time_limit import OutOfTime
from newllm.training.environment import using_threads

_SIGNALS = ("loss", "gradient_norm")
_REPEATS = 2  # further reproductions that measure the tolerance
_WIDER = 4.0  # times what few replays show of their spread
_FIRST = 5  # steps that share a limit
_ROUNDING = 1e-6  # relative: float32's last digits
_RESUMED = 20  # steps, at most, by which it is seen whether a replay from a later state is the run again


@dataclass
class Reproduction:
    """What the unmodified replay gave.

    Attributes:
        identical: whether it is the run; None where there was no recorded step to compare with.
        compared: steps.
        weights: whether weights and optimizer were those of a later state of the run too, to the bit.
        tolerance: None where it is compared to the bit; else the largest relative difference that was allowed.
        first_difference: where it left the record, None where it did not: step, signal ("loss", "gradient_norm",
            "batch", "weights"), recorded, replayed; parameter and random_state (see `disagreement`; None where they
            are the same), replays_differ (the step from which two replays of the same state differ from each other,
            None if they agree; else batches_differ, too), and what says all this: "sentence" in English, "message" as
            data.
        state: at the step that the replays begin from; None at step 0, which is built from the seed.
        seconds: that it took.
        changed_state: what speaks for a change of the state from outside; None where nothing does.
    """

    identical: bool | None
    compared: int
    weights: bool
    tolerance: float | None
    first_difference: dict[str, Any] | None
    state: State | None
    seconds: float
    changed_state: ChangedState | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what a verdict keeps of it, as plain data."""
        names = ("identical", "compared", "weights", "tolerance", "first_difference")
        return {name: getattr(self, name) for name in names}


def reproduce(
    subject: Subject,
    original: Original,
    spike: LocatedSpike,
    start: int,
    watch: Watcher | None = None,
    before_update: Callable[[], object] = lambda: None,
) -> Reproduction:
    """Replay the unmodified training to the end of a spike and compare it with the record. Nothing is written.

    Args:
        subject: what is replayed.
        original: its record.
        spike: to whose end it is replayed, and on to the next known state if that is near.
        start: step whose state is wanted.
        watch: hears when it has to be found out what differs.
        before_update: called before every update of the reproduction; what it raises ends it.

    Raises:
        UserError: it cannot be built, or its snapshot is damaged.
    """
    began = time.perf_counter()
    with using_threads(subject.threads), torch.random.fork_rng():
        check = _Check(subject, original, spike, start, before_update)
        made = check.run()
        found, changed = check.difference(made), None
        if found is not None:
            if watch is not None:
                watch.noticed(message("notice-leaves", step=found["step"]))
            found, changed = check.explained(found)
    return Reproduction(
        identical=None if not made.compared else found is None,
        compared=made.compared,
        weights=made.weights,
        tolerance=check.tolerance,
        first_difference=found,
        state=made.state,
        seconds=time.perf_counter() - began,
        changed_state=changed,
    )


@dataclass
class _Made:
    """One reproduction.

    Attributes:
        values: of each step, by signal.
        mismatch: the first difference from the record's batches or known states, as in `Reproduction.first_difference`.
        state: at the step that is wanted.
        compared: steps with a record.
        weights: whether a later known state was compared.
    """

    values: dict[int, dict[str, float]] = field(default_factory=dict)
    mismatch: dict[str, Any] | None = None
    state: State | None = None
    compared: int = 0
    weights: bool = False


class _Check:
    def __init__(
        self, subject: Subject, original: Original, spike: LocatedSpike, start: int, before_update: Callable[[], object]
    ) -> None:
        self.subject, self.original, self.start, self.before_update = subject, original, start, before_update
        self.spike = spike
        self.begin, self.state = original.state(start)
        self.setup: Setup = subject.setup(self.begin, 0, spike.onset, spike.peak)
        self.end = _end(original, spike, start)
        self.tolerance: float | None = None
        rows = zip(original.steps, original.loss, original.gradient_norm, strict=True)
        self.record = {step: dict(zip(_SIGNALS, values, strict=True)) for step, *values in rows}

    def run(self) -> _Made:
        """Replay once, comparing batches and known states on the way."""
        made, state = _Made(), self.state
        replica = self.subject.start(self.setup, state)
        self.exact = replica.device.type == "cpu"
        for step in range(self.begin, self.end):
            if step == self.start and step > 0:
                made.state = replica.state()
            self.before_update()
            update = replica.update(step)
            made.values[step + 1] = {"loss": update.loss, "gradient_norm": update.gradient_norm}
            made.compared += step + 1 in self.record
            if made.mismatch is None:
                made.mismatch = self._batch_difference(step, replica.seen) or self._state_difference(
                    step + 1, replica.state, made
                )
            if not update.finite or (self.exact and self._row_difference(made, step + 1, 0.0)) or made.mismatch:
                break
        return made

    def difference(self, made: _Made) -> dict[str, Any] | None:
        """Return the first difference from the record, None where there is none."""
        allowed = dict.fromkeys(made.values, 0.0)
        found = self._first_difference(made, allowed)
        if found is None or self.exact or found["signal"] == "batch":
            return found
        repeats = [self.run() for _ in range(_REPEATS)]
        allowed = _spread([made, *repeats])
        self.tolerance = max(allowed.values(), default=0.0)
        return self._first_difference(made, allowed)

    def explained(self, found: dict[str, Any]) -> tuple[dict[str, Any], ChangedState | None]:
        """Return a difference with what two replays of the same state say of it, and the change of state behind it."""
        found |= {"replays_differ": None, "random_state": None}
        steps = self._while_there_is_time(range(self.begin, found["step"]))
        try:
            two = first_disagreement(self.subject, self.setup, self.state, steps)
        except OutOfTime:
            return _said(found, message("differs-no_time", difference=_what_differs(found))), None
        if two is not None:
            found |= {"replays_differ": two.step, "random_state": two.random_state, "batches_differ": two.batch}
            found["parameter"] = two.parameter or found["parameter"]
        changed = self._changed_state(found) if two is None and found["signal"] != "batch" else None
        if changed is not None:
            what = {"difference": _what_differs(found), "parameter": found["parameter"]}
            return _said(found, message("differs-changed", **what)), changed
        return _said(found, _how_they_differ(found, two)), None

    def _changed_state(self, found: dict[str, Any]) -> ChangedState | None:
        """Return what speaks for a change of the state from outside, where two replays agree with each other."""
        step = found["step"]
        seen, resumed = recorded_change(self.original.changes, step), None
        tensors: tuple[str, ...] = ()
        parts: Parts = {}
        with contextlib.suppress(OutOfTime):
            resumed = self._resumed(step)
            if resumed is not None and seen is None:
                tensors, parts = different_tensors(self._state_at(resumed[0]), self.original.load(resumed[0]))
        if seen is not None:
            return ChangedState(seen[0] - 1, seen[0], seen[1], recorded=True, resumed=resumed)
        if resumed is None:
            return None
        # A loss shows the weights after the update before it, and those the moments before that.
        first = step - 1 if found["signal"] == "weights" else max(self.begin, step - 2)
        return ChangedState(first, step, parts if resumed[0] == step else {}, resumed=resumed, tensors=tensors)

    def _resumed(self, step: int) -> tuple[int, int] | None:
        """Return the steps between which a replay from the next known state is the run again; None where it is not."""
        begin = min((known for known in self.original.known_steps if known >= step), default=None)
        last = self.original.steps[-1]
        if begin is None or last < begin + LEAST_RESUMED:
            return None
        again = _Check(self.subject, self.original, self.spike, begin, self.before_update)
        again.end = min(last, begin + _RESUMED)
        made = again.run()
        is_same = made.compared >= LEAST_RESUMED and again.difference(made) is None
        return (begin, again.end) if is_same else None

    def _state_at(self, step: int) -> State:
        """Return the state that the training itself comes to, from where the replay began."""
        replica = self.subject.start(self.setup, self.state)
        for done in self._while_there_is_time(range(self.begin, step)):
            replica.update(done)
        return replica.state()

    def _while_there_is_time(self, steps: Iterable[int]) -> Iterator[int]:
        for step in steps:
            self.before_update()
            yield step

    def _first_difference(self, made: _Made, allowed: dict[int, float]) -> dict[str, Any] | None:
        rows = (self._row_difference(made, step, allowed.get(step, math.inf)) for step in made.values)
        row = next((one for one in rows if one is not None), None)
        if row is None or (made.mismatch is not None and _comes_first(made.mismatch, row)):
            return made.mismatch
        return row

    def _row_difference(self, made: _Made, step: int, allowed: float) -> dict[str, Any] | None:
        for name in _SIGNALS:
            if step in self.record:
                recorded, replayed = self.record[step][name], made.values[step][name]
                if _apart(recorded, replayed) > allowed:
                    return _difference(step, name, recorded, replayed)
        return None

    def _batch_difference(self, step: int, seen: list[int]) -> dict[str, Any] | None:
        """Compare the batch of an update with the original's, where that was followed."""
        known = self.original.batches
        if step < len(known) and seen[-1] != known[step]:
            return _difference(step + 1, "batch", known[step], seen[-1])
        return None

    def _state_difference(self, step: int, state: Any, made: _Made) -> dict[str, Any] | None:
        """Compare the state at a step with the original's, where that is known."""
        if step not in self.original.known_steps:
            return None
        name = first_different_tensor(self.original.load(step), state())
        if not self.exact:  # how far weights may lie apart there, nobody measured
            made.weights |= name is None
            return None
        made.weights = True
        return None if name is None else {**_difference(step, "weights", None, None), "parameter": name}


def _comes_first(mismatch: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a batch or a state differs before the loss of a step: a batch is read before, a state is after it."""
    return mismatch["step"] < row["step"] or (mismatch["signal"] == "batch" and mismatch["step"] == row["step"])


def _difference(step: int, signal: str, recorded: float | None, replayed: float | None) -> dict[str, Any]:
    return {"step": step, "signal": signal, "recorded": recorded, "replayed": replayed, "parameter": None}


def _apart(recorded: float, replayed: float) -> float:
    """Return the relative difference; 0 only for the same bits, or twice not a number."""
    if recorded == replayed or (math.isnan(recorded) and math.isnan(replayed)):
        return 0.0
    if not (math.isfinite(recorded) and math.isfinite(replayed)):
        return math.inf
    return abs(recorded - replayed) / max(abs(recorded), abs(replayed))


def _spread(replays: list[_Made]) -> dict[int, float]:
    """Return for each step how far the record may lie from a replay: some times what replays lie apart up to there.

    The first steps share one limit: three replays that lie close to each other in one step would make it too narrow.
    """
    steps = sorted(set.intersection(*(set(one.values) for one in replays)))
    widest, highest = [], _ROUNDING
    for step in steps:
        for one, other in itertools.combinations(replays, 2):
            for name in _SIGNALS:
                apart = _apart(one.values[step][name], other.values[step][name])
                highest = max(highest, apart if math.isfinite(apart) else 0.0)
        widest.append(highest)
    together = min(_FIRST, len(steps))
    return {step: _WIDER * widest[max(at, together - 1)] for at, step in enumerate(steps)}


def _end(original: Original, spike: LocatedSpike, start: int) -> int:
    """Return the step to which it is replayed: the spike's end, or the next known state where that is near."""
    last = original.steps[-1] if original.steps else start
    farthest = min(last, spike.peak + max(1, spike.peak - start))
    healed = min(farthest, last if spike.end is None else spike.end)
    return min((step for step in original.known_steps if healed <= step <= farthest), default=healed)


def _said(found: dict[str, Any], said: Message) -> dict[str, Any]:
    return {**found, "sentence": str(said), "message": said.as_dict()}


def _what_differs(found: dict[str, Any]) -> Message:
    signal, step = found["signal"], found["step"]
    if signal not in _SIGNALS:
        return message(f"difference-{signal}", step=step)
    return message(f"difference-{signal}", step=step, replayed=found["replayed"], recorded=found["recorded"])


def _how_they_differ(found: dict[str, Any], two: Disagreement | None) -> Message:
    what = _what_differs(found)
    if two is None:
        return message("differs-agree", difference=what, parameter=found["parameter"])
    where = {"batch": two.batch, "parameter": two.parameter, "random_state": two.random_state}
    return message("differs-apart", difference=what, step=two.step, **where, losses=not any(where.values()))
