"""Kills at a call, and errors of the file system at a call: the command that comes next ends with the same bits."""

import errno
import os
import random

from campaign.child import Ended
from campaign.outcome import REFUSED, SAME, TOLD, VIOLATION, Outcome, differences, ending
from campaign.plans import MOMENTS, Fail, Kill
from campaign.stage import Stage
from campaign.subjects import SUBJECTS, Subject

_MOST_KILLS = 6  # of one run
_WEIGHTS = {"replay, whole": 0.02, "replay": 0.15, "guard": 0.3, "spike, states kept": 0.2, "report": 0.5, "study": 0.2}
"""How often each comes: what takes ten or a hundred times as long comes less often."""
ERRORS = {"no room": errno.ENOSPC, "quota": errno.EDQUOT, "read-only": errno.EROFS, "device error": errno.EIO}


def kill(stage: Stage, chance: random.Random) -> list[Outcome]:
    """Kill a run up to three times, then let it end; each kill is an outcome."""
    subject = _subject(chance)
    if not stage.allows(subject.name):
        return []
    count = len(stage.undisturbed(subject.name).calls)
    stage.begin(subject)
    killed: list[str] = []
    for _ in range(chance.randint(1, _MOST_KILLS)):
        plan = Kill(chance.randint(1, count), chance.choice(MOMENTS))
        ended = stage.run(subject.next(stage.place) if killed else subject.command, plan, draws=_draws(chance))
        if not ended.killed:
            break
        killed.append(f"{plan.moment} call {plan.at}")
    else:
        ended = stage.run(subject.next(stage.place), draws=_draws(chance))
    return [_judged(stage, subject, ended, f"killed {', '.join(killed)}")] * len(killed)


def refuse(stage: Stage, chance: random.Random) -> list[Outcome]:
    """Let the file system refuse calls: one line, exit code 2, and the next command ends with the same bits."""
    subject, name = _subject(chance), chance.choice(list(ERRORS))
    if not stage.allows(subject.name):
        return []
    count = len(stage.undisturbed(subject.name).calls)
    stage.begin(subject)
    plan = Fail(chance.randint(1, count), ERRORS[name], lasting=chance.random() < 0.5)
    ended = stage.run(subject.command, plan, draws=_draws(chance))
    how = f"{name} {'from' if plan.lasting else 'at'} call {plan.at} on"
    about = f"{name}: {subject.name}"
    wrong = ending(ended)
    if wrong is not None:
        return [Outcome(about, VIOLATION, f"{how}: {wrong}")]
    if ended.code == 0:  # it did without: what it says it did must be so
        verdict = _judged(stage, subject, ended, how, swept=False)
        if verdict.verdict == VIOLATION and os.strerror(plan.number) in ended.stderr:
            return [Outcome(about, TOLD)]  # a state that could not be kept is not there to go back to
        if verdict.verdict == VIOLATION:
            return [Outcome(about, VIOLATION, f"{verdict.detail}; it said {ended.stdout[-300:]} {ended.stderr[-500:]}")]
    after = _judged(stage, subject, stage.run(subject.next(stage.place), draws=_draws(chance)), f"after {how}")
    verdict = after.verdict if after.verdict == VIOLATION or ended.code == 0 else REFUSED
    return [Outcome(about, verdict, after.detail)]


def _subject(chance: random.Random) -> Subject:
    names = list(SUBJECTS)
    return SUBJECTS[chance.choices(names, [_WEIGHTS.get(name, 1.0) for name in names])[0]]


def _draws(chance: random.Random) -> bool:
    return chance.random() < 0.05


def _judged(stage: Stage, subject: Subject, ended: Ended, how: str, *, swept: bool = True) -> Outcome:
    """Compare where a run has come to with where nobody disturbed it.

    Args:
        stage: where it is.
        subject: what was run.
        ended: how the last command ended.
        how: what was done to it.
        swept: whether files under temporary names must be gone; the next command sweeps up what could not be removed.
    """
    wrong = ending(ended) or (f"exit code {ended.code}: {ended.stderr[-800:]}" if ended.code else None)
    if wrong is None:
        expected, found = stage.undisturbed(subject.name).result, subject.result(stage.place)
        if not swept and "left behind" in found:
            found["left behind"] = expected["left behind"]
        if found == expected:
            return Outcome(subject.name, SAME)
        wrong = differences(found, expected)
    return Outcome(subject.name, VIOLATION, f"{how}: {wrong}")
