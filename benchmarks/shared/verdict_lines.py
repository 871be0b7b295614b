"""Verdicts as lines of JSON in a file, one a name: what stands there is not made again."""

import json
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch


def rows_in(file: Path, budget: float | None = None) -> dict[str, dict[str, Any]]:
    """Return the lines of a file by name; a last line that was cut off is left out.

    Args:
        file: need not be there.
        budget: seconds that every verdict must have had; None takes any.

    Raises:
        SystemExit: a line was made with another budget.
    """
    rows: dict[str, dict[str, Any]] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if budget is not None and row["budget"] != budget:
            raise SystemExit(f"'{file}' holds a verdict of {row['budget']} s, not {budget} s: give another --out")
        rows[row["name"]] = row
    return rows


def add_rows(
    made: Callable[[str, float], dict[str, Any]],
    names: Sequence[str],
    file: Path,
    budget: float,
    workers: int,
    said: Callable[[dict[str, Any]], str],
) -> None:
    """Make what is not in the file yet, one thread a process, and add a line as soon as one is done.

    Args:
        made: from a name and its seconds to its row, with "name", "budget" and "seconds".
        names: of all that is wanted.
        file: that is added to.
        budget: seconds of each.
        workers: processes.
        said: what a person reads of a row.
    """
    left = [name for name in names if name not in rows_in(file, budget)]
    context = multiprocessing.get_context("spawn")
    file.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool, file.open("a") as out:
        if file.stat().st_size and not file.read_bytes().endswith(b"\n"):
            out.write("\n")  # after a line that was cut off
        for number, done in enumerate(as_completed([pool.submit(made, name, budget) for name in left]), 1):
            row = done.result()
            out.write(json.dumps(row) + "\n")
            out.flush()
            line = f"{number} of {len(left)}: {row['name']}: {said(row)}, {row['seconds']:.0f} s"
            print(line, file=sys.stderr, flush=True)
