"""Replays one spike: the null first, then a screen of everything, then the best again, then the reverse test.

    null replay    the unmodified run, to the bit: if it differs, nothing else is worth running
    null replays   the same with other chance: does the spike depend on the seed?
    screen         every intervention, three replays; nothing is claimed from it, it only chooses
    confirm        the best three on eight fresh seeds, from both starts where both are possible
    reverse test   what the winners take away, planted into a healthy stretch of the same run

The time is shared out: a stage that runs out of its share leaves the rest untried, and says so.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from newllm.replays.candidates import Candidate
from newllm.replays.judged import Judge, Judged
from newllm.replays.outcome import MOSTLY, Pair, effect_of, stopped_learning
from newllm.replays.question import Question
from newllm.replays.runner import Runner
from newllm.replays.starts import Start, healthy_stretch
from newllm.replays.task import Task
from newllm.replays.watcher import Watcher

NO_TIME = "no time was left for it: give a larger --budget"
SCREENED, CONFIRMED = 3, 8  # replays of each
BEST = 3  # interventions that are confirmed
PLANTED = 4  # replays of a reverse test
_SCREEN, _CONFIRM = 0.5, 0.9  # shares of the budget by whose end these stages are over
_WORTH = 0.25  # of the null's severity that must be gone in the screen
_FUTILE = 0.8  # of the null's severity: what leaves that much in every replay so far is not replayed again


@dataclass(frozen=True)
class Shown:
    """What one candidate's replays came to.

    Attributes:
        candidate: what was tried.
        pairs: its replays beside their nulls.
        confirmed: whether these are the fresh ones.
        seconds: of its replays.
    """

    candidate: Candidate
    pairs: tuple[Pair, ...]
    confirmed: bool
    seconds: float


@dataclass(frozen=True)
class Planted:
    """A reverse test: how many replays of a healthy stretch spiked, with the cause planted and without."""

    name: str
    n: int
    spiked: int
    null_spiked: int
    start: int


class Session:
    """The replays of one spike.

    Args:
        runner: runs them.
        asked: the original, its spike and the budget, whose time begins now.
        starts: where replays begin, the late one first.
        suspect: batches of the original's window.
        watcher: told how it goes.

    Attributes:
        judge: judges replays, from the first null replay on.
        by_share: whether the spike depends on the seed, so that shares are compared.
        stage: that runs now.
    """

    def __init__(
        self, runner: Runner, asked: Question, starts: Sequence[Start], suspect: range, watcher: Watcher
    ) -> None:
        self.runner, self.original, self.spike, self.starts = runner, asked.original, asked.spike, tuple(starts)
        self.suspect, self.watcher = (suspect.start, suspect.stop), watcher
        self.began, self.budget = time.monotonic(), asked.budget
        self.judge: Judge | None = None
        self.by_share = False
        self.stage = "null replay"
        self._usable = self.starts
        self._seen: dict[Task, Judged] = {}

    def nulls(self) -> dict[int, list[Judged]]:
        """Replay the unmodified run with other chance from every start that time allows; return them by start.

        The late start comes first: its cost tells whether step 0 can be had.
        """
        found: dict[int, list[Judged]] = {}
        for start in self.starts:
            if found and not self._affords(start, found):
                self._usable = tuple(one for one in self._usable if one is not start)
                continue
            tasks = [self._null(start, replay) for replay in range(SCREENED)]
            self._begin("null replays", len(tasks))
            self.runner.run(tasks, self._by(_SCREEN))
            found[start.step] = self._judged(tasks)
        whole = [one for judged in found.values() for one in judged]
        self.by_share = sum(one.own.spiked for one in whole) < MOSTLY * len(whole)
        return found

    def screen(self, candidates: Sequence[Candidate]) -> list[Shown]:
        """Replay every candidate up to three times, again only where that can still matter."""
        chosen = [one for one in candidates if one.start in self._usable]
        self._begin("screen", SCREENED * len(chosen))
        for replay in range(SCREENED):  # one of each first: where time is short, everything has been seen once
            tasks = [self._task(one, replay) for one in chosen if self._goes_on(one, replay)]
            self.runner.run(tasks, self._by(_SCREEN))
        return [shown for one in chosen if (shown := self._shown(one, range(SCREENED), confirmed=False)) is not None]

    def confirm(self, best: Sequence[Candidate]) -> list[Shown]:
        """Replay the best candidates with fresh chance; those that the time does not allow in full are left out."""
        self._begin("confirm", CONFIRMED * (len(best) + len({one.start for one in best})))
        return [shown for one in best if (shown := self._confirmed(one)) is not None]

    def confirm_from_the_beginning(self, best: Sequence[Candidate]) -> list[Shown]:
        """Replay what was confirmed late from step 0 too: a late start misses a cause that was at work before."""
        again = [other for one in best if (other := self._from_the_beginning(one)) is not None]
        return self.confirm(again) if again else []

    def _confirmed(self, one: Candidate) -> Shown | None:
        fresh = range(SCREENED, SCREENED + CONFIRMED)
        if not self._has_time_for(one, CONFIRMED, _CONFIRM):
            return None
        self.runner.run([self._null(one.start, replay) for replay in fresh], self._by(_CONFIRM))
        self.runner.run([self._task(one, replay) for replay in self._known(one.start, fresh)], self._by(_CONFIRM))
        shown = self._shown(one, fresh, confirmed=True)
        return shown if shown is not None and len(shown.pairs) == CONFIRMED else None

    def plant(self, winners: Sequence[Candidate]) -> list[Planted]:
        """Plant what the winners take away into a healthy stretch of the run, or a healthy configuration."""
        plantable = [one for one in winners if len(one.changes) == 1 and one.main.plant is not None]
        grounds = [(one, ground) for one in plantable if (ground := self._ground(one)) is not None]
        self._begin("reverse test", 2 * PLANTED * len(grounds))
        found = []
        for one, healthy in grounds:
            planted = [replace(task, name=one.name, variant="planted") for task in healthy]
            self.runner.run([*healthy, *planted], self._by(1.0))
            judged, nulls = self._judged(planted), self._judged(healthy)
            if len(judged) == len(nulls) == PLANTED:
                spiked = [sum(each.own.spiked for each in replays) for replays in (judged, nulls)]
                found.append(Planted(one.name, PLANTED, *spiked, start=healthy[0].start))
        return found

    def _ground(self, one: Candidate) -> list[Task] | None:
        """Return the healthy replays that a cause is planted into, None where there are none."""
        if one.main.stable is not None:
            stable = [self._null(one.start, replay) for replay in range(PLANTED)]
            return [replace(task, name=one.name, variant="stable") for task in stable] if one.start.step == 0 else None
        stretch = healthy_stretch(self.starts[0])
        return None if stretch is None else [self._null(stretch, replay) for replay in range(PLANTED)]

    def _begin(self, stage: str, replays: int) -> None:
        self.stage = stage
        self.watcher.planned(stage, replays)

    def seconds(self) -> float:
        """Return how long the session has taken so far."""
        return time.monotonic() - self.began

    def _by(self, share: float) -> float:
        return self.began + share * self.budget

    def _null(self, start: Start, replay: int) -> Task:
        return Task("", start.step, replay, start.null(), start.onset, start.last, self.suspect)

    def _task(self, one: Candidate, replay: int) -> Task:
        """Return a replay with an intervention; its stop depends on its null, which has been run."""
        null = self._judge_of(self._null(one.start, replay))
        onset = null.own.onset or one.start.onset
        until = one.start.until(null.progress_before(onset), max(1, onset - one.start.step))
        return Task(one.name, one.start.step, replay, until, one.start.onset, one.start.last, self.suspect)

    def _known(self, start: Start, replays: Iterable[int]) -> list[int]:
        """Return those replays whose null has been run: with no null there is nothing to hold a change against."""
        return [replay for replay in replays if self.runner.get(self._null(start, replay)) is not None]

    def _judge_of(self, task: Task) -> Judged:
        made = self.runner.get(task)
        assert made is not None, f"no null replay {task.replay} from step {task.start}"
        if self.judge is None:
            self.judge = Judge(self.original, self.spike, made)
        if task not in self._seen:
            self._seen[task] = self.judge(made)
        return self._seen[task]

    def _judged(self, tasks: Sequence[Task]) -> list[Judged]:
        return [self._judge_of(task) for task in tasks if self.runner.get(task) is not None]

    def _pair(self, one: Candidate, replay: int) -> Pair | None:
        null = self._null(one.start, replay)
        if self.runner.get(null) is None or self.runner.get(self._task(one, replay)) is None:
            return None  # the time was up before it
        return Pair(self._judge_of(null), self._judge_of(self._task(one, replay)))

    def _goes_on(self, one: Candidate, replay: int) -> bool:
        """Whether another replay can matter: futile is what left most of the spike in all replays before it."""
        if not self._known(one.start, [replay]):
            return False
        pairs = [pair for before in range(replay) if (pair := self._pair(one, before)) is not None]
        if len(pairs) < replay:
            return False
        left = [pair.changed.own.spiked and pair.changed.own.above >= _FUTILE * pair.null.own.above for pair in pairs]
        stopped = [stopped_learning(pair) for pair in pairs]
        return not pairs or not (all(left) or all(stopped))

    def _shown(self, one: Candidate, replays: range, *, confirmed: bool) -> Shown | None:
        pairs = [pair for replay in replays if (pair := self._pair(one, replay)) is not None]
        if not pairs:
            return None
        seconds = sum(pair.changed.trajectory.seconds for pair in pairs)
        return Shown(one, tuple(pairs), confirmed, seconds)

    def _from_the_beginning(self, one: Candidate) -> Candidate | None:
        """Return a candidate that was screened from the late start as one from step 0, where that can be had."""
        first = self._usable[-1]
        return replace(one, start=first) if one.start.step > 0 and first.step == 0 else None

    def _affords(self, start: Start, found: dict[int, list[Judged]]) -> bool:
        """Whether a third of the budget is enough for a screen's worth of nulls from a start."""
        seconds = SCREENED * (start.end - start.step) * self._seconds_per_step(found) / self.runner.workers
        return seconds < self.budget / 3

    def _seconds_per_step(self, found: dict[int, list[Judged]]) -> float:
        made = [one.trajectory for judged in found.values() for one in judged]
        return sum(one.seconds for one in made) / max(1, sum(len(one.steps) for one in made))

    def _has_time_for(self, one: Candidate, replays: int, share: float) -> bool:
        made = [shown for shown in self.runner.known.items() if shown[0].name == one.name]
        each = sum(trajectory.seconds for _, trajectory in made) / len(made) if made else 0.0
        left = self._by(share) - time.monotonic()
        return replays * each / self.runner.workers <= left

    def limit(self) -> float:
        """Return the healthy limit of the loss that decides."""
        assert self.judge is not None, "nothing has been judged yet"
        return self.judge.limits[self.judge.signal]


def best_of(shown: Sequence[Shown], *, by_share: bool) -> list[Candidate]:
    """Return the candidates that are worth confirming, the best first: those that left the least of the spike."""
    scored = []
    for place, one in enumerate(shown):
        if sum(stopped_learning(pair) for pair in one.pairs) > len(one.pairs) / 2:
            continue
        effect = effect_of(one.pairs, by_share=by_share).effect
        if effect is not None and effect >= _WORTH:
            scored.append((-round(effect, 1), place, one.candidate))
    return [candidate for _, _, candidate in sorted(scored, key=lambda item: item[:2])[:BEST]]
