"""The arms of a study: the shares of their runs that spike, or get as far as their control without a spike."""

from collections.abc import Callable, Sequence

from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.charts.forest_svg import forest_svg
from newllm.report.markup import Html, joined, table, tag
from newllm.report.sections.study_texts import study_text
from newllm.report.source.study import Item, StudySource
from newllm.statistics import Interval, paired_interval
from newllm.statistics.bootstrap import share_interval
from newllm.statistics.plain_data import number_of
from newllm.statistics.units import units
from newllm.words.plain import plain
from newllm.words.studies import estimate_text

_CLAIM = 300  # characters
_REACHED, _PROBE, _VALIDATION = "reached", "probe_spiked_by_equal_progress", "validation_spiked_by_equal_progress"


def arms_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the section, None where no arm has a run.

    A table of the arms that have no control, and one of each control's others beside it. The shares and their intervals
    are those of `newllm study`: Wilson's or the resampled one, whichever is wider.
    """
    arms = [(arm, rows) for arm in study.arms if (rows := study.rows_of(arm["name"]))]
    alone = [(arm, rows) for arm, rows in arms if not arm["control"]]
    beside = [(arm, rows) for arm, rows in arms if arm["control"]]
    if not arms:
        return None
    parts = [
        *([_spiking(study, alone, words)] if alone else []),
        *_beside(study, beside, words),
    ]
    return Section("study-arms", words("study-arms"), joined(parts))


def _beside(study: StudySource, arms: Sequence[tuple[Item, list[Item]]], words: Catalogue) -> list[Html]:
    """Return a table of the arms of each control."""
    made = [tag("h3", words("study-beside")), tag("p", words("study-about_calm"), kind="muted")] if arms else []
    for control in dict.fromkeys(arm["control"] for arm, _ in arms):
        title = joined([words("study-control"), " ", tag("code", plain(control, 80))])
        made += [tag("h4", title), _progress(study, [pair for pair in arms if pair[0]["control"] == control], words)]
    return made


def _spiking(study: StudySource, arms: Sequence[tuple[Item, list[Item]]], words: Catalogue) -> Html:
    heads = [
        words("study-arm"), "", words("study-spiking"), words("study-onset"), words("study-height"),
        words("study-best"), words("study-runs"),
    ]  # fmt: skip
    rows = []
    for arm, found in arms:
        share = _share(found, _has("validation_spiked"))
        rows.append([
            _name(study, arm, words), _drawn(share), _share_text(share),
            _median(found, "validation_onset", only="validation_spiked"),
            _median(found, "validation_height", only="validation_spiked"), _median(found, "best_validation"),
            str(len(found)),
        ])  # fmt: skip
    return table(heads, rows, about=words("study-arms"), text=(1,))


def _progress(study: StudySource, arms: Sequence[tuple[Item, list[Item]]], words: Catalogue) -> Html:
    heads = [
        words("study-arm"), "", words("study-calm"), words("study-calm_on_validation"), words("study-best"),
        words("study-runs"),
    ]  # fmt: skip
    rows = []
    for arm, found in arms:
        calm = _share(found, _calm(_PROBE))
        on_validation = _share(found, _calm(_PROBE, _VALIDATION))
        rows.append([
            _name(study, arm, words), _drawn(calm, on_validation), _share_text(calm), _share_text(on_validation),
            _median(found, "best_validation"), str(len(found)),
        ])  # fmt: skip
    return table(heads, rows, about=words("study-beside"), text=(1,))


def _name(study: StudySource, arm: Item, words: Catalogue) -> Html:
    """Return an arm's name with what it is under it."""
    claim = arm.get("claim", "")
    what = study_text(study, words, claim, plain(claim, _CLAIM))
    return joined([tag("code", arm["name"]), tag("small", what, kind="what")])


def _has(name: str) -> Callable[[Item], bool | None]:
    return lambda row: bool(row[name]) if name in row else None


def _calm(*spiked: str) -> Callable[[Item], bool | None]:
    """Return whether a run got as far as its control and none of these spiked until then."""

    def is_calm(row: Item) -> bool | None:
        if _REACHED not in row or any(name not in row for name in spiked):
            return None
        return row[_REACHED] is not None and not any(row[name] for name in spiked)

    return is_calm


def _share(rows: Sequence[Item], is_so: Callable[[Item], bool | None]) -> Interval | None:
    """Return the share of rows with its interval; None where it is not known of a row."""
    answers = [is_so(row) for row in rows]
    if any(answer is None for answer in answers):
        return None
    return share_interval([float(bool(answer)) for answer in answers], *units(rows))


def _median(rows: Sequence[Item], name: str, only: str = "") -> str:
    """Return the median of a number with its interval, over the rows that have one."""
    known = [row for row in rows if number_of(row.get(name)) is not None and (not only or row.get(only))]
    if not known:
        return "-"
    found = paired_interval([float(row[name]) for row in known], *units(known), statistic="median")
    return estimate_text((found.estimate, found.low, found.high))


def _share_text(share: Interval | None) -> str:
    return "-" if share is None else estimate_text((share.estimate, share.low, share.high), digits=2)


def _drawn(*shares: Interval | None) -> Html:
    found = [None if share is None else (share.estimate, share.low, share.high) for share in shares]
    return forest_svg(found, (0.0, 1.0), (0.5, 0.0, 1.0)) if any(found) else Html()
