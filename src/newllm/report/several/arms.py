"""Several runs side by side: which of them are seeds of one arm, and what tells the arms apart.

Runs whose configurations differ in nothing but the seed are one arm. What is only about how a run is kept or where it
ran (snapshots, versions) makes no other arm. A run whose configuration is not known is an arm by itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from newllm.messages import catalogue
from newllm.statistics import Interval, mean_interval
from newllm.trace import Series
from newllm.words.numbers import value
from newllm.words.plain import plain

SEED = "seed"
_NOT_OF_THE_ARM = (SEED, "schema", "environment.", "training.snapshot_every", "training.keep", "training.ring_every")
_NAMED_BY = 3  # settings in an arm's name
_NAME = 40  # characters of each


@dataclass(frozen=True, eq=False)
class Member:
    """One run as it is compared.

    Attributes:
        name: of the run.
        settings: its configuration by dotted key, empty where it is not known (`flat` makes it).
        signals: what was recorded, by name.
        numbers: what it came to, by name ("bits_per_byte"); None where it is not known.
        per_step: what a step takes in the mean over the run, by name ("tokens", "seconds"); what is known of it.
        unit: what its losses are measured in (`units`), None where it is not known.
        vocabulary: how many tokens or classes it chooses between, None where that is not known.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    signals: Mapping[str, Series] = field(default_factory=dict)
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    per_step: Mapping[str, float] = field(default_factory=dict)
    unit: str | None = None
    vocabulary: int | None = None

    @property
    def seed(self) -> int | None:
        """Its seed, None where it is not known."""
        seed = self.settings.get(SEED)
        return seed if isinstance(seed, int) else None


@dataclass(frozen=True, eq=False)
class Arm:
    """Runs that differ by nothing but the seed.

    Attributes:
        name: the run's where there is but one, else what sets the arm apart.
        members: the first recorded run of each seed; what speaks of chance is computed from these alone.
        repeated: further runs of a seed that is there: the same run once more, which is shown and no new evidence.
    """

    name: str
    members: tuple[Member, ...]
    repeated: tuple[Member, ...] = ()

    @property
    def n(self) -> int:
        """How many seeds it has."""
        return len(self.members)


def arms_of(members: Sequence[Member]) -> list[Arm]:
    """Return the arms in the order of their first run: the first is the control."""
    groups: dict[Any, list[Member]] = {}
    for place, member in enumerate(members):
        groups.setdefault(_identity(member) or place, []).append(member)
    apart = differing([group[0].settings for group in groups.values()])
    return [_arm(group, {key: values[at] for key, values in apart.items()}) for at, group in enumerate(groups.values())]


def differing(settings: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the settings in which arms differ, each with its value in every one; None where it has none.

    Runs without a known configuration have no say. What does not make an arm (the seed) is left out.
    """
    known = [one for one in settings if one]
    keys = dict.fromkeys(key for one in known for key in one if not key.startswith(_NOT_OF_THE_ARM))
    return {
        key: tuple(one.get(key) for one in settings)
        for key in keys
        if len({_comparable(one.get(key)) for one in known}) > 1
    }


def pairs(control: Arm, other: Arm) -> list[tuple[Member, Member]]:
    """Return the runs of two arms that share a seed, the control's first."""
    by_seed = {member.seed: member for member in control.members if member.seed is not None}
    return [(by_seed[member.seed], member) for member in other.members if member.seed in by_seed]


def mean_of(arm: Arm, name: str) -> Interval | None:
    """Return the mean of a number over an arm's seeds with its 95 % interval; None where a seed lacks it."""
    return _mean([member.numbers.get(name) for member in arm.members])


def difference_of(control: Arm, other: Arm, name: str) -> Interval | None:
    """Return the mean paired difference of a number, other minus control, with its 95 % interval.

    Runs that share a seed are pairs. Without one the difference of the means stands there, and no interval: what chance
    does to it was not measured. None where a run lacks the number.
    """
    both = pairs(control, other)
    if both:
        numbers = [(first.numbers.get(name), second.numbers.get(name)) for first, second in both]
        return _mean([None if a is None or b is None else b - a for a, b in numbers])
    first, second = mean_of(control, name), mean_of(other, name)
    return None if first is None or second is None else Interval(second.estimate - first.estimate, None, None)


def _mean(numbers: Sequence[float | None]) -> Interval | None:
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    return mean_interval(known) if known and len(known) == len(numbers) else None


def _identity(member: Member) -> tuple[tuple[str, str], ...]:
    """Return what the runs of one arm share; empty where the configuration is not known."""
    kept = {key: value for key, value in member.settings.items() if not key.startswith(_NOT_OF_THE_ARM)}
    return tuple(sorted((key, _comparable(value)) for key, value in kept.items()))


def _comparable(value: Any) -> str:
    return repr(value)


def _arm(group: Sequence[Member], apart: Mapping[str, Any]) -> Arm:
    seeds: dict[Any, Member] = {}
    for at, member in enumerate(group):
        seed = at if member.seed is None else f"seed {member.seed}"
        if seed not in seeds or (not seeds[seed].signals and member.signals):  # a damaged one has none
            seeds[seed] = member
    first = tuple(seeds.values())
    repeated = tuple(member for member in group if member not in first)
    return Arm(_name(first, apart), first, repeated)


def _name(members: Sequence[Member], apart: Mapping[str, Any]) -> str:
    """Return a run's own name, of several what sets them apart; where nothing does, what their names begin with."""
    if len(members) == 1:
        return members[0].name
    english = catalogue("en")
    told = [
        f"{plain(key.rpartition('.')[2], _NAME)} {value(english, item)[:_NAME]}"
        for key, item in apart.items()
        if item is not None
    ]
    if told:
        return ", ".join(told[:_NAMED_BY])
    names = [member.name for member in members]
    alike = next((at for at, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    return names[0][:alike].rstrip(" -_./=") or names[0]
