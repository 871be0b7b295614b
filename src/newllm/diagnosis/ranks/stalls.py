"""Ranks of anyone's training that wait for each other: who is missing at which collective, by RUN/ranks/flight-*.json.

`newllm.recorder.flight` writes such a file for each rank while no step comes, and when its recording is over. All ranks
of a group make the same collectives in the same order, each with its number in that group: whoever has not reached the
number at which others wait is who they wait for; two ranks with another operation at one number can both wait for ever.

Limits: without torch's flight recorder only ranks that are gone or silent are named, and where the others are. What a
file says is true of the moment when it was written.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm.diagnosis.ranks.files import FOLDER, a_count, a_time
from newllm.files import read_json
from newllm.trace.remark import Remark, unread_file

STALLED, ENDED, FAILED, SILENT = "stalled", "ended", "failed", "silent"
_LARGEST, _MOST = 2**18, 4096  # bytes of a file, files that are read
_LONGEST = 200  # characters of a text
_MOST_REMARKS = 3
_OF_EQUAL_SIZE = ("all_reduce", "allreduce", "broadcast")  # on all ranks


@dataclass(frozen=True)
class Collective:
    """What all ranks of a group do together.

    Attributes:
        group: its name, the same on all its ranks.
        about: what its maker called it.
        number: of the collective in the group, from 1.
        operation: "all_reduce", "broadcast", ...
        tensors: sizes and types of the first inputs: "5x3 Float".
        done: whether it was.
    """

    group: str
    about: str
    number: int
    operation: str
    tensors: tuple[str, ...]
    done: bool

    def __str__(self) -> str:
        """As it is seen beside another one of the same number."""
        return " ".join((self.operation, *(self.tensors if self.operation in _OF_EQUAL_SIZE else ())))


@dataclass(frozen=True)
class Flight:
    """What one rank wrote.

    Attributes:
        rank: its number, of `ranks`.
        step: the last one that it recorded.
        seconds: since then.
        longest: seconds between two steps before that.
        state: STALLED, ENDED or FAILED; SILENT of a rank that wrote nothing.
        place: in its code.
        error: class of the one that ended it; else empty.
        collectives: the last that are done and the first that are not.
        reached: number of the last one by group.
        members: ranks of a group that is not of all.
    """

    rank: int
    ranks: int = 0
    step: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    state: str = SILENT
    place: str = ""
    error: str = ""
    collectives: tuple[Collective, ...] = ()
    reached: Mapping[str, int] | None = None
    members: Mapping[str, frozenset[int]] | None = None

    def waits_in(self) -> Collective | None:
        """Return the first collective that is not done; None where there is none, as the rank does something else."""
        return next((one for one in self.collectives if not one.done), None)


@dataclass(frozen=True)
class Stall:
    """A wait whose end nobody saw.

    Attributes:
        step: after which it began, on the rank that is furthest.
        seconds: that it lasted at least.
        longest: seconds between two steps before.
        waiting: ranks that wait, or were only seen to make no step.
        missing: ranks that have not come; empty where that is not known.
        collective: to which, or to which all have come; None where nobody knows.
        apart: two ranks that wait in different collectives, with these.
        recorded: whether torch's flight recorder was on.
    """

    step: int
    seconds: float
    longest: float
    waiting: tuple[Flight, ...]
    missing: tuple[Flight, ...] = ()
    collective: Collective | None = None
    apart: tuple[tuple[Flight, Collective], ...] = ()
    recorded: bool = True

    @property
    def waits(self) -> bool:
        """Whether a rank is known to wait for another, or nobody could tell."""
        return bool(self.missing or self.collective or self.apart or not self.recorded)


def flight_file(run: Path, rank: int) -> Path:
    """Return where a rank writes."""
    return run / FOLDER / f"flight-{rank:05}.json"


def read_stall(run: Path) -> tuple[Stall | None, tuple[Remark, ...]]:
    """Return the wait that the ranks of a run were seen in, if any, and what could not be read."""
    flights, remarks = [], []
    for path in sorted((run / FOLDER).glob("flight-*.json"))[:_MOST]:
        try:
            flights.append(_flight(path.stem, read_json(path, _LARGEST)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            remarks.append(unread_file(f"{FOLDER}/{path.name}", error))
    return _found(flights), tuple(remarks[:_MOST_REMARKS])


def _found(flights: Sequence[Flight]) -> Stall | None:
    stalled = [one for one in flights if one.state == STALLED]
    apart = _different(flights)
    if not stalled and not apart:
        return None
    seen = stalled or [one for one, _ in apart]
    about: dict[str, Any] = {
        "step": max(one.step for one in seen),
        "seconds": max(one.seconds for one in seen),
        "longest": max(one.longest for one in seen),
        "waiting": tuple(seen),
        "recorded": all(one.reached for one in seen),
    }
    if apart:
        return Stall(**about, apart=apart)
    written = {one.rank: one for one in flights}
    everyone = [written.get(rank, Flight(rank)) for rank in range(min(seen[0].ranks, _MOST))]
    missing = _missing(everyone)
    gone = tuple(one for one in flights if one.state != STALLED)
    if missing is not None:
        free, collective = missing
        waiting = tuple(one for one in seen if one not in free)
        return Stall(**about | {"waiting": waiting}, missing=free, collective=collective)
    inside = [(one, held) for one in seen if (held := one.waits_in()) is not None]
    other = [pair for pair in inside if pair[1].group != inside[0][1].group]
    if other and not gone:
        return Stall(**about, apart=(inside[0], other[0]))
    return Stall(**about, missing=gone, collective=inside[0][1] if inside and not gone else None)


def _different(flights: Sequence[Flight]) -> tuple[tuple[Flight, Collective], ...]:
    """Return two ranks whose collectives of one number differ: the first of most ranks, and the first of another."""
    by_number: dict[tuple[str, int], list[tuple[Flight, Collective]]] = defaultdict(list)
    for flight in flights:
        for one in flight.collectives:
            by_number[one.group, one.number].append((flight, one))
    for pairs in (by_number[key] for key in sorted(by_number)):
        kinds = Counter(str(one) for _, one in pairs)
        if len(kinds) > 1:
            usual = kinds.most_common(1)[0][0]
            first = {str(one) == usual: (flight, one) for flight, one in reversed(pairs)}
            return first[True], first[False]
    return ()


def _missing(everyone: Sequence[Flight]) -> tuple[tuple[Flight, ...], Collective] | None:
    """Return which ranks have not come to a collective that others wait in, and wait in none themselves."""
    for group in dict.fromkeys(held.group for one in everyone if (held := one.waits_in()) is not None):
        known = next((one.members[group] for one in everyone if one.members and group in one.members), None)
        first = min(
            (one for flight in everyone for one in flight.collectives if one.group == group and not one.done),
            key=lambda one: one.number,
        )
        free = [one for one in everyone if (known is None or one.rank in known) and one.waits_in() is None]
        free = [one for one in free if one.reached is None or one.reached.get(group, 0) < first.number]
        if free:
            return tuple(free), first
    return None


def _flight(name: str, row: Mapping[str, Any]) -> Flight:
    rank, ranks, step = (a_count(row[key]) for key in ("rank", "ranks", "step"))
    if name != f"flight-{rank:05}" or rank >= ranks:
        raise ValueError("it says that it is another rank's")
    if row["state"] not in (STALLED, ENDED, FAILED):
        raise ValueError("it says something else than where a rank is")
    groups = row.get("groups", {})
    return Flight(
        *(rank, ranks, step, a_time(row["seconds"]), a_time(row["longest"])),
        state=row["state"],
        place=_text(row["place"]),
        error=_text(row["error"]),
        collectives=tuple(_collective(one, groups) for one in row.get("collectives", ())),
        reached={_text(key): a_count(one["reached"]) for key, one in groups.items()} or None,
        members={
            _text(key): frozenset(map(a_count, one["ranks"])) for key, one in groups.items() if one["ranks"] is not None
        },
    )


def _collective(row: Mapping[str, Any], groups: Mapping[str, Any]) -> Collective:
    sizes = ["x".join(str(a_count(one)) for one in size) or "1" for size in row["sizes"]]
    tensors = tuple(f"{size} {_text(dtype)}" for size, dtype in zip(sizes, row["dtypes"], strict=True))
    group, operation = _text(row["group"]), _text(row["operation"])
    if not isinstance(row["done"], bool):
        raise ValueError("it does not say whether a collective is done")
    return Collective(group, _text(groups[group]["about"]), a_count(row["number"]), operation, tensors, row["done"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name is no text")
    return "".join(one if one.isprintable() else "?" for one in value[:_LONGEST])
