"""The section of the founding page on the replays of the baseline's spike, in the language of its words."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from newllm.statistics import Interval
from newllm.study.design import Row
from newllm.study.tables import markdown_table
from newllm.trace import Tried, Verdict

from .arms import BASELINE
from .labels import Labels
from .replay_file import FILE
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
FIGURE = "replay.png"


def replayed_section(verdict: Verdict, results: Mapping[str, Any], words: Labels) -> str:
    """Return the section.

    Args:
        verdict: of the replays.
        results: of the study.
        words: of the page.
    """
    said = words.replayed
    onset = verdict.spike["onset"]
    seconds = sum(one.seconds for one in verdict.interventions)
    parts = [
        f"## {said['title']}",
        said["lead"].format(set=OWN_SET, onset=onset, file=FILE, seconds=seconds),
        said["quoted"],
        "\n>\n".join(f"> {' '.join(line.split())}" for line in verdict.sentences),
        _bullets([_null(verdict, said), *_nulls(verdict, said)]),
    ]
    if verdict.interventions:
        parts += _causes(verdict, results, words) + _beside(verdict, results, words) + _others(verdict, words)
    return "\n\n".join(parts)


def _null(verdict: Verdict, said: Mapping[str, str]) -> str:
    about = verdict.null
    if about["identical"] is None:
        return said["null_unknown"]
    if about["identical"] is False:
        return said["null_differs"]
    weights = said["weights" if about.get("weights") else "no_weights"]
    key = "null_identical" if about.get("tolerance") is None else "null_close"
    return said[key].format(compared=about.get("compared"), tolerance=about.get("tolerance"), weights=weights)


def _nulls(verdict: Verdict, said: Mapping[str, str]) -> list[str]:
    about = verdict.nulls
    if not about["n"]:
        return []
    starts = ", ".join(map(str, about.get("starts", [])))
    return [said["nulls"].format(spiked=about["spiked"], n=about["n"], starts=starts)]


def _causes(verdict: Verdict, results: Mapping[str, Any], words: Labels) -> list[str]:
    claims = {claim["id"]: claim["verdict"] for claim in results["claims"]}
    lines = [
        words.replayed["cause"].format(
            claim=words.claim_texts[claim],
            conclusion=_conclusion(verdict, names, words),
            study=words.verdicts[claims[claim]],
        )
        for claim, names in CAUSES.items()
    ]
    return [f"### {words.replayed['causes']}", _bullets(lines)]


def _conclusion(verdict: Verdict, names: Sequence[str], words: Labels) -> str:
    """Return what the replays of some interventions say of what they change, and what each did."""
    tried = [one for one in verdict.interventions if one.name in names]
    if not tried:
        return words.conclusions["untested"]
    known = len({one.name for one in tried})
    moved = len({one.name for one in tried if _has_moved(one)})
    confirmed = len({one.name for one in tried if one.stage == "confirmed"})
    numbers = {"tried": known, "of": len(names), "moved": moved, "confirmed": confirmed}
    did = [
        f"`{one.name}` ({one.start}): {words.outcomes[one.outcome]}, {one.spiked}/{one.n}"
        for one in sorted(tried, key=lambda one: (names.index(one.name), one.start))
    ]
    return words.conclusions[_kind(verdict, tried)].format(**numbers, did="; ".join(did))


def _kind(verdict: Verdict, tried: Sequence[Tried]) -> str:
    if verdict.cause is not None and verdict.cause["intervention"] in {one.name for one in tried}:
        return "named"
    removes = [one for one in tried if one.outcome == "removes"]
    if any(one.is_remedy for one in removes):
        return "remedy"
    if removes:
        return "screened"
    shrinks = [one for one in tried if one.stage == "confirmed" and one.outcome == "reduces"]
    return "amplifier" if any(_has_moved(one) for one in shrinks) else "against"


def _has_moved(tried: Tried) -> bool:
    """Whether a change moved the signal that it aims at: one that did not tests nothing of its cause."""
    return bool(tried.moved and tried.moved.get("moved"))


def _beside(verdict: Verdict, results: Mapping[str, Any], words: Labels) -> list[str]:
    said, rows = words.replayed, rows_by_arm(results)
    found = compared(verdict, rows)
    count = Counter(one.agreement for one in found)
    table = [_row(one, words) for one in found]
    numbers = {"n": len(found), "agree": count["agree"], "part": count["in part"]}
    return [
        f"### {said['beside']}",
        said["beside_lead"],
        f"![{said['figure']}]({FIGURE})",
        markdown_table(said["beside_header"].split("|"), table),
        said["count"].format(**numbers, disagree=count["disagree"], unsure=count[""]),
        _bullets(_reasons(verdict, found, rows[BASELINE], words)),
    ]


def _row(one: Beside, words: Labels) -> tuple[str, ...]:
    tried = one.tried
    return (
        f"`{tried.name}`",
        str(tried.start),
        _outcome(tried, words),
        f"{spiked_of(tried)}/{tried.n}",
        _ratio(one.onset),
        _height(one),
        f"`{one.arm}`",
        words.effects[one.whole.kind],
        _interval(one.whole.later),
        _interval(one.whole.height),
        ", ".join("-" if each is None else _ratio(each.estimate) for each in (one.own.later, one.own.height)),
        words.agreements[one.agreement],
    )


def _height(one: Beside) -> str:
    """Return what is left of the spike; the interval of a screen's few replays says nothing."""
    if one.height is None:
        return "-"
    if one.tried.stage != "confirmed" or one.tried.interval is None:
        return _ratio(one.height)
    low, high = (1 - end for end in reversed(one.tried.interval))
    return _interval(Interval(one.height, low, high))


def _reasons(verdict: Verdict, found: Sequence[Beside], baseline: Sequence[Row], words: Labels) -> Iterable[str]:
    """Return a line for each difference that accounts for what they do not agree on."""
    heights: dict[bool, list[float]] = {True: [], False: []}
    for row in baseline:
        heights[row["data"] == OWN_SET].append(row["probe_height"])
    onset = verdict.spike["onset"]
    late = max((one.start for one in verdict.interventions), default=0)
    numbers = {
        "own": statistics.median(heights[True]),
        "others": statistics.median(heights[False]),
        "onset": onset,
        "late": late,
        "lead": onset - late,
    }
    for why, text in words.reasons.items():
        named = [f"`{one.tried.name}` ({one.tried.start})" for one in found if one.why == why]
        if named:
            yield text.format(**numbers, changes=", ".join(named))


def _others(verdict: Verdict, words: Labels) -> list[str]:
    said = words.replayed
    rows = [
        (
            f"`{one.name}`",
            str(one.start),
            _outcome(one, words),
            f"{one.spiked}/{one.n}",
            _ratio(onset_from_zero(one, verdict.spike["onset"])),
            "-" if one.effect is None else f"{1 - one.effect:.2f}",
        )
        for one in without_an_arm(verdict)
    ]
    parts = [f"### {said['others']}", markdown_table(said["others_header"].split("|"), rows)] if rows else []
    left = ", ".join(f"`{name}`" for name in verdict.not_tried)
    return parts + ([said["not_tried"].format(changes=left)] if left else [])


def _outcome(tried: Tried, words: Labels) -> str:
    said = words.outcomes[tried.outcome]
    return f"**{said}**" if tried.stage == "confirmed" else said


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _interval(value: Interval | None) -> str:
    return "-" if value is None else f"{value.estimate:.2f}{bounds(value, '{:.2f}')}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
