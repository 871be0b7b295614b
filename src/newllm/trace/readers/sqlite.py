"""SQLite bases that are looked into and never written: MLflow's and trackio's."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from newllm.errors import UserError
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.mlflow_base import read_mlflow_base
from newllm.trace.readers.naming import clean
from newllm.trace.readers.trackio import read_trackio
from newllm.trace.series import Trace

_SECONDS = 60  # a query that takes longer is no query of ours
_LONGEST_CELL = 1 << 20


def is_sqlite(head: bytes) -> bool:
    """Whether a file that begins so is an SQLite base."""
    return head.startswith(b"SQLite format 3\0")


def read_sqlite(gathered: Gathered, run: str | None = None) -> Trace:
    """Read a base of MLflow or of trackio.

    Args:
        gathered: names the source, takes the values in.
        run: which of its runs.

    Raises:
        UserError: it is neither, is damaged, or holds no such run.
    """
    with _opened(gathered.source) as base:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        tables = {str(name).lower(): str(sql).lower() for name, sql in base.execute(query)}
        metrics = tables.get("metrics", "")
        if "run_uuid" in metrics:
            return read_mlflow_base(gathered, base, run)
        if "run_name" in metrics:
            return read_trackio(gathered, base, run)
    raise UserError(
        f"'{gathered.source}' is no SQLite base that newllm knows: give one of MLflow or trackio, or a CSV export"
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a base for reading alone; a hostile one can neither run for ever nor fill the memory."""
    try:
        base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        with contextlib.closing(base):
            base.text_factory = lambda content: content.decode(errors="replace")
            base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)
            end = time.monotonic() + _SECONDS
            base.set_progress_handler(lambda: time.monotonic() > end, 100_000)
            yield base
    except (sqlite3.Error, UnicodeDecodeError) as error:  # sqlite3 quotes a schema whose bytes may be no text
        problem = clean(str(error))
        raise UserError(f"cannot read '{path}' ({problem}): give a sound SQLite base, or a CSV export") from error
