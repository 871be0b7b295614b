"""A rerun in order: the program as it was, one change after another, and the cause injected where nothing is wrong."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from newllm.bisection.begin import NOTEBOOK, runnable_program
from newllm.bisection.session import LEAST, NEEDED, SLOWER
from newllm.bisection.started import command, interpreter, module_places
from newllm.bisection.tree import Tree
from newllm.bisection.trial import Ran, Wanted, run_until
from newllm.checksum import data_checksum
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.run_facts import read_facts
from newllm.errors import UserError
from newllm.files import to_json
from newllm.reruns.changes import INJECT, SKIP, SKIP_ONE, Change, changes_of, injection_of, named_by
from newllm.reruns.result import Rerun, Trial, outcome_of, read_rerun, write_rerun
from newllm.reruns.rise import BEFORE, LESS, rises, seen_at
from newllm.time_limit import OutOfTime, TimeLimit
from newllm.trace import Series, Trace
from newllm.trace.program import CHANGE, CHANGED, Program
from newllm.trace.readers import read_log


class Watcher:
    """Is told how far a rerun is; nothing is done with it here."""

    def begins(self, found: Rerun, edited: Sequence[str]) -> None:
        """It begins, or goes on: which rise, up to which step the program runs, and what of it was edited since."""

    def tried(self, trial: Trial, found: Rerun) -> None:
        """A trial has ended."""

    def late(self, found: Rerun) -> None:
        """The time is up, and not all was tried."""


@dataclass
class Session:
    """Runs the trials of one rerun.

    Attributes:
        run: directory of the recording.
        program: that made it.
        trace: of it.
        time: that it may take.
        watcher: is told.
        found: what is known so far.
        only: names of the changes that are tried now; none for all until the cause is shown.
    """

    run: Path
    program: Program
    trace: Trace
    time: TimeLimit
    watcher: Watcher
    found: Rerun
    only: Sequence[str]

    def __post_init__(self) -> None:
        self._loss = self.trace.series("loss")
        self._spent = self.found.seconds
        self._copies: Tree | None = None

    def go(self) -> Rerun:
        """Run the trials that are needed, and return what came out."""
        done = len(self.found.trials)
        try:
            self._try(None)
            for change in self._wanted():
                if change.name != SKIP_ONE or self._is_of_updates:  # else no single one is it
                    self._try(change)
                cause = self.found.cause
                if cause is not None and (injected := injection_of(cause, self.found.rise)) is not None:
                    self._try(injected)
        except OutOfTime:
            self.watcher.late(self.found)
        finally:
            if self._copies is not None:
                self._copies.remove()
        if len(self.found.trials) > done or not done:
            self._keep(self.found)
        return self.found

    def _wanted(self) -> Iterator[Change]:
        """Yield what is tried: what was asked for by name, or all until the cause is shown."""
        for change in self.found.planned if self.found.is_repeated else ():
            if change.name in self.only or not (self.only or self.found.shown):
                yield change

    @property
    def _is_of_updates(self) -> bool:
        return any(one.name == SKIP for one in self.found.changes_that("gone"))

    def _try(self, change: Change | None) -> None:
        """Run the program with a change, unless an earlier call has.

        Raises:
            OutOfTime: there is no time for it.
        """
        if any(one.change == change for one in self.found.trials):
            return
        self.time.check()
        if self.found.trials and self.time.left < NEEDED * self.found.trials[0].seconds:
            raise OutOfTime
        trial = self._judged(change, self._run(change))
        self._keep(self.found.with_trial(trial))
        self.watcher.tried(trial, self.found)

    def _run(self, change: Change | None) -> Ran:
        if self._copies is None:
            self.watcher.begins(self.found, _edited(self.program))
            self._copies = Tree(self.program, runs=(self.run,))
        tree, program = self._copies, self.program
        made = tree.fresh(program.files)
        environment = tree.environment(made / "recordings", module_places(interpreter(program)))
        if change is not None:
            environment[CHANGE] = json.dumps(change.as_dict() | {"nth": program.nth})
        first = self.found.trials[0].seconds if self.found.trials else None
        longest = float("inf") if first is None else SLOWER * first + LEAST
        wanted = Wanted(program.nth, (*((Path(program.out).name,) if program.out else ()), self.run.name))
        ran = run_until(
            command(program, program.arguments, tree), tree.counterpart(Path(program.directory)), environment, made,
            wanted, self.found.horizon, min(self.time.left, longest),
        )  # fmt: skip
        if ran.is_late and self.time.left <= 0:
            raise OutOfTime
        return ran

    def _judged(self, change: Change | None, ran: Ran) -> Trial:
        """Return a trial with what it came to. One that ends early after all of the rise has shown what it can."""
        known: dict[str, Any] = {"steps": min(ran.step, self.found.horizon), "seconds": round(ran.seconds, 3)}
        line = ran.said[-1] if ran.said else ""
        if ran.recording is None or ran.step < self.found.rise.last:
            return Trial(change, "failed", None, None, printed=line, **known)
        if change is not None and not (ran.recording / CHANGED).is_file():
            return Trial(change, "not-made", None, None, **known)
        loss = read_log(ran.recording).series("loss")
        parted = first_difference(self._loss, loss, self.found.horizon)
        if change is not None and change.name == INJECT:
            return self._injected(change, loss, parted, known)
        if change is not None and change.kind != "keep-state" and parted is None:
            # The program clips to less itself, or does not read what was set: whatever it is, nothing was changed.
            return Trial(change, "not-made", None, None, **known)
        share = self.found.rise.share(self._loss, loss)
        begins = change is not None and self.found.rise.begins(self._loss, loss, change.first)
        outcome = outcome_of(share)
        since = None if change is None or outcome == "gone" else self.found.rise.since(loss, change.first)
        return Trial(change, outcome, share, parted, begins=begins, since=since, **known)

    def _injected(self, change: Change, loss: Series, parted: int | None, known: Mapping[str, Any]) -> Trial:
        """Return whether a rise is there where one was injected: at least half as large as the run's."""
        length = self.found.rise.last - self.found.rise.first
        there = replace(self.found.rise, first=change.first, last=min(change.first + length, self.found.rise.first - 1))
        moved = Series(self._loss.step - (self.found.rise.first - change.first), self._loss.value)
        share = there.share(moved, loss)
        return Trial(change, "there" if share is not None and share > LESS else "not-there", share, parted, **known)

    def _keep(self, found: Rerun) -> None:
        self.found = replace(found, seconds=round(self._spent + self.time.spent, 3))
        write_rerun(self.run, self.found)


def rerun_program(
    run: Path, *, number: int | None = None, only: Sequence[str] = (), time: TimeLimit, watcher: Watcher | None = None
) -> Rerun:
    """Run the program of a recording again with one thing changed at a time around a rise of its loss.

    Args:
        run: directory of the recording; rerun.json is written there.
        number: which rise, from 1 in their order; None takes the first.
        only: names of what is tried; none takes all until the cause is shown.
        time: that it may take.
        watcher: is told of every trial.

    Raises:
        UserError: there is no program or no rise, or it cannot be run.
    """
    program = runnable_program(run)
    trace = read_log(run)
    loss = trace.series("loss")
    findings = diagnose(trace, read_facts(run)[0])
    found = rises(findings, loss) if len(loss.step) else []
    if not found:
        raise UserError(f"'{run}': the doctor finds no rise of the training loss in it, so there is nothing to replay")
    if number is not None and not 1 <= number <= len(found):
        raise UserError(
            f"--spike {number}: '{run}' has {len(found)}, as spikes within one stretch are one: give a number from 1 "
            f"to {len(found)}"
        )
    at = (number or 1) - 1
    rise = found[at]
    if np.sum(loss.step < rise.first) < BEFORE // 2:
        raise UserError(
            f"'{run}': the loss rises at step {rise.first}, too near the beginning to be held against what was before"
        )
    changes = changes_of(trace, findings, rise, rise.last)
    names = list(dict.fromkeys(one.name for one in changes))
    if unknown := [one for one in only if one not in names]:
        raise UserError(f"--only {unknown[0]}: of this run there is {', '.join(names)} to try")
    others = tuple(name for name, known in program.data.items() if data_checksum(Path(program.root) / name) != known)
    about = Rerun(
        str(run), _digest(program), rise, at + 1, len(found), rise.last,
        planned=tuple(changes), changed_data=others, seen=seen_at(rise, findings),
        named=tuple(named_by(one, findings, rise) for one in changes),
    )  # fmt: skip
    earlier = read_rerun(run)
    is_same = earlier is not None and earlier.changed_data == others  # what ran on other data tells nothing now
    if earlier is not None and is_same and (earlier.program, earlier.rise) == (about.program, rise):
        kept = tuple(one for one in earlier.trials if one.outcome != "failed")  # it may have been the machine
        about = replace(about, trials=kept if earlier.is_repeated else (), seconds=earlier.seconds)
    return Session(run, program, trace, time, watcher or Watcher(), about, only).go()


def first_difference(run: Series, trial: Series, last: int) -> int | None:
    """Return the first step whose loss is not the same to the bit, or is in one of them alone; None where all are."""
    own, other = (
        {int(step): value for step, value in zip(one.step, one.value, strict=True) if step <= last}
        for one in (run, trial)
    )
    apart = [
        step
        for step in own.keys() | other.keys()
        if step not in own or step not in other or not np.array_equal(own[step], other[step], equal_nan=True)
    ]
    return min(apart, default=None)


def _edited(program: Program) -> list[str]:
    """Return the files of a program that are not, or no longer, what was recorded: that is what is run."""
    edited = []
    for name, kept in program.files.items():
        try:
            is_same = (Path(program.root) / name).read_text("utf-8-sig") == kept
        except (OSError, ValueError):
            is_same = name == NOTEBOOK
        edited += [] if is_same else [name]
    return edited


def _digest(program: Program) -> str:
    parts = [program.main, program.module, program.arguments, program.files]
    return hashlib.sha256(to_json(parts).encode()).hexdigest()
