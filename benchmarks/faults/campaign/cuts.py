"""Power cuts at random calls of a run: no finished snapshot is lost, and what comes next ends with the same bits."""

import random
import re
from pathlib import Path

from campaign.calls import Call
from campaign.outcome import REFUSED, SAME, VIOLATION, Outcome, differences, ending
from campaign.power import Disk
from campaign.stage import Stage
from campaign.subjects import RUN, SUBJECTS, resuming

_SUBJECTS = ("stack", "packed trace", "carry and dropout", "spike, states kept", "guard", "replay", "stack, resumed")
_WEIGHTS = (1, 1, 1, 0.1, 0.1, 0.1, 1)  # less of what takes long
_STATE = re.compile(r"run/snapshots/step-(\d+)")


def cut(stage: Stage, chance: random.Random) -> list[Outcome]:
    """Cut the power at a call, and run what a person runs next."""
    name = chance.choices(_SUBJECTS, _WEIGHTS)[0]
    subject = SUBJECTS[name.removesuffix(", resumed")]
    if not stage.allows(subject.name):
        return []
    calls = _calls(stage, name)
    disk, at = Disk(stage.place), chance.randint(1, len(calls))
    for call in calls[:at]:
        disk.make(call)
    content = disk.cut(chance)
    stage.clear()
    _write(stage.place, content)
    promised = _newest_finished(calls[:at])
    there = [int(found[1]) for path in content if (found := _STATE.fullmatch(path))]
    if promised > max(there, default=-1):
        return [Outcome(name, VIOLATION, f"cut at {at}: the snapshot of step {promised} was finished and is lost")]
    begun = (stage.place / RUN / "config.toml").exists()
    ended = stage.run(subject.next(stage.place))
    wrong = ending(ended)
    if wrong is None and ended.refused and not begun:
        return [Outcome(name, REFUSED)]
    if wrong is None and ended.code == 0:
        expected, found = stage.undisturbed(subject.name).result, subject.result(stage.place)
        if found == expected:
            return [Outcome(name, SAME)]
        wrong = differences(found, expected)
    return [Outcome(name, VIOLATION, f"cut at {at} of {len(calls)}: {wrong or ended.stderr[-800:]}")]


def _calls(stage: Stage, name: str) -> list[Call]:
    """Return the calls of an undisturbed subject; what it began with is in the place."""
    if not name.endswith(", resumed"):
        made = stage.undisturbed(name).calls
        stage.begin(SUBJECTS[name])
        return made
    state = stage.stopped(name.removesuffix(", resumed"), 0.5)
    made = stage.recorded_once(name, state, resuming)
    stage.put(state)
    return made


def _newest_finished(calls: list[Call]) -> int:
    """Return the newest step whose snapshot had its name, with that name synced; -1 for none."""
    named: set[int] = set()
    durable: set[int] = set()
    for call in calls:
        if call.kind == "rename" and (found := _STATE.fullmatch(call.to)):
            named.add(int(found[1]))
        elif call.kind == "rename" and (found := _STATE.fullmatch(call.path)):
            named.discard(int(found[1]))
            durable.discard(int(found[1]))
        elif call.kind == "sync" and call.path == "run/snapshots":
            durable |= named
    return max(durable, default=-1)


def _write(place: Path, content: dict[str, bytes | None]) -> None:
    for path, data in content.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(data)
