"""What the founding page says of the replays of the baseline's spike, as data: its templates put it into words."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from newllm.statistics import Interval
from newllm.study.design import Row
from newllm.trace import Tried, Verdict
from newllm.words.verdicts import sentences_of

from .arms import BASELINE
from .labels import Labels
from .replayed import (
    OWN_SET,
    Beside,
    compared,
    onset_from_zero,
    spiked_of,
    without_an_arm,
)
from .tables import bounds, rows_by_arm

# The document's causes: the study's claim, and the interventions that change what it blames.
CAUSES = {
    "5": ("context-cut-off", "norm-on-write", "norm-on-read", "bounded-decay", "gate", "ema"),
    "6": ("clip-half", "clip-tenth", "z-clip", "adagc", "cut-gradient-through-time"),
    "7": ("half-learning-rate", "tenth-learning-rate", "warm-up", "update-clipping"),
}


def replayed_section(verdict: Verdict, results: Mapping[str, Any], words: Labels) -> dict[str, Any]:
    """Return what the section is filled with; "causes" is empty where nothing was changed.

    Args:
        verdict: of the replays.
        results: of the study.
        words: of the page, for the cells of its tables.
    """
    arms = rows_by_arm(results)
    found = compared(verdict, arms) if verdict.interventions else []
    again = verdict.reproduction
    return {
        "set": OWN_SET,
        "onset": verdict.spike["onset"],
        "seconds": sum(tried.seconds for tried in verdict.interventions),
        "sentences": [" ".join(str(sentence).split()) for sentence in sentences_of(verdict)],
        "null": {"kind": _kind(again), "weights": again.get("weights"), **again},
        "nulls": {**verdict.nulls, **verdict.other_chance},
        "causes": list(_causes(verdict, results)) if verdict.interventions else [],
        "beside": [_row(pair, words) for pair in found],
        "count": Counter(pair.agreement for pair in found),
        "reasons": list(_reasons(found, words)),
        "about": _about(verdict, arms[BASELINE]) if verdict.interventions else {},
        "others": [_row_without_an_arm(tried, verdict, words) for tried in without_an_arm(verdict)],
        "not_tried": list(verdict.not_tried),
    }


def _kind(reproduction: Mapping[str, Any]) -> str:
    """Return how the unmodified run came out again: "unknown", "differs", "identical" or "close"."""
    if not reproduction["identical"]:
        return "unknown" if reproduction["identical"] is None else "differs"
    return "identical" if reproduction.get("tolerance") is None else "close"


def _causes(verdict: Verdict, results: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield what the replays say of each cause, how many changes that is from, and what each of them did."""
    claims = {claim["id"]: claim["verdict"] for claim in results["claims"]}
    for claim, names in CAUSES.items():
        tried = [one for one in verdict.interventions if one.name in names]
        yield {
            "claim": claim,
            "verdict": claims[claim],
            "kind": _kind_of_cause(verdict, tried),
            "of": len(names),
            "tried": len({one.name for one in tried}),
            "moved": len({one.name for one in tried if _has_moved(one)}),
            "confirmed": len({one.name for one in tried if one.stage == "confirmed"}),
            "changes": sorted(tried, key=lambda one: (names.index(one.name), one.start)),
        }


def _kind_of_cause(verdict: Verdict, tried: Sequence[Tried]) -> str:
    if not tried:
        return "untested"
    if verdict.cause is not None and verdict.cause["intervention"] in {one.name for one in tried}:
        return "named"
    removes = [one for one in tried if one.effect_class == "removes"]
    if any(one.is_remedy for one in removes):
        return "remedy"
    if removes:
        return "screened"
    shrinks = [one for one in tried if one.stage == "confirmed" and one.effect_class == "reduces"]
    return "amplifier" if any(_has_moved(one) for one in shrinks) else "against"


def _has_moved(tried: Tried) -> bool:
    """Whether a change moved the signal that it aims at: one that did not tests nothing of its cause."""
    return bool(tried.moved and tried.moved.get("moved"))


def _row(pair: Beside, words: Labels) -> tuple[str, ...]:
    tried = pair.tried
    return (
        f"`{tried.name}`",
        str(tried.start),
        _outcome(tried, words),
        f"{spiked_of(tried)}/{tried.n}",
        _ratio(pair.onset),
        _height(pair),
        f"`{pair.arm}`",
        words.effects[pair.whole.kind],
        _interval(pair.whole.later),
        _interval(pair.whole.height),
        ", ".join("-" if own is None else _ratio(own.estimate) for own in (pair.own.later, pair.own.height)),
        words.agreements[pair.agreement],
    )


def _height(pair: Beside) -> str:
    """Return what is left of the spike; the interval of a screen's few replays says nothing."""
    if pair.height is None:
        return "-"
    if pair.tried.stage != "confirmed" or pair.tried.interval is None:
        return _ratio(pair.height)
    low, high = (1 - end for end in reversed(pair.tried.interval))
    return _interval(Interval(pair.height, low, high))


def _reasons(found: Sequence[Beside], words: Labels) -> Iterable[tuple[str, list[Tried]]]:
    """Yield each difference that accounts for what they do not agree on, with the changes of which it does."""
    for why in words.reasons:
        changes = [pair.tried for pair in found if pair.why == why]
        if changes:
            yield why, changes


def _about(verdict: Verdict, baseline: Sequence[Row]) -> dict[str, float]:
    """Return the numbers in those differences: heights of the unmodified spike, and how late a late start is."""
    heights: dict[bool, list[float]] = {True: [], False: []}
    for row in baseline:
        heights[row["data"] == OWN_SET].append(row["probe_height"])
    onset, late = verdict.spike["onset"], max(tried.start for tried in verdict.interventions)
    own, others = (statistics.median(heights[is_own]) for is_own in (True, False))
    return {"own": own, "others": others, "onset": onset, "late": late, "lead": onset - late}


def _row_without_an_arm(tried: Tried, verdict: Verdict, words: Labels) -> tuple[str, ...]:
    return (
        f"`{tried.name}`",
        str(tried.start),
        _outcome(tried, words),
        f"{tried.spiked}/{tried.n}",
        _ratio(onset_from_zero(tried, verdict.spike["onset"])),
        "-" if tried.effect is None else f"{1 - tried.effect:.2f}",
    )


def _outcome(tried: Tried, words: Labels) -> str:
    outcome = words.outcomes[tried.effect_class]
    return f"**{outcome}**" if tried.stage == "confirmed" else outcome


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _interval(value: Interval | None) -> str:
    return "-" if value is None else f"{value.estimate:.2f}{bounds(value, '{:.2f}')}"
