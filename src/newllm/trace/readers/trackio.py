"""trackio's SQLite base: `metrics(run_name, step, metrics)`, the last a JSON object; and `run_id` since 2026."""

import json
import sqlite3
from collections import Counter
from typing import Any

from newllm.trace.readers.gathered import Gathered, most_values
from newllm.trace.readers.numbers import number
from newllm.trace.remark import left_out
from newllm.trace.series import Trace

_MOST_RUNS = 10_000


def read_trackio(gathered: Gathered, base: sqlite3.Connection, run: str | None) -> Trace:
    """Read one run of a base.

    Args:
        gathered: takes the values in.
        base: open for reading.
        run: its name or its identity; the one with the most values without it.

    Raises:
        UserError: there is no such run, or none at all.
    """
    columns = {str(row[1]) for row in base.execute("PRAGMA table_info(metrics)")}
    identity = "run_id" if "run_id" in columns else "run_name"  # a constant, nothing of the base's
    query = f"SELECT {identity}, run_name, COUNT(*) FROM metrics GROUP BY {identity} LIMIT ?"
    rows = base.execute(query, (_MOST_RUNS,)).fetchall()
    often = Counter(name for _, name, _ in rows)
    runs = {str(name if often[name] == 1 else key): (key, int(count)) for key, name, count in rows}
    if run not in runs:
        runs |= {str(key): (key, int(count)) for key, _, count in rows if str(key) == run}
    chosen = runs[most_values([(name, count) for name, (_, count) in runs.items()], run, gathered)][0]
    query = f"SELECT step, metrics FROM metrics WHERE {identity} = ? ORDER BY id"
    for step, content in base.execute(query, (chosen,)):
        _take(gathered, step, content)
        if gathered.full:
            break
    return gathered.by_step(printed=True)


def _take(gathered: Gathered, step: Any, content: Any) -> None:
    try:
        cells = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        cells = None
    if not isinstance(cells, dict) or not isinstance(step, int):
        gathered.note(left_out("remark-no-trackio-row"))
        return
    for name, cell in cells.items():
        value = number(cell)
        if value is not None:
            gathered.add(name, step, value)
