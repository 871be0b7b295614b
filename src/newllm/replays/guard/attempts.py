"""The replays of a recovery: the unmodified training from the last good state, and one remedy at a time beside it."""

import math
import time
from collections.abc import Callable

import numpy as np

from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.messages import message
from newllm.replays.assessment.assessment import Assessment, Assessor
from newllm.replays.assessment.effect import Pair, depends_on_seed, effect_of, stopped_learning
from newllm.replays.assessment.manipulation import manipulation
from newllm.replays.interventions.remedies import RemedyCandidate
from newllm.replays.replica.replica import State
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.replays.replica.trajectory import Trajectory, Until, follow
from newllm.replays.session.candidates import Candidate
from newllm.replays.session.results import Trial
from newllm.replays.session.starts import Start
from newllm.replays.session.verdict import describe
from newllm.replays.subjects.original import LocatedSpike, Original
from newllm.trace import Finding, Series, Tried

_REPLAYS = 2  # of each: the training's own chance, and another
_SLOWEST = 3  # times the null's steps to equal progress
_TAIL = 5  # losses at a replay's end
_PROBES = 8  # before the onset, about
_HURT = 1.15  # times the probe loss before
_FUTILE = 0.75  # of the null's severity: what leaves that much is not replayed again


class Attempts:
    """Replays from one state.

    Args:
        subject: what is trained.
        onset: what was seen.
        back: step of the state.
        state: there; None at the initialisation.
        loss: of the training up to now.
        tick: called before every update.

    Attributes:
        length: updates of a null replay.
        last: last step at which the first null replay was off its trend: up to there batches are suspected.
        updates: done so far in all replays.
        identical: whether the first null replay had the training's losses, to the bit; None where none can be compared.
        nulls: assessed, by the number of the replay.
    """

    def __init__(
        self, subject: Subject, onset: Onset, back: int, state: State | None, loss: Series, tick: Callable[[], None]
    ) -> None:
        self.subject, self.onset, self.back, self.state, self.loss, self.tick = subject, onset, back, state, loss, tick
        end = max(onset.onset + (onset.onset - back), 2 * onset.step - onset.onset + _TAIL)
        self.length, self.every = end - back, max(1, (onset.onset - back) // _PROBES)
        self.last, self.updates = onset.step, 0
        self.identical: bool | None = None
        self.nulls: list[Assessment] = []
        self.assessor: Assessor | None = None

    def replay_nulls(self) -> None:
        """Replay the unmodified training."""
        until = Until(None, self.length, self.length, self.every)
        first = self._replay(None, 0, until)
        self.assessor = Assessor(self._original(), self._spike(), first)
        if not self._passes(first):
            self._lower_limit()
        self.nulls = [self.assessor(first), *(self.assessor(self._replay(None, r, until)) for r in range(1, _REPLAYS))]
        self.last = self._last_off(first)

    @property
    def harmless(self) -> bool:
        """Whether the unmodified training comes back to its trend by itself, and the model was not hurt on the way.

        The model is not hurt where the loss on the probe batch stays where it was: then only the batches were hard.
        """
        null = self.nulls[0]
        if not null.severity.spiked:
            return True
        made = null.trajectory
        after = [loss for step, loss in zip(made.probe_steps, made.probe, strict=True) if step >= self.onset.onset]
        hurt = not max(after, default=math.inf) <= _HURT * null.progress_before(self.onset.onset)
        return not hurt and self.passes

    @property
    def passes(self) -> bool:
        """Whether the unmodified training ends on its trend."""
        return self._passes(self.nulls[0].trajectory)

    def _passes(self, null: Trajectory) -> bool:
        return float(np.median(null.loss[-_TAIL:])) <= self._usual()

    def _lower_limit(self) -> None:
        """Count as a spike what rose half as much as this: it has stayed, so it is none of a healthy run's outliers."""
        assert self.assessor is not None
        limits, signal = self.assessor.limits, self.assessor.signal
        limits[signal] = min(limits[signal], self.onset.rise / 2)

    def attempt(self, remedy: RemedyCandidate, affords: Callable[[int], bool]) -> tuple[Tried | None, bool]:
        """Replay a remedy beside the nulls of the same chance.

        Returns:
            What it did, None where it cannot be made here; and whether it left nothing of the spike.
        """
        began, pairs = time.perf_counter(), []
        for replay, null in enumerate(self.nulls):
            if pairs and (not affords(1) or self._is_futile(pairs[0])):
                break
            try:
                made = self._replay(remedy, replay, self._until(null))
            except UserError:
                return None, False  # it cannot be made here
            assert self.assessor is not None
            pairs.append(Pair(null, self.assessor(made)))
        main = remedy.change
        effect = effect_of(pairs, by_share=depends_on_seed(self.nulls[1:]))
        start = Start(self.back, self.onset.onset, self.last, self.back + self.length)
        trial = Trial(Candidate(remedy.name, (main,), start), tuple(pairs), False, time.perf_counter() - began)
        clean = len(pairs) == len(self.nulls) and all(_is_clean(pair) for pair in pairs)
        return describe(trial, effect, manipulation(main, pairs), None), clean

    def last_for(self, remedy: RemedyCandidate) -> int:
        """Return the last step whose batch is suspected, as a remedy takes it."""
        return remedy.last(self.back, self.onset.step, self.last)

    def describe_nulls(self) -> dict[str, object]:
        """Return what the unmodified replays did, as plain data."""
        peaks = [one.severity.peak for one in self.nulls]
        spiked = sum(one.severity.spiked for one in self.nulls)
        return {"n": len(peaks), "spiked": spiked, "severity": peaks, "identical": self.identical}

    def _until(self, null: Assessment) -> Until:
        onset = null.severity.onset or self.onset.onset
        return Until(null.progress_before(onset), self.length, _SLOWEST * self.length, self.every)

    def _replay(self, remedy: RemedyCandidate | None, replay: int, until: Until) -> Trajectory:
        setup = self.subject.setup(self.back, replay, self.onset.onset, self.last)
        if remedy is not None:
            _add(setup, remedy.changed(setup, self.back, self.onset.onset, self.last_for(remedy)))
        replica = self.subject.start(setup, self.state)
        replica.evaluate = dict  # type: ignore[method-assign]  # nothing here is decided by evaluations
        made = follow(replica, self.back, until, self._tick)
        if made.diverged is not None:
            made.loss[-1] = math.inf  # where only the gradient was not finite, too
        if remedy is None and replay == 0 and replica.device.type == "cpu":
            self.identical = self._is_the_record(made)
        return made

    def _usual(self) -> float:
        """Return the highest loss that is still on the trend: half of the rise that was seen, or what is healthy."""
        return self.onset.base * math.exp(min(self._limit(), self.onset.rise / 2))

    def _last_off(self, null: Trajectory) -> int:
        usual = self._usual()
        off = [step for step, loss in zip(null.steps, null.loss, strict=True) if not loss <= usual]
        return max([self.onset.step, *off])

    def _tick(self) -> None:
        self.updates += 1
        self.tick()

    def _is_the_record(self, made: Trajectory) -> bool:
        record = dict(zip(self.loss.step.tolist(), self.loss.value.tolist(), strict=True))
        pairs = [(loss, record[step]) for step, loss in zip(made.steps, made.loss, strict=True) if step in record]
        return all(a == b or not (math.isfinite(a) and math.isfinite(b)) for a, b in pairs)

    def _is_futile(self, pair: Pair) -> bool:
        left = pair.changed.severity.spiked and pair.changed.severity.peak >= _FUTILE * pair.null.severity.peak
        return left or stopped_learning(pair)

    def _limit(self) -> float:
        assert self.assessor is not None
        return self.assessor.limits[self.assessor.signal]

    def _spike(self) -> LocatedSpike:
        onset = self.onset
        base = onset.base if math.isfinite(onset.base) else math.inf
        seen = message("finding-spike.while-running")
        finding = Finding(kind="spike", severity="warning", sentence=seen, signal="loss")
        return LocatedSpike(onset.onset, self.last, None, base, math.inf, "loss", finding)

    def _original(self) -> Original:
        def load(step: int) -> State:
            raise KeyError(step)

        steps, loss = self.loss.step.tolist(), self.loss.value.tolist()
        return Original(steps, loss, [math.nan] * len(steps), (), [], None, (), load)


def _add(setup: Setup, change: Setup) -> None:
    setup.batch_changes += change.batch_changes
    setup.at_start += change.at_start


def _is_clean(pair: Pair) -> bool:
    """Whether nothing is left of a spike: neither in training nor on the probe, at equal progress."""
    changed = pair.changed
    spiked = any(changed.severities[name].spiked for name in ("loss", "probe") if name in changed.severities)
    return not spiked and changed.trajectory.reached is not None
