"""The founding study's tables: whether, when and how high each run spikes; and every arm at equal progress."""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.statistics import Interval, kaplan_meier, median_time, paired_interval, wilson
from newllm.statistics.units import units
from newllm.study.design import Row
from newllm.words.tables import Table

from .arms import DOCUMENT_RUNS
from .labels import labels

Results = Mapping[str, Any]


def tables(results: Results) -> list[Table]:
    """Return the tables of a study's results."""
    arms = rows_by_arm(results)
    ours = {arm: arms[arm] for arm in DOCUMENT_RUNS if arm in arms}
    return [spike_table(ours), arm_table({arm: rows for arm, rows in arms.items() if arm not in ours})]


def rows_by_arm(results: Results) -> dict[str, list[Row]]:
    """Return the rows of each arm, in the order of the arms."""
    arms: dict[str, list[Row]] = {arm["name"]: [] for arm in results["arms"]}
    for row in results["rows"]:
        arms[row["arm"]].append(row)
    return arms


def spike_table(arms: Mapping[str, Sequence[Row]]) -> Table:
    """Return for the document's runs: how often they spike, when, how high, and how they end."""
    rows = [
        (
            arm,
            share(rows, "validation_spiked"),
            onset(rows, "validation"),
            span(rows, "validation_height", "validation_spiked", "{:.1f}"),
            span(rows, "validation_recovery", "validation_spiked", "{:.0f}"),
            share(rows, "probe_spiked"),
            span(rows, "best_validation", None, "{:.2f}"),
            span(rows, "best_epoch", None, "{:.0f}"),
        )
        for arm, rows in arms.items()
    ]
    return _table("spikes", rows)


def arm_table(arms: Mapping[str, Sequence[Row]]) -> Table:
    """Return for every other arm: progress, and spikes by equal progress."""
    rows = [
        (
            arm,
            f"{sum(row['reached'] is not None for row in rows)}/{len(rows)}",
            share(rows, "probe_spiked_by_equal_progress"),
            span(rows, "probe_height", "probe_spiked", "{:.1f}"),
            share(rows, "validation_spiked_by_equal_progress"),
            span(rows, "context_norm_at_onset", None, "{:.3g}"),
        )
        for arm, rows in arms.items()
    ]
    return _table("arms", rows)


def _table(name: str, rows: Sequence[Sequence[str]]) -> Table:
    """Return a table in English: the study's translations put its title and header into other languages."""
    words = labels("en").tables
    return Table(name, words[name], words[f"{name}_header"].split("|"), rows)


def share(rows: Sequence[Row], name: str) -> str:
    """Return how many rows of how many, with Wilson's interval of the share."""
    count = sum(bool(row[name]) for row in rows)
    return f"{count}/{len(rows)}{bounds(wilson(count, len(rows)), '{:.2f}')}"


def onset(rows: Sequence[Row], signal: str) -> str:
    """Return the epoch by which half of the runs have spiked; runs that never do are censored at their end."""
    spiked = [row[f"{signal}_spiked"] for row in rows]
    times = [row[f"{signal}_onset"] if hit else row["epochs"] for row, hit in zip(rows, spiked, strict=True)]
    found = median_time(kaplan_meier(times, spiked))
    if found.time is None:
        return f"> {max(times):.0f}"
    low, high = (f"{bound:.0f}" if bound is not None else "..." for bound in (found.low, found.high))
    return f"{found.time:.0f} [{low}, {high}]"


def span(rows: Sequence[Row], name: str, only: str | None, form: str) -> str:
    """Return the median over the rows (those where `only` holds), with its interval.

    Where some of them have no value (a spike that never healed), it says how many have one.
    """
    known = [row for row in rows if row[name] is not None and (only is None or row[only])]
    if not known:
        return "-"
    interval = paired_interval([row[name] for row in known], *units(known), statistic="median")
    candidates = sum(bool(row[only]) for row in rows) if only else len(rows)
    part = f" ({len(known)}/{candidates})" if len(known) < candidates else ""
    return form.format(interval.estimate) + bounds(interval, form) + part


def bounds(interval: Interval, form: str) -> str:
    """Return " [low, high]", or nothing where there is no interval."""
    if interval.low is None or interval.high is None:
        return ""
    return f" [{form.format(interval.low)}, {form.format(interval.high)}]"
