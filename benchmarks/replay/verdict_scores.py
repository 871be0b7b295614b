"""From the rows of verdicts to the numbers of the tables."""

import statistics
from typing import Any

from newllm.statistics import wilson

Row = dict[str, Any]
WAYS = {"verdict": "first", "doctor": "doctor", "always the rate": "rate"}
"""Who names a cause, and under which key a row has it."""


def scores(rows: list[Row]) -> dict[str, Any]:
    """Return how often each way is right, how often a wrong cause is called necessary, and the time.

    Args:
        rows: of injected and healthy runs.
    """
    injected = [row for row in rows if row["causes"]]
    healthy = [row for row in rows if not row["causes"]]
    return {
        "injected": len(injected),
        "healthy": len(healthy),
        "budget": sorted({row["budget"] for row in rows}),
        "right_first": {way: share(sum(is_right(row, way) for row in injected), len(injected)) for way in WAYS},
        "nothing_named": {way: share(sum(row[WAYS[way]] is None for row in injected), len(injected)) for way in WAYS},
        "cause_named": share(sum(row["cause"] is not None for row in injected), len(injected)),
        "right_cause": share(sum(row["cause"] in row["causes"] for row in injected), len(injected)),
        "wrong_cause": share(sum(wrong_cause(row) for row in injected), len(injected)),
        "wrong_cause_healthy": share(sum(wrong_cause(row) for row in healthy), len(healthy)),
        "replayed_healthy": share(sum(row["verdict"] is not None for row in healthy), len(healthy)),
        "null_differs": [row["name"] for row in rows if _null_differs(row)],
        "seconds": spread([row["seconds"] for row in injected if row["verdict"] is not None]),
        "kinds": {kind: _of_kind(kind, injected) for kind in dict.fromkeys(row["kind"] for row in injected)},
    }


def is_right(row: Row, way: str) -> bool:
    """Return whether the first cause that a way names is one that counts as right."""
    return row[WAYS[way]] in row["causes"]


def wrong_cause(row: Row) -> bool:
    """Return whether a verdict calls something the cause that is not; in a healthy run anything."""
    return row["cause"] is not None and row["cause"] not in row["causes"]


def _null_differs(row: Row) -> bool:
    return row["verdict"] is not None and row["verdict"]["null"].get("identical") is False


def _of_kind(kind: str, injected: list[Row]) -> dict[str, Any]:
    mine = [row for row in injected if row["kind"] == kind]
    return {
        "runs": len(mine),
        "right_first": {way: sum(is_right(row, way) for row in mine) for way in WAYS},
        "right_cause": sum(row["cause"] in row["causes"] for row in mine),
        "wrong_cause": sum(wrong_cause(row) for row in mine),
        "named": {row["name"]: {way: row[key] for way, key in WAYS.items()} for row in mine},
    }


def share(hits: int, of: int) -> dict[str, Any]:
    """Return a share with its Wilson 95 % interval; without one where there is nothing to count."""
    if of == 0:
        return {"hits": 0, "of": 0}
    interval = wilson(hits, of)
    return {"hits": hits, "of": of, "share": interval.estimate, "low": interval.low, "high": interval.high}


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median, quartiles and the longest of some times; empty where there are none."""
    if not seconds:
        return {}
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
    return {"median": middle, "low": low, "high": high, "longest": max(seconds)}
