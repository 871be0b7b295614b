"""From answers on single runs to shares with Wilson intervals, tables by group, and calibration."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.doctor import score
from benchmarks.strangers.answers import Answer, Label

Row = tuple[str, Label, Answer]
_BINS = 10


def totals(rows: list[Row], shown: tuple[str, ...]) -> dict[str, Any]:
    """Return all numbers of some runs.

    Args:
        rows: names, labels and answers.
        shown: where a fault must be visible for a run to count; those of other classes stand in `by_visibility` alone.
    """
    healthy = [row for row in rows if row[1]["kind"] == "healthy"]
    faulty = [row for row in rows if row[1]["kind"] != "healthy"]
    counted = [row for row in faulty if row[1]["visible"] in shown]
    return {
        "healthy": {
            "alarmed": share(answer.warned for _, _, answer in healthy),
            "noted": share(bool(answer.said) and not answer.warned for _, _, answer in healthy),
        },
        "faulty": _faults(counted),
        "by_visibility": _groups(faulty, lambda label: label["visible"]),
        "by_trainer": _groups(counted, lambda label: label["trainer"]),
        "by_severity": _groups(counted, lambda label: label["severity"]),
        "calibration": calibration((a.probability, a.verdict == "right") for _, _, a in counted),
        "onset_right": share(answer.onset for _, _, answer in counted if answer.onset is not None),
        "unjudged": sum(answer.unjudged for _, _, answer in rows),
        "failed": sum(bool(answer.failed) for _, _, answer in rows),
    }


def _groups(rows: list[Row], key: Callable[[Label], str]) -> dict[str, Any]:
    names = sorted({key(label) for _, label, _ in rows})
    return {name: _faults([row for row in rows if key(row[1]) == name]) for name in names}


def _faults(rows: list[Row]) -> dict[str, Any]:
    answers = [answer for _, _, answer in rows]
    by_kind = {
        label["kind"]: [a.found for _, other, a in rows if other["kind"] == label["kind"]] for _, label, _ in rows
    }
    return {
        "found": share(answer.found for answer in answers),
        "kinds_found": share(2 * sum(found) >= len(found) for found in by_kind.values()),
        "any_warning": share(answer.warned for answer in answers),
        "right_cause_first": share(answer.verdict == "right" for answer in answers),
        "wrong_cause_first": share(answer.verdict == "wrong" for answer in answers),
        "wrong_cause_sure": share(answer.verdict == "wrong" and answer.sure for answer in answers),
        "unknown": share(answer.verdict == "unknown" for answer in answers),
    }


def calibration(pairs: Iterable[tuple[float | None, bool]]) -> dict[str, Any] | None:
    """Return the expected calibration error and its bins, of the causes named first; None without probabilities.

    Runs without a fault are no part of it: whatever is named there is an alarm.
    """
    known = [(probability, right) for probability, right in pairs if probability is not None]
    if not known:
        return None
    bins: list[dict[str, Any]] = []
    for place in range(_BINS):
        of = [pair for pair in known if min(int(pair[0] * _BINS), _BINS - 1) == place]
        if of:
            mean = sum(probability for probability, _ in of) / len(of)
            bins.append({"from": place / _BINS, "mean_probability": mean, "right": share(right for _, right in of)})
    gaps = (row["right"]["of"] * abs(row["right"]["share"] - row["mean_probability"]) for row in bins)
    return {"expected_error": sum(gaps) / len(known), "runs": len(known), "bins": bins}


def share(hits: Iterable[bool | None]) -> dict[str, Any]:
    """Return a share with its Wilson interval; without one where there is nothing to count."""
    found = [bool(hit) for hit in hits]
    return score.share(sum(found), len(found))


def details(rows: list[Row]) -> dict[str, Any]:
    """Return what is shown of open runs alone: by kind, and each run that was missed, named wrongly or alarmed."""
    kinds = sorted({label["kind"] for _, label, _ in rows} - {"healthy"})
    return {
        "alarmed": {name: a.as_dict()["said"] for name, label, a in rows if label["kind"] == "healthy" and a.warned},
        "kinds": {kind: _of_kind([row for row in rows if row[1]["kind"] == kind]) for kind in kinds},
        "runs": {
            name: {"kind": label["kind"], "visible": label["visible"]} | answer.as_dict()
            for name, label, answer in rows
            if label["kind"] != "healthy"
        },
        "errors": {name: answer.failed for name, _, answer in rows if answer.failed},
    }


def _of_kind(rows: list[Row]) -> dict[str, Any]:
    answers = {name: answer for name, _, answer in rows}
    return {
        "runs": len(rows),
        "found": sum(answer.found for answer in answers.values()),
        "right": sum(answer.verdict == "right" for answer in answers.values()),
        "wrong": sum(answer.verdict == "wrong" for answer in answers.values()),
        "unknown": sum(answer.verdict == "unknown" for answer in answers.values()),
        "missed": [name for name, answer in answers.items() if not answer.found],
    }
