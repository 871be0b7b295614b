"""Whether a remedy has shown a cause.

It has only if three things hold:

1. the intervention moved the signal that it aims at;
2. equally strong changes to rival mechanisms do not remove the spike;
3. planted into a healthy segment of the same run, the cause brings a spike about.

Otherwise the verdict names remedies, and says what is missing.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newllm.messages import Message, message
from newllm.replays.interventions import Intervention
from newllm.replays.manipulation import Moved
from newllm.replays.session import ReverseTest
from newllm.trace import Tried
from newllm.trace.verdict import HELPS

_AS_STRONG = 0.5  # of the strength of the change that is held against it
_STRONG = math.log(2)  # a signal that is doubled or halved was moved strongly, whatever the other did
_RIVALS = 2  # at least


@dataclass(frozen=True)
class Case:
    """What speaks for one intervention's cause.

    Attributes:
        change: the intervention.
        tried: what it did, as far as it was confirmed, or screened.
        moved: its signal.
        planted: its reverse test, None without one.
    """

    change: Intervention
    tried: Tried
    moved: Moved
    planted: ReverseTest | None

    @property
    def is_remedy(self) -> bool:
        """Whether it removes the spike, confirmed."""
        return self.tried.is_remedy

    @property
    def may_remove(self) -> bool:
        """Whether it removes the spike, or did so in the screen."""
        return self.tried.outcome == "removes"

    @property
    def reverses(self) -> bool:
        """Whether its cause, planted, brings a spike about where there was none."""
        return self.planted is not None and self.planted.null_spiked == 0 and self.planted.spiked == self.planted.n


def find_cause(cases: Sequence[Case], untried: int) -> tuple[dict[str, Any] | None, tuple[Message, ...]]:
    """Return the cause with its evidence, or None and what is missing.

    Args:
        cases: all that was tried.
        untried: how many interventions that fit had no time.
    """
    remedies = [case for case in cases if case.is_remedy]
    if not remedies:
        return None, (_without_a_remedy(cases, untried),)
    missing: list[Message] = []
    for case in remedies:
        lacks = _lacks(case, cases)
        if not lacks:
            return _evidence(case, cases), ()
        missing += [lack for lack in lacks if lack not in missing]
    return None, tuple(missing)


def suspects(cases: Sequence[Case], doctor_rank: Mapping[str, int]) -> tuple[dict[str, Any], ...]:
    """Return what speaks for which cause, the best first; one entry a mechanism.

    Args:
        cases: all that was tried.
        doctor_rank: the rank of each cause in the doctor's ranking.
    """
    ranked: dict[str, dict[str, Any]] = {}
    for case in sorted(cases, key=lambda case: _weight(case, doctor_rank)):
        if case.tried.outcome not in HELPS:
            continue
        evidence = {
            "class": case.tried.outcome,
            "stage": case.tried.stage,
            "moved": case.moved.moved,
            "planted_spikes": case.reverses,
        }
        entry = {"name": case.change.mechanism, "intervention": case.tried.name, **evidence}
        ranked.setdefault(case.change.mechanism, entry)
    return tuple(ranked.values())


def _weight(case: Case, doctor_rank: Mapping[str, int]) -> tuple[Any, ...]:
    """Return what orders suspects, smaller first."""
    rank = min((doctor_rank.get(cause, len(doctor_rank)) for cause in case.change.causes), default=len(doctor_rank))
    return (
        HELPS.index(case.tried.outcome) if case.tried.outcome in HELPS else len(HELPS),
        not case.reverses,
        not case.moved.moved,
        case.tried.stage != "confirmed",
        -round(case.tried.effect or 0.0, 1),
        rank,
    )


def _lacks(case: Case, cases: Sequence[Case]) -> list[Message]:
    """Return what keeps a remedy from showing its cause."""
    name, lacks = case.tried.name, []
    if not case.moved.moved:
        lacks.append(message("missing-not_moved", name=name, signal=case.moved.signal))
    rivals = [other for other in cases if _is_rival(other, case)]
    others = sorted({other.tried.name for other in rivals if other.may_remove})
    if others:
        lacks.append(message("missing-others", name=name, names=others))
    strong = [other for other in rivals if _as_strong(other, case)]
    if len({other.change.mechanism for other in strong}) < _RIVALS:
        lacks.append(message("missing-rivals", name=name, least=_RIVALS))
    if case.planted is None:
        lacks.append(message("missing-reverse", name=name))
    elif not case.reverses:
        done = case.planted
        counted = {"spiked": done.spiked, "n": done.n, "without": done.null_spiked}
        lacks.append(message("missing-planted", name=name, **counted))
    return lacks


def _is_rival(other: Case, case: Case) -> bool:
    """Whether two interventions speak for different causes."""
    return not set(other.change.causes) & set(case.change.causes)


def _as_strong(other: Case, case: Case) -> bool:
    """Whether a rival's own signal was moved about as strongly; what has no strength is a switch and counts."""
    if other.moved.signal == "batches" or case.moved.signal == "batches":
        return other.moved.moved
    return other.moved.moved and other.moved.strength >= min(_AS_STRONG * case.moved.strength, _STRONG)


def _evidence(case: Case, cases: Sequence[Case]) -> dict[str, Any]:
    planted = case.planted
    assert planted is not None, "a cause has a reverse test"
    rivals = [other for other in cases if _is_rival(other, case) and _as_strong(other, case)]
    return {
        "name": case.change.mechanism,
        "intervention": case.tried.name,
        "moved": {"signal": case.moved.signal, "ratio": case.moved.ratio},
        "rivals": list(dict.fromkeys(other.tried.name for other in rivals)),
        "planted": dataclasses.asdict(planted),
    }


def _without_a_remedy(cases: Sequence[Case], untried: int) -> Message:
    screened = [case.tried.name for case in cases if case.may_remove]
    if screened:
        return message("missing-confirmation", names=screened)
    if untried:
        return message("missing-time", untried=untried, n=untried + len(cases))
    return message("missing-remedy")
