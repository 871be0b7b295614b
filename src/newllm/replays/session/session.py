"""The stages in which one spike is replayed.

`investigate.py` calls them in this order; the first is in `reproduction.py`, the fourth in `control_spikes.py`, the
others are here. What the replays came to is looked up in `results.py`.

    reproduction   the unmodified run, to the bit: if it differs, nothing else is worth running
    null replays   the same, once more and with other chance: does the spike depend on the seed?
    screen         every intervention, up to three replays; nothing is claimed from it, it only chooses
    control spikes what helped, on a spike that it has nothing to do with: what dampens any spike tells least
    confirm        the best three on eight fresh seeds, from both starts where both are possible
    reverse test   what removed the spike when it was confirmed, and with time left the best of the screen: its cause
                   is injected into a healthy segment of the same run

Time is what decides how far this goes. The screen stops for a first look as soon as a change removed the spike and two
changes of other mechanisms did not, or when it has had half of what is left after the null replays. Then what it found
is confirmed, then the screen goes on: what nobody has tried yet comes before a second look at what has been. A
confirmation or a reverse test begins only where the time is enough for all of its replays.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from newllm.errors import UserError
from newllm.messages import message
from newllm.replays.assessment.assessment import Assessment
from newllm.replays.assessment.effect import Pair, depends_on_seed, effect_of, stopped_learning
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.session.candidates import Candidate
from newllm.replays.session.request import ReplayRequest
from newllm.replays.session.results import FUTILE, SCREENED, ReplayResults, Trial
from newllm.replays.session.runner import Runner
from newllm.replays.session.starts import Start, healthy_segment
from newllm.replays.session.task import Task
from newllm.replays.watcher import UNMODIFIED, Watcher
from newllm.time_limit import OutOfTime

NO_TIME = message("not_tried-no_time")
CONFIRMED = 8  # replays of each
BEST = 3  # interventions that are confirmed
INJECTED = 4  # replays of a reverse test
SCREENS = (0.5, 0.75, 1.0)  # shares of the time after the null replays, by whose end the screen stops for a look
WORTH = 0.25  # of the null's severity that must be gone in the screen
_NULLS_TIME = 1 / 3  # of all time, for null replays from step 0 where the likeliest change begins there
_NULLS_ASIDE = 0.1  # likewise, where it begins later
_LATER_NULLS_TIME = 0.5  # of what is left when what begins late removed nothing: the rest is for changes from there
_OTHERS = 2  # mechanisms whose change left the spike, at a first look


@dataclass(frozen=True)
class ReverseTest:
    """A reverse test: how many replays of a healthy segment spiked, with the cause injected and without.

    In verdict.json it is called "planted".
    """

    name: str
    n: int
    spiked: int
    null_spiked: int
    start: int


class Session:
    """The replays of one spike.

    Args:
        runner: runs them.
        request: the original, its spike and the time.
        starts: where replays begin, the late one first.
        suspect: batches of the original's window (`Task.suspect`).
        watcher: hears how it goes.
        keep_state: called with a step before replays begin there; step 0 needs none.

    Attributes:
        results: what was replayed.
        by_share: whether the spike depends on the seed, so that shares are compared.
        stage: that runs now.
        usable: starts with null replays.
        keep_state: as given.
        other_chance: null replays whose chance is not the run's own, from all starts.
        confirmed: what was replayed with fresh chance, whatever that showed, in its order.
        dampening: share of a control spike that an intervention takes away, by its name, where that was measured.
        reverse_tests: in their order.
        not_injected: why there is none of an intervention: "nothing" to inject, no healthy "segment", no "time" for
            it, or it was "begun" and the time was up.
    """

    def __init__(
        self,
        runner: Runner,
        request: ReplayRequest,
        starts: Sequence[Start],
        suspect: tuple[int, int, int],
        watcher: Watcher,
        keep_state: Callable[[int], None],
    ) -> None:
        self.runner, self.watcher, self.time, self.starts = runner, watcher, request.time, tuple(starts)
        self.results = ReplayResults(runner, request, suspect)
        self.by_share = False
        self.stage = "reproduction"
        self.other_chance: list[Assessment] = []
        self.confirmed: list[Trial] = []
        self.dampening: dict[str, float] = {}
        self.reverse_tests: list[ReverseTest] = []
        self.not_injected: dict[str, str] = {}
        self.keep_state = keep_state
        self.usable = self.starts
        self._screen_began = 0.0
        self._replayed: Counter[str] = Counter()

    def nulls(self, likeliest: Start) -> dict[int, list[Assessment]]:
        """Replay the unmodified run from every start that time allows, first with its own chance, then with other.

        The late start comes first: its cost tells whether step 0 can be had. `other_chance` holds those with other.

        Args:
            likeliest: where the change of what the doctor suspects first begins.

        Returns:
            What they came to, three by start.

        Raises:
            UserError: the time was up before there was one.
        """
        found: dict[int, list[Assessment]] = {}
        for start in self.starts:
            share = _NULLS_TIME if start == likeliest else _NULLS_ASIDE
            if not found or self._affords(start, share * self.time.seconds):
                found |= self._nulls_from(start)
        if not found:
            raise UserError(
                f"--budget {self.time.seconds:g}: the time was up before one null replay was done: give more"
            )
        self.usable = tuple(one for one in self.starts if one.step in found)
        self._screen_began = self.time.spent
        return found

    def later_nulls(self) -> dict[int, list[Assessment]]:
        """Replay the unmodified run from the starts that were too dear before, in half of the time that is left.

        Returns:
            As `nulls`, of these starts; empty where there is none, or no time for it and for a change from there.
        """
        found: dict[int, list[Assessment]] = {}
        for start in self.starts:
            if start not in self.usable and self._affords(start, _LATER_NULLS_TIME * self.time.left):
                found |= self._nulls_from(start)
        self.usable = tuple(one for one in self.starts if one in self.usable or one.step in found)
        return found

    def _nulls_from(self, start: Start) -> dict[int, list[Assessment]]:
        tasks = [self.results.null_task(start, replay) for replay in range(SCREENED)]
        self.begin("null replays", tasks)
        self.runner.run(tasks, self.time.end)
        self.other_chance += self.results.assessments(tasks[1:])
        self.by_share = depends_on_seed(self.other_chance)
        return {start.step: assessments} if (assessments := self.results.assessments(tasks)) else {}

    def recall(self, candidates: Sequence[Candidate]) -> list[Trial]:
        """Return what earlier replays of candidates come to that are not tried now.

        What was confirmed of them joins `confirmed`, with its reverse test: that alone is replayed, where there is time
        and it has not been.
        """
        found = []
        for candidate in candidates:
            for start in dict.fromkeys((candidate.start, self.starts[-1])):
                one = replace(candidate, start=start)
                self.runner.missing([self.results.null_task(start, replay) for replay in range(_fresh().stop)])
                self.runner.missing(
                    [self.results.task(one, replay) for replay in self.results.known(start, range(_fresh().stop))]
                )
                screened = self.results.trial(one, range(SCREENED), confirmed=False)
                found += [screened] if screened is not None else []
                fresh = self.results.trial(one, _fresh(), confirmed=True)
                if fresh is not None and len(fresh.pairs) == CONFIRMED:
                    self.confirmed.append(fresh)
                    self.inject(one)
        return found

    def screen(self, candidates: Sequence[Candidate], share: float, *, first: bool, replays: int) -> list[Trial]:
        """Replay every candidate up to three times, again only where that can still matter.

        Args:
            candidates: the likeliest and cheapest first.
            share: of the time that was left after the null replays, by whose end this stops.
            first: whether it stops as soon as there is something to confirm.
            replays: of each, at most.
        """
        chosen = [candidate for candidate in candidates if candidate.start in self.usable]
        by = self._screen_began + share * (self.time.end - self._screen_began)

        def enough() -> bool:
            return first and is_worth_a_look(self._screened(chosen), by_share=self.by_share)

        for replay in range(replays):  # one of each first: where time is short, everything has been seen once
            tasks = [self.results.task(candidate, replay) for candidate in chosen if self._goes_on(candidate, replay)]
            waiting = [task for task in tasks if not self.results.is_done(task)]
            if waiting and self.time.spent < by:
                self.begin("screen", tasks)
                self.runner.run(waiting, by, enough)
            if enough():
                break
        return self._screened(chosen)

    def _screened(self, chosen: Sequence[Candidate]) -> list[Trial]:
        trials = [self.results.trial(candidate, range(SCREENED), confirmed=False) for candidate in chosen]
        return [trial for trial in trials if trial is not None]

    def confirm(self, best: Sequence[Candidate]) -> list[Trial]:
        """Replay the best candidates with fresh chance, unless that is done; those without time for it are left out.

        The cause of what removes the spike is injected at once.

        Returns:
            What was confirmed now.
        """
        before = {(trial.candidate.name, trial.candidate.start) for trial in self.confirmed}
        found = []
        for candidate in best:
            trial = None if (candidate.name, candidate.start) in before else self._confirmed(candidate)
            if trial is not None:
                found.append(trial)
                self.confirmed.append(trial)
                if effect_of(trial.pairs, by_share=self.by_share).effect_class == "removes":
                    self.inject(candidate)
        return found

    def confirm_from_the_beginning(self, best: Sequence[Candidate]) -> list[Trial]:
        """Replay what was confirmed late from step 0 too: a late start misses a cause that was at work before."""
        return self.confirm([other for one in best if (other := self._from_the_beginning(one)) is not None])

    def _confirmed(self, candidate: Candidate) -> Trial | None:
        nulls = [self.results.null_task(candidate.start, replay) for replay in _fresh()]
        missing = self.runner.missing(nulls)
        tasks = [self.results.task(candidate, replay) for replay in self.results.known(candidate.start, _fresh())]
        # Those that are still to run, and those whose null is.
        left = CONFIRMED - len(tasks) + len(self.runner.missing(tasks))
        seconds = left * self.results.expected(candidate.name, candidate.start, candidate.steps)
        seconds += len(missing) * self.results.expected("", candidate.start, candidate.start.end - candidate.start.step)
        if seconds / self.runner.workers > self.time.left:
            return None
        self.begin("confirm", nulls, more=CONFIRMED)
        self.runner.run(nulls, self.time.end)
        fresh = self.results.known(candidate.start, _fresh())
        self.runner.run([self.results.task(candidate, replay) for replay in fresh], self.time.end)
        trial = self.results.trial(candidate, _fresh(), confirmed=True)
        return trial if trial is not None and len(trial.pairs) == CONFIRMED else None

    def inject(self, candidate: Candidate) -> None:
        """Inject what a candidate takes away into a healthy segment of the run, or a healthy configuration.

        Left out where there is nothing to inject, no healthy segment, or no time, and where it has been done.
        """
        before = [test.name for test in self.reverse_tests]
        if candidate.name in before:
            return
        if len(candidate.changes) > 1 or candidate.main.inject is None:
            self.not_injected[candidate.name] = "nothing"
            return
        healthy = self._healthy_tasks(candidate)
        if healthy is None:
            self.not_injected[candidate.name] = "segment"
            return
        late = self.starts[0]
        changed = self.results.original.changed_settings(late.step, late.onset).get(candidate.main.evidence, {})
        settings = tuple(changed.items())
        injected = [replace(task, name=candidate.name, variant="injected", settings=settings) for task in healthy]
        waiting = len(self.runner.missing([*healthy, *injected]))
        seconds = waiting * self.results.expected(candidate.name, candidate.start, healthy[0].until.least)
        if waiting and seconds / self.runner.workers > self.time.left:
            self.not_injected[candidate.name] = "time"
            return
        self.not_injected[candidate.name] = "begun"
        self.begin("reverse test", [*healthy, *injected])
        try:
            if waiting:
                self.keep_state(healthy[0].start)
        except OutOfTime:
            return
        self.runner.run([*healthy, *injected], self.time.end)
        assessments, nulls = self.results.assessments(injected), self.results.assessments(healthy)
        if len(assessments) == len(nulls) == INJECTED:
            spiked = [sum(each.severity.spiked for each in replays) for replays in (assessments, nulls)]
            self.reverse_tests.append(ReverseTest(candidate.name, INJECTED, *spiked, start=healthy[0].start))

    def _healthy_tasks(self, candidate: Candidate) -> list[Task] | None:
        """Return the healthy replays that a cause is injected into, None where there are none."""
        if candidate.main.stable is not None:
            if candidate.start.step > 0:
                return None
            stable = [self.results.null_task(candidate.start, replay) for replay in range(INJECTED)]
            return [replace(task, name=candidate.name, variant="stable") for task in stable]
        segment = healthy_segment(self.starts[0])
        return None if segment is None else [self.results.null_task(segment, replay) for replay in range(INJECTED)]

    def heard(self, task: Task, made: Trajectory) -> None:
        """Tell the watcher of a replay, with the stage that it belongs to."""
        self._replayed[self.stage] += 1
        name = "" if task.variant == "stable" else task.name  # nothing is injected into it
        self.watcher.replayed(self.stage, name or UNMODIFIED, task.replay, self.results.spiked(made), made.seconds)

    def begin(self, stage: str, tasks: Sequence[Task], more: int = 0) -> None:
        """Begin a stage or go on with it: it comes to what was heard of it, these tasks and more to come."""
        self.stage = stage
        waiting = sum(task not in self.runner.heard_of and task.name not in self.runner.failed for task in tasks) + more
        if waiting:
            self.watcher.planned(stage, self._replayed[stage] + waiting)

    def _goes_on(self, candidate: Candidate, replay: int) -> bool:
        """Whether another replay can matter."""
        if not self.results.known(candidate.start, [replay]):
            return False
        pairs = [pair for before in range(replay) if (pair := self.results.pair(candidate, before)) is not None]
        return len(pairs) == replay and not is_futile(pairs)

    def _from_the_beginning(self, candidate: Candidate) -> Candidate | None:
        """Return a candidate that was screened from the late start as one from step 0, where that can be had."""
        first = self.usable[-1]
        return replace(candidate, start=first) if candidate.start.step > 0 and first.step == 0 else None

    def _affords(self, start: Start, most: float) -> bool:
        """Whether so many seconds are enough for a screen's worth of nulls from a start."""
        waiting = len(self.runner.missing([self.results.null_task(start, replay) for replay in range(SCREENED)]))
        seconds = waiting * self.results.expected("", start, start.end - start.step) / self.runner.workers
        return not waiting or seconds < min(most, self.time.left)


def _fresh() -> range:
    """Return the numbers of the replays that confirm: none that the screen had."""
    return range(SCREENED, SCREENED + CONFIRMED)


def is_futile(pairs: Sequence[Pair]) -> bool:
    """Whether a change left most of the spike in all replays so far, or stopped learning in all."""
    left = [
        pair.changed.severity.spiked and pair.changed.severity.above >= FUTILE * pair.null.severity.above
        for pair in pairs
    ]
    return bool(pairs) and (all(left) or all(stopped_learning(pair) for pair in pairs))


def is_worth_a_look(trials: Sequence[Trial], *, by_share: bool) -> bool:
    """Whether a change removed the spike, and changes of two other mechanisms left it."""
    classes = [effect_of(trial.pairs, by_share=by_share).effect_class for trial in trials]
    removing = [trial.candidate.main for trial, one in zip(trials, classes, strict=True) if one == "removes"]
    others = [trial.candidate.main for trial, one in zip(trials, classes, strict=True) if one != "removes"]
    return any(
        len({other.main_cause for other in others if not set(other.causes) & set(change.causes)}) >= _OTHERS
        for change in removing
    )


def best_of(
    trials: Sequence[Trial], *, by_share: bool, dampening: Mapping[str, float] = MappingProxyType({})
) -> list[Candidate]:
    """Return the candidates that are worth confirming, the best first: those that left the least of the spike.

    What they take from a spike that they have nothing to do with is subtracted. Of two alike what restores comes first:
    it can show a cause in spite of the other.

    Args:
        trials: of the screen.
        by_share: compare whether replays spike, instead of how high.
        dampening: by name, where it was measured.
    """
    scored = []
    for position, trial in enumerate(trials):
        if sum(stopped_learning(pair) for pair in trial.pairs) > len(trial.pairs) / 2:
            continue
        effect = effect_of(trial.pairs, by_share=by_share).effect
        if effect is not None and effect >= WORTH:
            left = round(effect - dampening.get(trial.candidate.name, 0.0), 1)
            scored.append((-left, not trial.candidate.main.restores, position, trial.candidate))
    return [item[-1] for item in sorted(scored, key=lambda item: item[:-1])[:BEST]]
