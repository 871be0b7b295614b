"""A bisection in order: the sound program again, all changes, a smallest set of them, all but these."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from newllm.bisection.programs import Programs, moved, unreadable
from newllm.bisection.result import Bisection, Ended, Stage, Trial
from newllm.bisection.search import Outcome, smallest
from newllm.bisection.started import command, interpreter, module_places
from newllm.bisection.store import write_bisection
from newllm.bisection.symptom import (
    Part,
    Recording,
    Symptoms,
    fingerprint,
    horizon_of,
    is_warning,
    read_recording,
    symptoms,
)
from newllm.bisection.tree import Tree
from newllm.bisection.trial import Wanted, run_until
from newllm.diagnosis.against.written import settings_that_differ
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.time_limit import OutOfTime, TimeLimit
from newllm.trace.program import read_program

SLOWER, LEAST = 5.0, 30.0  # times as long as the sound program, and seconds on top, that a trial may take
_NAMED = 3  # files in a sentence
NEEDED = 0.8  # of what the sound program took: with less time left no trial begins


class Watcher:
    """Is told how far a bisection is; nothing is done with it here."""

    def begins(self, bisection: Bisection) -> None:
        """It begins, or goes on: what differs, and up to which step trials run."""

    def starts(self, stage: Stage, changes: Sequence[int]) -> None:
        """A trial starts."""

    def tried(self, trial: Trial, bisection: Bisection) -> None:
        """A trial has ended."""


@dataclass
class Session:
    """Runs the trials of one bisection.

    Attributes:
        run, sound: directories of both runs.
        programs: their programs.
        time: that it may take.
        watcher: is told.
        inside: directory that the user prepared for trials.
        found: what is known so far.
    """

    run: Path
    sound: Path
    programs: Programs
    time: TimeLimit
    watcher: Watcher
    inside: Path | None
    found: Bisection

    def __post_init__(self) -> None:
        self._recordings = read_recording(self.run), read_recording(self.sound)
        self._wanted = Symptoms()
        self._spent = self.found.seconds
        self._copies: Tree | None = None
        self.programs = replace(self.programs, seeded=self.found.seeded)

    def go(self) -> Bisection:
        """Run the trials that are needed, and return what came out.

        Raises:
            UserError: nothing parts, or the programs cannot be run.
        """
        own, other = self._recordings
        horizon, self._wanted = horizon_of(own, other)
        if self.found.horizon > horizon:  # an earlier call had to look further
            horizon, self._wanted = self.found.horizon, self._symptoms_at(self.found.horizon)
        given = self._given()
        known = {"horizon": horizon, "given": given, "brings": (), "ended": None}
        self.found = replace(self.found, **known, left=(), carried=(), necessary=None)
        self.watcher.begins(self.found)
        if not self.programs.changes:
            return self._outside()
        try:
            return self._search()
        except OutOfTime:
            return self._end("out-of-time")
        finally:
            if self._copies is not None:
                self._copies.remove()

    @property
    def _tree(self) -> Tree:
        """The copies, made when the first trial needs one."""
        if self._copies is None:
            self._copies = Tree(self.programs.sound, self.inside, (self.sound, self.run))
            copies = {"bisect-left-out": self._copies.left_out, "bisect-left-out-after": self._copies.left_out_after}
            for kind, files in copies.items():
                names = [one.name for one in files[:_NAMED]]
                said = message(kind, count=len(files), names=names, more=len(files) - len(names))
                self._keep(notices=(*self.found.notices, *([said] if files else [])))
        return self._copies

    def _search(self) -> Bisection:
        everything = [one.number for one in self.programs.changes]
        if ended := self._wrong_from_the_start():
            return self._end(ended)
        outcome = self._tested("all", everything)
        for goes_on in (self._look_further, self._take_seeds_of_the_run):
            if outcome in ("parts", "failed") or not goes_on():
                continue
            if ended := self._wrong_from_the_start():
                return self._outside() if self.found.seeded else self._end(ended)
            outcome = self._tested("all", everything)
        if self.found.missing:
            return self._end("elsewhere")
        if outcome != "parts":
            return self._end("unresolved") if outcome == "failed" else self._outside()
        if self.found.given:
            return self._attributed(everything)
        left = self._without_names(everything)
        left = smallest(left, lambda some: self._tested("search", some) == "parts")
        left = self._without_neighbours(self._without_names(left))
        without = self._tested("without", [one for one in everything if one not in left])
        necessary = None if without == "failed" else without != "parts"
        return self._end("cause", left=tuple(left), carried=self.programs.only_renaming(left), necessary=necessary)

    def _attributed(self, everything: Sequence[int]) -> Bisection:
        """Find of each thing that is given which change brings it about: one by itself, else a smallest set."""
        brings: dict[str, tuple[int, ...]] = {}
        shown = self._shown("all", everything)

        def bring(what: str, numbers: Sequence[int]) -> None:
            brings[what] = tuple(sorted(numbers))
            left = sorted({number for some in brings.values() for number in some})
            self._keep(brings=tuple(brings.items()), left=tuple(left))

        for number in everything:
            if shown - brings.keys():
                for what in sorted(self._shown("search", [number]) & shown - brings.keys()):
                    bring(what, [number])
        for what in sorted(shown - brings.keys()):
            bring(what, smallest(everything, lambda some, it=what: it in self._shown("search", some), singles=0))
        return self._end("given")

    def _shown(self, stage: Stage, changes: Sequence[int]) -> set[str]:
        """Return what the program with some changes is given that the run is given too."""
        self._tested(stage, changes)
        trial = self.found.trial(changes)
        return set() if trial is None else set(trial.shows)

    def _without_names(self, changes: list[int]) -> list[int]:
        """Return changes with the symptom without those that only rename, if it is there without them.

        Of a name that is changed in several lines no single one can be left out, but all of them may.
        """
        named = self.programs.only_renaming(changes)
        others = [one for one in changes if one not in named]
        return others if named and self._tested("search", others) == "parts" else changes

    def _without_neighbours(self, changes: list[int]) -> list[int]:
        """Return changes with the symptom without those of one place that can be left out together, and not alone.

        What one line names and the next one uses fails where only one of the two is changed.
        """
        for group in self.programs.neighbours(changes):
            others = [one for one in changes if one not in group]
            if len(group) > 1 and others and self._tested("search", others) == "parts":
                changes = others
        return changes

    def _outside(self) -> Bisection:
        differ = (*moved(self.programs.sound, self.programs.run), *self.found.reset)
        return self._end("outside", moved=tuple(dict.fromkeys(differ)))

    def _wrong_from_the_start(self) -> Ended | None:
        """Run the sound program; return how the bisection ends where that is not the sound run."""
        outcome = self._tested("sound", [])
        if self.found.missing:
            return "elsewhere"
        return None if outcome == "sound" else "not-the-sound-run"

    def _look_further(self) -> bool:
        """Look at the whole length from now on; return whether that is longer."""
        full = min(one.last_step for one in self._recordings)
        if full <= self.found.horizon:
            return False
        self._wanted = self._symptoms_at(full)
        self._keep(horizon=full, given=self._given())
        return True

    def _take_seeds_of_the_run(self) -> bool:
        """Let all programs have the seeds of the run from now on; return whether these are others.

        What a mistake does may be seen with some seeds alone, most of all where the sound run's is an odd one.
        """
        if not self.programs.seeds or self.found.seeded:
            return False
        self.programs = replace(self.programs, seeded=True)
        self._keep(seeded=True, trials=())
        return True

    def _given(self) -> tuple[tuple[str, Message], ...]:
        """Return what the training is given where no loss parts."""
        return () if self._wanted.reached else tuple((what, part.said) for what, part in self._wanted.given.items())

    def _symptoms_at(self, step: int) -> Symptoms:
        own, other = self._recordings
        return symptoms(own.until(step), other.until(step))

    def _tested(self, stage: Stage, changes: Sequence[int]) -> Outcome:
        """Return what the program with some changes comes to, from an earlier trial where there is one.

        Raises:
            OutOfTime: there is no time for another one.
        """
        trial = self.found.trial(changes)
        if trial is None or trial.horizon != self.found.horizon:
            self._check_time()
            self.watcher.starts(stage, changes)
            trial = self._tried(stage, changes)
            self._keep(trials=(*self.found.trials, trial))
            self.watcher.tried(trial, self.found)
        is_smaller = not self.found.given and trial.outcome == "parts" and stage != "sound"
        if is_smaller and len(trial.changes) < (len(self.found.left) or 1 << 30):
            self._keep(left=trial.changes)
        return trial.outcome

    def _check_time(self) -> None:
        self.time.check()
        sound = self.found.trial([])
        if sound is not None and sound.horizon == self.found.horizon and self.time.left < NEEDED * sound.seconds:
            raise OutOfTime

    def _tried(self, stage: Stage, changes: Sequence[int]) -> Trial:
        """Run the program with some changes, and judge what it recorded.

        Raises:
            OutOfTime: the time was up before it had recorded enough.
        """
        files, arguments = self.programs.with_changes(changes)
        horizon = self.found.horizon
        about = Trial(tuple(changes), stage, "failed", horizon, 0, 0.0)
        if error := unreadable(files, self.programs.changed_code, (self.programs.sound, self.programs.run)):
            return replace(about, printed=(error,))
        made = self._tree.fresh(files)
        ran = run_until(
            command(self.programs.sound, arguments, self._tree),
            self._tree.counterpart(Path(self.programs.sound.directory)),
            self._tree.environment(made / "recordings", module_places(interpreter(self.programs.sound))),
            made,
            self._meant,
            horizon,
            min(self.time.left, self._longest()),
        )
        if ran.is_late and self.time.left <= 0:
            raise OutOfTime
        about = replace(about, steps=ran.step, seconds=ran.seconds, printed=ran.said)
        place = ran.recording
        if place is None or (ran.step < horizon and (ran.code != 0 or ran.is_late)):
            return about
        if stage != "search":
            self._look_around(place, stage, files)
        return self._judged(about, read_recording(place).until(horizon))

    @property
    def _meant(self) -> Wanted:
        """Which of the recordings of a trial is held against the sound run."""
        programs = self.programs.sound, self.programs.run
        return Wanted(
            programs[0].nth, (*(Path(one.out).name for one in programs if one.out), self.sound.name, self.run.name)
        )

    def _judged(self, trial: Trial, recording: Recording) -> Trial:
        """Return a trial with what it came to."""
        sound = self._recordings[1].until(trial.horizon)
        try:
            found = symptoms(recording, sound)
        except UserError:  # it recorded too little
            return trial
        outcome = self._wanted.outcome_of(found)
        told = [one for what, one in self._wanted_first(found)]
        given = [part for what, part in found.given.items() if not is_warning(what)]  # of a short run it may be chance
        if trial.stage == "sound" and outcome == "sound" and (found.reached or given):
            outcome, told = "otherwise", [*found.reached.values(), *given]
        losses = fingerprint(recording, self._wanted)
        if trial.stage == "sound" and not self.programs.seeded:
            self._keep(repeats=losses == fingerprint(sound, self._wanted))
        again = self.found.trial([])
        identical = None if again is None or again.horizon != trial.horizon else again.losses == losses
        if identical and again is not None and again.outcome == "sound":
            outcome = "sound"
        said = told[0].said if told and outcome != "sound" else None
        steps = min(recording.last_step, trial.horizon)
        judged = replace(trial, outcome=outcome, steps=steps, identical=identical, losses=losses, said=said, printed=())
        return replace(judged, shows=self._wanted.shown_by(found))

    def _wanted_first(self, found: Symptoms) -> list[tuple[str, Part]]:
        """Return what a trial shows, in the order of what the run shows first."""
        shown = found.reached if self._wanted.reached else found.given
        order = sorted(self._wanted.judged, key=lambda what: self._wanted.judged[what].step)
        return sorted(shown.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order))

    def _look_around(self, place: Path, stage: Stage, files: Mapping[str, str | None]) -> None:
        """Remember which packages and data are not what the sound run had, and what was imported from elsewhere."""
        with contextlib.suppress(OSError, ValueError):  # without it nothing is known of them
            ran = read_program(place)
            if ran is None:
                return
            if stage == "sound":
                self._keep(moved=(*moved(self.programs.sound, ran), *self._settings(place, self._recordings[1])))
            elif stage == "all":
                again = self._settings(place, self._recordings[0])
                self._keep(reset=tuple((name, now, kept) for name, kept, now in again))
            wanted = self.programs.sound if stage == "sound" else self.programs.run
            names = self.programs.changed_code & {*wanted.files} if stage in ("sound", "all") else set()
            texts = {name: self._tree.placed(files[name] or "") for name in names}
            missing = [
                name
                for name, text in texts.items()
                if not any(f"/{one}".endswith(f"/{name}") and it == text for one, it in ran.files.items())
            ]
            self._keep(missing=tuple(sorted(missing)))

    def _settings(self, place: Path, kept: Recording) -> tuple[tuple[str, str, str], ...]:
        """Return the settings that a trial recorded otherwise than the run whose program it has.

        What the environment or a file elsewhere sets today is not in the program.
        """
        now = read_recording(place).facts.settings
        found, _ = settings_that_differ(now, kept.facts.settings, set())
        told = [one.said.parameters for one in found]
        return tuple((str(one["name"]), str(one["there"]), str(one["here"])) for one in told)

    def _longest(self) -> float:
        """Return the seconds that a trial may take, by those of the sound program."""
        sound = self.found.trial([])
        return (
            float("inf")
            if sound is None
            else SLOWER * sound.seconds * self.found.horizon / max(1, sound.horizon) + LEAST
        )

    def _end(self, ended: Ended, **known: Any) -> Bisection:
        self._keep(ended=ended, **known)
        return self.found

    def _keep(self, **known: Any) -> None:
        self.found = replace(self.found, seconds=self._spent + self.time.spent, **known)
        write_bisection(self.run, self.found)
