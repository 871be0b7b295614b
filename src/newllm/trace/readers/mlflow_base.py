"""MLflow's SQLite base, usually mlflow.db: `runs` and `metrics(run_uuid, key, value, timestamp, step, is_nan)`."""

import math
import sqlite3
from collections import Counter

from newllm.trace.readers.gathered import Gathered, most_values
from newllm.trace.readers.numbers import number
from newllm.trace.remark import left_out
from newllm.trace.series import Trace

_LARGEST = 1.7976931348623157e308  # which MLflow writes for infinity
_MOST_RUNS = 10_000


def read_mlflow_base(gathered: Gathered, base: sqlite3.Connection, run: str | None) -> Trace:
    """Read one run of a base.

    Args:
        gathered: takes the values in.
        base: open for reading.
        run: its name or its identity; the one with the most values without it.

    Raises:
        UserError: there is no such run, or none at all.
    """
    query = "SELECT run_uuid, COUNT(*) FROM metrics GROUP BY run_uuid LIMIT ?"
    counts = {str(identity): int(count) for identity, count in base.execute(query, (_MOST_RUNS,))}
    shown = _names(base)
    identities = {shown.get(identity, identity): identity for identity in counts}
    if run not in identities and run in counts:
        identities = {run: run}
    name = most_values([(name, counts[identity]) for name, identity in identities.items()], run, gathered)
    query = "SELECT key, value, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY step, timestamp"
    for key, cell, step, is_nan in base.execute(query, (identities[name],)):
        value = math.nan if is_nan else number(cell)
        if value is None or not isinstance(step, int):
            gathered.note(left_out("remark-no-number"))
            continue
        gathered.add(str(key), step, math.copysign(math.inf, value) if abs(value) >= _LARGEST else value)
        if gathered.full:
            break
    return gathered.by_step(printed=True)


def _names(base: sqlite3.Connection) -> dict[str, str]:
    """Return the name of each run by its identity, where no other run has the same."""
    columns = {str(row[1]) for row in base.execute("PRAGMA table_info(runs)")}
    if not {"run_uuid", "name"} <= columns:
        return {}
    query = "SELECT run_uuid, name FROM runs LIMIT ?"
    named = {str(identity): str(name) for identity, name in base.execute(query, (_MOST_RUNS,)) if name}
    often = Counter(named.values())
    return {identity: name for identity, name in named.items() if often[name] == 1}
