"""Several runs side by side: their losses on one axis, what each came to, and what their configurations differ in.

Runs that differ by nothing but the seed are one arm, drawn as its mean with a 95 % interval over seeds. The first arm
is the control. Intervals are Student's, over the seeds of one data set: they speak of further seeds, not of other data.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.charts.figure import figure
from newllm.report.charts.forest_svg import forest_svg, scale
from newllm.report.markup import Html, block, folded, joined, listed, pairs, safe, table, tag
from newllm.report.sections.comparison_charts import comparison_charts
from newllm.report.several.arms import Arm, Member, arms_of, difference_of, differing, mean_of
from newllm.report.several.arms import pairs as shared
from newllm.report.several.bands import reached
from newllm.report.several.compared import member_of
from newllm.report.several.line_styles import LineStyles
from newllm.report.several.units import comparable as is_comparable
from newllm.report.several.units import identity, one_unit
from newllm.report.source import Source
from newllm.statistics import Interval
from newllm.words.diagnosis import tally
from newllm.words.labels import axis_label
from newllm.words.numbers import number, value
from newllm.words.plain import plain

_MOST_KEYS = 60
_VALUE = 60  # characters
_BESIDE = ("last_validation", "steps", "tokens_per_second", "parameters")
_OF_LOSS = ("best_validation", "last_validation")
_DIGITS = 4
_APART = 1.5  # times the difference of the best: where two runs end so far apart, that is said too
_SAME_RATE = 1e-6  # relative
_ALIKE = 2  # steps with the same rates, before they part
_WHOLE = 1e4  # numbers from here on are shown in full
_Column = tuple[str, list[object]]  # a head, and a cell for each arm; that of a drawing has no head


def comparison(sources: Sequence[Source], words: Catalogue) -> Section | None:
    """Return the section, None where there are not two runs to compare.

    Args:
        sources: the runs, the first of the control. Those whose steps count something else are named and left out.
        words: of the page.
    """
    alike = [source for source in sources if source.trace.axis == sources[0].trace.axis]
    if len(alike) < 2:
        return None
    members = [member_of(source) for source in alike]
    arms = arms_of(members)
    axis = axis_label(words, alike[0].trace.axis)
    tokens, texts = one_unit(arms), _same(alike, "sources")
    charts = comparison_charts(arms, axis, words)
    tallies = {id(member): _counted(source) for member, source in zip(members, alike, strict=True)}
    measure = "bits_per_byte" if all(mean_of(arm, "bits_per_byte") for arm in arms) else "best_validation"
    comparable = tokens or measure == "bits_per_byte"
    parts = [
        _better(arms, measure, words) if comparable else Html(),
        _lead(arms, len(alike), words),
        *([] if tokens else [tag("p", words("compare-other_tokens"), kind="better unlike")]),
        *([] if texts else [tag("p", words("compare-other_texts"), kind="problem")]),
        listed(_remarks(arms, [source for source in sources if source not in alike], words)),
        _table(arms, tallies, measure, words, comparable=comparable),
        *(figure(chart, words) for chart in charts),
        block(words("compare-settings"), _settings(arms, words)),
    ]
    return Section("comparison", words("comparison"), joined(parts), tuple(charts))


def _lead(arms: Sequence[Arm], runs: int, words: Catalogue) -> Html:
    key = "compare-lead" if len(arms) > 1 else "compare-lead_of_one"
    lead = tag("p", words(key, runs=f"{runs:,}", arms=f"{len(arms):,}", control=arms[0].name))
    about = tag("p", words("compare-intervals"), kind="muted") if any(arm.n > 1 for arm in arms) else Html()
    return joined([lead, about])


def _remarks(arms: Sequence[Arm], others: Sequence[Source], words: Catalogue) -> list[str]:
    """Return what a person has to know of runs that count in no number, a sentence each."""
    repeated = [member.name for arm in arms for member in arm.repeated]
    unknown = [arm.name for arm in arms if not arm.members[0].settings]
    counted = [words("compare-repeated", runs=words("list").join(repeated))] if repeated else []
    counted += [words("compare-unknown", runs=words("list").join(unknown))] if unknown else []
    names = words("list").join(plain(source.name, _VALUE) for source in others)
    counted += _rates([arm.members[0] for arm in arms], words)
    return [*counted, *([words("compare-other_axis", runs=names)] if others else [])]


def _rates(members: Sequence[Member], words: Catalogue) -> list[str]:
    """Return from which step on two runs have other learning rates, where these were the same before."""
    if len(members) != 2:
        return []
    first, second = (member.signals.get("learning_rate") for member in members)
    if first is None or second is None:
        return []
    steps, here, there = np.intersect1d(first.step, second.step, return_indices=True)
    rates = np.stack([first.value[here], second.value[there]])
    apart = np.flatnonzero(~np.isclose(*rates, rtol=_SAME_RATE, atol=0.0))
    if not len(apart) or apart[0] < _ALIKE:
        return []
    at = apart[0]
    low, high = (number(words, float(rate)) for rate in rates[:, at])
    names = {"first": members[0].name, "second": members[1].name}
    return [words("compare-rates", step=f"{int(steps[at]):,}", low=low, high=high, **names)]


def _same(sources: Sequence[Source], key: str) -> bool:
    """Whether all runs whose data is known have the same sources by their sha256."""
    known = [identity(source.data[key]) for source in sources if key in source.data]
    return all(one == known[0] for one in known)


def _better(arms: Sequence[Arm], measure: str, words: Catalogue) -> Html:
    """Return in a sentence which arm came furthest, and whether that is more than the chance of a seed."""
    found = ((mean_of(arm, measure), arm) for arm in arms)
    known = [(one.estimate, arm) for one, arm in found if one is not None and math.isfinite(one.estimate)]
    if len(known) < 2:
        return Html()
    (low, best), (high, second), *_ = sorted(known, key=lambda one: one[0])
    said = {
        "best": best.name,
        "second": second.name,
        "low": _short(low, _DIGITS, words),
        "high": _short(high, _DIGITS, words),
    }
    if said["low"] == said["high"]:
        return tag("p", words("compare-equal", measure=words(f"compare-{measure}"), **said), kind="better")
    found = difference_of(second, best, measure)
    if found is None or found.low is None or found.high is None:
        certain = words("compare-one_each")
    else:
        ends = {"low": _short(-found.high, 3, words), "high": _short(-found.low, 3, words)}
        key = "compare-sure" if found.high < 0 else "compare-by_chance"
        certain = words(key, n=len(shared(second, best)), **ends)
    key = "compare-better" if len(known) == 2 else "compare-best"
    sentence = words(key, measure=words(f"compare-{measure}"), n=len(known), **said)
    told = tag("b", words("sentence-gap").join([sentence, *_at_end(best, second, measure, words)]))
    return tag("p", told, words("sentence-gap"), certain, kind="better")


def _at_end(best: Arm, second: Arm, measure: str, words: Catalogue) -> list[str]:
    """Return where both ended, where that is further apart than their best."""
    low, high, *bests = (
        _number(arm, name) for name in ("last_validation", "best_validation") for arm in (best, second)
    )
    if measure != "best_validation" or low is None or high is None or bests[0] is None or bests[1] is None:
        return []
    if not math.isfinite(low) or not math.isfinite(high) or abs(high - low) < _APART * abs(bests[1] - bests[0]):
        return []
    return [words("compare-at_end", low=_short(low, _DIGITS, words), high=_short(high, _DIGITS, words))]


def _table(
    arms: Sequence[Arm], tallies: Mapping[int, Counter[str] | None], measure: str, words: Catalogue, *, comparable: bool
) -> Html:
    """Return the numbers of the arms; what is the same for all of them stands under the table in one line."""
    styles = LineStyles(arms)
    columns: list[_Column] = [
        (words("compare-run"), [_named(arm, styles, words) for arm in arms]),
        (words(f"compare-{measure}"), [_in_unit(arm, arms[0], measure, words) for arm in arms]),
        *(_to_control(arms, measure, words) if len(arms) > 1 and comparable else []),
        *((words(f"compare-{name}"), [_in_unit(arm, arms[0], name, words) for arm in arms]) for name in _BESIDE),
        (words("findings"), [_findings(arm, tallies, words) for arm in arms]),
    ]
    alike = [
        len(arms) > 1 and at > 1 and head != "" and len(set(map(str, cells))) == 1
        for at, (head, cells) in enumerate(columns)
    ]
    shown = [column for column, same in zip(columns, alike, strict=True) if not same]
    rows = list(zip(*(cells for _, cells in shown), strict=True))
    drawn = [at for at, (head, _) in enumerate(shown) if head == ""]
    whole = table([head for head, _ in shown], rows, about=words("comparison"), text=drawn or (0,))
    shared_cells = pairs((head, cells[0]) for (head, cells), same in zip(columns, alike, strict=True) if same)
    return joined([whole, shared_cells, _seeds(arms, measure, words)])


def _to_control(arms: Sequence[Arm], measure: str, words: Catalogue) -> list[_Column]:
    """Return how each arm differs from the control, drawn and told, and when it was as far."""
    control, target = arms[0], _number(arms[0], "best_validation")
    found = [None, *(difference_of(control, arm, measure) for arm in arms[1:])]
    differences: list[object] = [_difference(one, control, arm, words) for one, arm in zip(found, arms, strict=True)]
    drawn: list[_Column] = [("", _drawn(found))] if any(one and one.low is not None for one in found) else []
    return [
        *drawn,
        (words("compare-to_control"), differences),
        (words("compare-as_far"), [_as_far(arm, target, words) for arm in arms]),
    ]


def _drawn(differences: Sequence[Interval | None]) -> list[object]:
    """Return each difference to the control as a row of a forest plot, on one scale."""
    found = [None if one is None else (one.estimate, one.low, one.high) for one in differences]
    ends = scale([one for one in found if one is not None], 0.0)
    return [Html() if one is None else forest_svg([one], ends, (0.0,)) for one in found]


def _named(arm: Arm, styles: LineStyles, words: Catalogue) -> Html:
    swatch = tag("span", kind=f"swatch {styles.of_arm(arm).colour}", aria_hidden="true")
    seeds = tag("small", words("compare-seeds", n=arm.n), kind="what") if arm.n > 1 else ""
    return joined([swatch, " ", arm.name, seeds])


def _number(arm: Arm, name: str) -> float | None:
    found = mean_of(arm, name)
    return None if found is None else found.estimate


def _in_unit(arm: Arm, control: Arm, name: str, words: Catalogue) -> str:
    """Return a number of an arm with its interval; a loss of another unit than the control's is named as that."""
    told = _interval(mean_of(arm, name), words)
    is_other = name in _OF_LOSS and not is_comparable(arm.members[0], control.members[0])
    return words("compare-own_unit", number=told) if is_other and told != "-" else told


def _interval(found: Interval | None, words: Catalogue, digits: int = _DIGITS) -> str:
    """Return an estimate with its interval: "1.234 [1.2, 1.27]"."""
    if found is None:
        return "-"
    if found.low is None or found.high is None or found.low == found.high:
        return _short(found.estimate, digits, words)
    estimate, low, high = (_short(end, digits, words) for end in (found.estimate, found.low, found.high))
    return f"{estimate} [{low}, {high}]"


def _short(value: float, digits: int, words: Catalogue) -> str:
    return number(words, value if abs(value) >= _WHOLE else float(f"{value:.{digits}g}"))


def _difference(found: Interval | None, control: Arm, arm: Arm, words: Catalogue) -> Html:
    """Return the difference, with a word where its whole interval lies on one side of 0."""
    if arm is control:
        return safe(words("compare-control"))
    if found is None:
        return safe("-")
    about = []
    if found.low is not None and found.high is not None:
        about.append(words("compare-pairs", n=len(shared(control, arm))))
        if found.high < 0 or found.low > 0:
            about.append(words("compare-lower" if found.high < 0 else "compare-higher"))
    sign = "+" if found.estimate > 0 else ""
    return joined(
        [sign, _interval(found, words, 3), tag("small", words("list").join(about), kind="what") if about else ""]
    )


def _as_far(arm: Arm, target: float | None, words: Catalogue) -> str:
    """Return when an arm was as far as the control ever was, in the mean over those of its runs that were."""
    if target is None:
        return "-"
    losses = [member.signals.get("validation_loss") for member in arm.members]
    steps = [step for series in losses if series is not None and (step := reached(series, target)) is not None]
    if not steps:
        return words("compare-never")
    mean = f"{sum(steps) / len(steps):,.0f}"
    return mean if len(steps) == arm.n else words("compare-some", step=mean, n=len(steps), of=arm.n)


def _counted(source: Source) -> Counter[str] | None:
    """Return how many findings of each severity there are, None where nobody has asked."""
    return Counter(finding.severity for finding in source.findings) if source.judged else None


def _findings(arm: Arm, tallies: Mapping[int, Counter[str] | None], words: Catalogue) -> str:
    known = [counted for member in arm.members if (counted := tallies[id(member)]) is not None]
    if not known:
        return words("compare-undiagnosed")
    found = tally(words, sum(known, Counter[str]())) or words("compare-nothing")
    return found if len(known) == arm.n else words("compare-diagnosed", found=found, n=len(known), of=arm.n)


def _seeds(arms: Sequence[Arm], measure: str, words: Catalogue) -> Html:
    """Return every run by itself, folded away; empty where each arm is one run anyway."""
    several = [arm for arm in arms if arm.n > 1 or arm.repeated]
    heads = [words("compare-run"), words("compare-arm_name"), words("compare-seed"), words(f"compare-{measure}")]
    rows = [
        [
            member.name if member in arm.members else words("compare-again", name=member.name),
            arm.name,
            "-" if member.seed is None else str(member.seed),
            _single(member, measure, words),
        ]
        for arm in several
        for member in (*arm.members, *arm.repeated)
    ]
    return folded(words("compare-each"), table(heads, rows, about=words("compare-each"), text=(1,))) if rows else Html()


def _single(member: Member, measure: str, words: Catalogue) -> str:
    found = member.numbers.get(measure)
    return "-" if found is None else number(words, found)


def _settings(arms: Sequence[Arm], words: Catalogue) -> Html:
    """Return what the arms differ in, a row a setting."""
    apart = differing([arm.members[0].settings for arm in arms])
    if not apart:
        known = all(arm.members[0].settings for arm in arms)
        return tag("p", words("compare-same" if known else "compare-settings_unknown"), kind="muted")
    heads = [words("compare-setting"), *(arm.name for arm in arms)]
    rows = [
        [tag("code", plain(key, _VALUE)), *(_value(one, words) for one in values)]
        for key, values in list(apart.items())[:_MOST_KEYS]
    ]
    made = table(heads, rows, about=words("compare-settings"), text=range(1, len(heads)))
    left = len(apart) - _MOST_KEYS
    more = tag("p", words("compare-more_settings", count=f"{left:,}"), kind="muted") if left > 0 else ""
    return joined([made, more])


def _value(setting: Any, words: Catalogue) -> str:
    return "-" if setting is None else value(words, setting)[:_VALUE]
