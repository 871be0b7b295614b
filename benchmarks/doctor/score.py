"""From what a tool says of each run to the numbers of the table."""

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

from newllm.statistics import wilson

Label = dict[str, Any]
CLASSES = ("loss", "signals", "data")


@dataclass
class Answer:
    """What a tool says of one run.

    Attributes:
        warnings: kinds of its findings from warning up.
        notes: kinds of those below.
        accepted: whether one of the warnings names the injected fault.
        noted: whether a warning or a note does.
        cause: whether the first cause named is the injected one.
        wrong_cause: whether another cause is named first as likely.
        first: at which point of the log's axis it would have said so first; None if never or unknown.
        failed: why it has nothing to say.
    """

    warnings: list[str]
    notes: list[str]
    accepted: bool = False
    noted: bool = False
    cause: bool = False
    wrong_cause: bool = False
    first: float | None = None
    failed: str = ""


def score(labels: list[Label], answers: dict[str, Answer]) -> dict[str, Any]:
    """Return recall by class and by kind, false alarms, lead time and causes of one tool."""
    healthy = [answers[label["name"]] for label in labels if label["kind"] == "healthy"]
    faults = [label for label in labels if label["kind"] != "healthy"]
    alarmed = sum(bool(answer.warnings) for answer in healthy)
    return {
        "healthy": len(healthy),
        "false_alarms_per_healthy_run": sum(len(answer.warnings) for answer in healthy) / max(1, len(healthy)),
        "healthy_with_an_alarm": share(alarmed, len(healthy)),
        "healthy_with_a_note": share(sum(bool(answer.notes) for answer in healthy), len(healthy)),
        "false_alarms_by_kind": dict(Counter(kind for answer in healthy for kind in answer.warnings).most_common()),
        "false_alarm_runs": {
            label["name"]: answers[label["name"]].warnings
            for label in labels
            if label["kind"] == "healthy" and answers[label["name"]].warnings
        },
        "classes": {name: _of_class([x for x in faults if x["visible"] == name], answers) for name in CLASSES},
        "kinds": {kind: _of_kind(kind, faults, answers) for kind in dict.fromkeys(x["kind"] for x in faults)},
        "failed": {name: answer.failed for name, answer in answers.items() if answer.failed},
    }


def _of_class(faults: list[Label], answers: dict[str, Answer]) -> dict[str, Any]:
    of = [answers[label["name"]] for label in faults]
    found = sum(answer.accepted for answer in of)
    kinds = {label["kind"] for label in faults}
    by_kind = {kind: [answers[x["name"]].accepted for x in faults if x["kind"] == kind] for kind in kinds}
    return {
        "runs": len(of),
        "found": share(found, len(of)),
        "any_warning": share(sum(bool(answer.warnings) for answer in of), len(of)),
        "found_or_noted": share(sum(answer.noted for answer in of), len(of)),
        "kinds": len(kinds),
        "kinds_found": sum(2 * sum(hits) >= len(hits) for hits in by_kind.values()),
        "right_cause": share(sum(answer.cause for answer in of), len(of)),
        "wrong_cause": share(sum(answer.wrong_cause for answer in of), len(of)),
        "lead_steps": lead(faults, answers),
    }


def lead(faults: list[Label], answers: dict[str, Answer]) -> dict[str, Any]:
    """Return by how many steps the first accepted warning comes before the fault shows in the losses."""
    leads = []
    for label in faults:
        first, shown = answers[label["name"]].first, label["shows"]["step"]
        if first is not None and shown is not None:
            scale = label["epoch"] if label["log"] == "csv-epoch" else 1
            leads.append(shown - first * scale)
    if not leads:
        return {"runs": 0}
    quartiles = statistics.quantiles(leads, n=4, method="inclusive") if len(leads) > 1 else leads * 3
    return {"runs": len(leads), "median": quartiles[1], "quartiles": [quartiles[0], quartiles[2]]}


def _of_kind(kind: str, faults: list[Label], answers: dict[str, Answer]) -> dict[str, Any]:
    mine = [label for label in faults if label["kind"] == kind]
    of = [answers[label["name"]] for label in mine]
    return {
        "visible": mine[0]["visible"],
        "runs": len(of),
        "found": sum(answer.accepted for answer in of),
        "found_or_noted": sum(answer.noted for answer in of),
        "right_cause": sum(answer.cause for answer in of),
        "warnings": dict(Counter(name for answer in of for name in answer.warnings).most_common()),
        "missed": [label["name"] for label, answer in zip(mine, of, strict=True) if not answer.accepted],
    }


def share(hits: int, of: int) -> dict[str, Any]:
    """Return a share with its Wilson interval; without one where there is nothing to count."""
    if of == 0:
        return {"hits": 0, "of": 0}
    interval = wilson(hits, of)
    return {"hits": hits, "of": of, "share": interval.estimate, "low": interval.low, "high": interval.high}
