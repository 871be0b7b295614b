"""The study's table: of each arm its updates, how often it read the text, its time, its loss, and what that gains."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from newllm.statistics import mean_interval
from newllm.study import Table
from newllm.study.design import Record, Row
from newllm.study.outcomes import outcomes as common_outcomes
from newllm.words.studies import estimate_text

from .arms import TOKENS

TITLE = "Losses at equal tokens (NAME) and at equal time (NAME-time)"
HEADER = ("arm", "parameters", "updates", "text read", "seconds", "loss", "lower than the control by")
TEXT = (
    "Losses are validation losses in nats a token, means over the seeds; differences are means over pairs with 95 % "
    "intervals. Seconds are medians of whole runs, with their evaluations, and are comparable only where nothing else "
    "used the machine: an arm NAME-time has as many updates as its measured cost allows."
)


def outcomes(record: Record, control: Record | None) -> Row:
    """Return the outcomes of one cell, with its size, its seconds and the tokens of its training part."""
    more = {name: record[name] for name in ("parameters", "seconds")}
    return {**common_outcomes(record, control), **more, "train_tokens": record["targets"]["train"]}


def tables(results: Mapping[str, Any]) -> list[Table]:
    """Return the table of a study's results."""
    by_arm: dict[str, list[Row]] = {}
    for row in results["rows"]:
        by_arm.setdefault(row["arm"], []).append(row)
    rows = [_row(arm, by_arm[arm["name"]], by_arm.get(arm["control"], ())) for arm in results["arms"]]
    return [Table("losses", TITLE, HEADER, rows, texts=(TEXT,))]


def _row(arm: Mapping[str, Any], rows: Sequence[Row], control: Sequence[Row]) -> tuple[str, ...]:
    updates = next(int(one.partition("=")[2]) for one in arm["settings"] if one.startswith("training.evaluate_every="))
    read = statistics.mean(updates * arm["epochs"] * TOKENS / row["train_tokens"] for row in rows)
    losses = {row["seed"]: row["last_validation"] for row in control}
    gained = [losses[row["seed"]] - row["last_validation"] for row in rows if row["seed"] in losses]
    gain = mean_interval(gained) if gained else None
    return (
        arm["name"],
        f"{rows[0]['parameters']:,}",
        f"{updates * arm['epochs']:,}",
        f"{read:.2f}",
        f"{statistics.median(row['seconds'] for row in rows):.0f}",
        f"{statistics.mean(row['last_validation'] for row in rows):.4f}",
        estimate_text((gain.estimate, gain.low, gain.high), 4) if gain else "",
    )
