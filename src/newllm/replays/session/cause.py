"""Whether a remedy has shown a cause.

A remedy is a change that removes the spike, confirmed, with a p below `LEVEL` after Holm. It shows its cause only if:

1. the change moved the signal that it aims at;
2. no rival removes the spike, screened or confirmed, and rivals with two other causes moved their own signals at least
   half as strongly, or doubled or halved them. What removes the spike for a reason of its own does not count: what
   dampens any spike; against a change that restores (`Intervention.restores`), what limits the optimizer or the model,
   since it acts behind the cause; against other batches another order, where the batches bring about a spike in
   another order too, and the other way round, where they do not;
3. injected into a healthy segment of the same run, the cause brings a spike about in every replay, and no
   replay spikes without it;
4. the change does not dampen any spike alike, unless the log speaks for its cause.

A rival is a change that shares no cause with it. Two changes made together are never injected, so they show none. Of
the causes that an intervention speaks for the one is named that the log speaks for, else its main one.

Otherwise the verdict names remedies, and says what is missing.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newllm.messages import Message, message
from newllm.replays.assessment.manipulation import Moved
from newllm.replays.interventions import Intervention
from newllm.replays.interventions.intervention import ON_UPDATES
from newllm.replays.session.session import ReverseTest
from newllm.trace import Tried
from newllm.trace.verdict import HELPS

ORDER = "data-order"
"""The cause whose batches are sound in themselves."""
_AS_STRONG = 0.5  # of the strength of the change that is held against it
_STRONG = math.log(2)  # a signal that is doubled or halved was moved strongly, whatever the other did
_RIVALS = 2  # at least
_SAYS_LESS = "changed-state"  # than what it was that changed


@dataclass(frozen=True)
class CauseEvidence:
    """What speaks for one intervention's cause.

    Attributes:
        change: the intervention.
        tried: what it did, as far as it was confirmed, or screened.
        moved: its signal.
        reverse_test: of it, None without one.
        dampens: whether it takes as much from a spike that it has nothing to do with, and nothing in the log speaks for
            its cause: then its success is no evidence, for its own cause or against another.
        not_injected: why there is no reverse test, where that is known: "nothing" to inject, no healthy "segment", no
            "time", or it was "begun" and the time was up.
    """

    change: Intervention
    tried: Tried
    moved: Moved
    reverse_test: ReverseTest | None
    dampens: bool = False
    not_injected: str | None = None

    @property
    def is_remedy(self) -> bool:
        """Whether it removes the spike, confirmed and surely (`Tried.is_remedy`)."""
        return self.tried.is_remedy

    @property
    def may_remove(self) -> bool:
        """Whether it removes the spike, or did so in the screen."""
        return self.tried.effect_class == "removes"

    @property
    def reverses(self) -> bool:
        """Whether its cause, injected, brings a spike about where there was none."""
        test = self.reverse_test
        return test is not None and test.null_spiked == 0 and test.spiked == test.n


def find_cause(
    all_evidence: Sequence[CauseEvidence], untried: int, supported: Sequence[str] = ()
) -> tuple[dict[str, Any] | None, tuple[Message, ...]]:
    """Return the cause with its evidence, or None and what is missing.

    Args:
        all_evidence: of all that was tried.
        untried: how many interventions that fit had no time.
        supported: the causes that the log speaks for.
    """
    remedies = [evidence for evidence in all_evidence if evidence.is_remedy]
    if not remedies:
        return None, (_without_a_remedy(all_evidence, untried),)
    missing: list[Message] = []
    for evidence in remedies:
        lacks = _lacks(evidence, all_evidence)
        if not lacks:
            return _as_data(evidence, all_evidence, supported), ()
        missing += [lack for lack in lacks if lack not in missing]
    return None, tuple(missing)


def suspects(
    all_evidence: Sequence[CauseEvidence], doctor_rank: Mapping[str, int], supported: Sequence[str] = ()
) -> tuple[dict[str, Any], ...]:
    """Return what speaks for which cause, the best first; one entry a cause.

    Args:
        all_evidence: of all that was tried.
        doctor_rank: the rank of each cause in the doctor's ranking.
        supported: the causes that the log speaks for.
    """
    ranked: dict[str, dict[str, Any]] = {}
    for evidence in sorted(all_evidence, key=lambda evidence: _weight(evidence, doctor_rank)):
        if evidence.tried.effect_class not in HELPS:
            continue
        entry: dict[str, Any] = {
            "name": _cause_of(evidence, supported),
            "intervention": evidence.tried.name,
            "class": evidence.tried.effect_class,
            "stage": evidence.tried.stage,
            "moved": evidence.moved.moved,
            "planted_spikes": evidence.reverses,
        }
        if evidence.tried.dampening is not None:
            entry["dampening"] = evidence.tried.dampening
        ranked.setdefault(entry["name"], entry)
    return tuple(ranked.values())


def _weight(evidence: CauseEvidence, doctor_rank: Mapping[str, int]) -> tuple[Any, ...]:
    """Return what orders suspects, smaller first."""
    rank = min((doctor_rank.get(cause, len(doctor_rank)) for cause in evidence.change.causes), default=len(doctor_rank))
    return (
        evidence.dampens,
        HELPS.index(evidence.tried.effect_class) if evidence.tried.effect_class in HELPS else len(HELPS),
        not evidence.reverses,
        not evidence.moved.moved,
        evidence.tried.stage != "confirmed",
        -round(evidence.tried.effect or 0.0, 1),
        rank,
    )


def _lacks(evidence: CauseEvidence, all_evidence: Sequence[CauseEvidence]) -> list[Message]:
    """Return what keeps a remedy from showing its cause."""
    name, lacks = evidence.tried.name, []
    if not evidence.moved.moved:
        lacks.append(message("missing-not_moved", name=name, signal=evidence.moved.signal))
    if evidence.dampens:
        lacks.append(message("missing-dampens", name=name, share=evidence.tried.dampening))
    rivals = _rivals(evidence, all_evidence)
    for stage, said in (("confirmed", "missing-others"), ("screened", "missing-others_screened")):
        others = sorted({other.tried.name for other in rivals if other.may_remove and other.tried.stage == stage})
        if others:
            lacks.append(message(said, name=name, names=others))
    strong = [other for other in rivals if _as_strong(other, evidence)]
    if len({other.change.main_cause for other in strong}) < _RIVALS:
        lacks.append(message("missing-rivals", name=name, least=_RIVALS))
    if evidence.reverse_test is None:
        why = f"_{evidence.not_injected}" if evidence.not_injected else ""
        lacks.append(message(f"missing-reverse{why}", name=name))
    elif not evidence.reverses:
        done = evidence.reverse_test
        counted = {"spiked": done.spiked, "n": done.n, "without": done.null_spiked}
        lacks.append(message("missing-planted", name=name, **counted))
    return lacks


def _rivals(evidence: CauseEvidence, all_evidence: Sequence[CauseEvidence]) -> list[CauseEvidence]:
    """Return what speaks for other causes; what removes this spike as it would remove others speaks for none."""
    return [
        other
        for other in all_evidence
        if _is_rival(other, evidence) and not (other.may_remove and _is_explained(other, evidence))
    ]


def _is_explained(other: CauseEvidence, evidence: CauseEvidence) -> bool:
    """Whether a rival removes the spike for a reason that does not speak against a change.

    It dampens any spike; it acts behind what the change restores; or both change which batches are read when, and the
    reverse tests tell them apart: batches that are wrong in themselves bring about a spike in another order too.
    """
    if other.change.kind == evidence.change.kind == "data":
        if other.change.main_cause == ORDER:
            return evidence.reverses
        test = other.reverse_test
        return evidence.change.main_cause == ORDER and test is not None and not test.spiked
    limits = evidence.change.restores and not other.change.restores and other.change.kind in ON_UPDATES
    return other.dampens or limits


def _is_rival(other: CauseEvidence, evidence: CauseEvidence) -> bool:
    """Whether two interventions speak for different causes."""
    return not set(other.change.causes) & set(evidence.change.causes)


def _as_strong(other: CauseEvidence, evidence: CauseEvidence) -> bool:
    """Whether a rival moved its own signal at least half as strongly, or twofold.

    Batches have no strength that could be compared. A switch, as dropout off, has strength 0: it counts against
    another switch alone.
    """
    if other.moved.signal == "batches" or evidence.moved.signal == "batches":
        return other.moved.moved
    return other.moved.moved and other.moved.strength >= min(_AS_STRONG * evidence.moved.strength, _STRONG)


def _cause_of(evidence: CauseEvidence, supported: Sequence[str]) -> str:
    """Return the cause that an intervention speaks for: the first that the log speaks for too, else its main one."""
    known = [name for name in evidence.change.causes if name in supported and name != _SAYS_LESS]
    return known[0] if known else evidence.change.main_cause


def _as_data(
    evidence: CauseEvidence, all_evidence: Sequence[CauseEvidence], supported: Sequence[str]
) -> dict[str, Any]:
    test = evidence.reverse_test
    assert test is not None, "a cause has a reverse test"
    rivals = [other for other in _rivals(evidence, all_evidence) if _as_strong(other, evidence)]
    removing = [other for other in all_evidence if other.may_remove and _is_rival(other, evidence)]
    return {
        "name": _cause_of(evidence, supported),
        "intervention": evidence.tried.name,
        "moved": {"signal": evidence.moved.signal, "ratio": evidence.moved.ratio},
        "rivals": list(dict.fromkeys(other.tried.name for other in rivals)),
        "explained": list(dict.fromkeys(other.tried.name for other in removing)),  # else it would show no cause
        "explained_by": _explained_by(removing),
        "planted": dataclasses.asdict(test),
    }


def _explained_by(removing: Sequence[CauseEvidence]) -> str | None:
    """Return what the changes do that remove the spike too: weaken "updates", read other "batches", or "both"."""
    if not removing:
        return None
    kinds = {"batches" if other.change.kind == "data" else "updates" for other in removing}
    return kinds.pop() if len(kinds) == 1 else "both"


def _without_a_remedy(all_evidence: Sequence[CauseEvidence], untried: int) -> Message:
    removes = [evidence.tried for evidence in all_evidence if evidence.may_remove]
    unsure = next((one for one in removes if one.stage == "confirmed" and one.p is not None), None)
    if unsure is not None:
        return message("missing-unsure", name=unsure.name, n=unsure.n, p=unsure.p)
    if removes:
        return message("missing-confirmation", names=[one.name for one in removes])
    if untried:
        return message("missing-time", untried=untried, n=untried + len(all_evidence))
    return message("missing-remedy")
