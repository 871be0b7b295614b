"""Runs a study into a directory, from its plan to its pages.

OUT/study.json      what the directory belongs to: the plan's fingerprint
OUT/texts/          the texts that the arms train on
OUT/cells/          the cells: run directories, which doctor, report and replay open
OUT/results.json    and tables (.md, .csv), figures and pages
OUT/tables.json     the study's own tables, for a report
"""

import contextlib
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock

from newllm.checksum import read_checked, sealed, write_checked
from newllm.engines import Engine
from newllm.errors import UserError
from newllm.files import remove_leftovers, write_bytes, writing
from newllm.study.design import Cell
from newllm.study.grid import Watcher, run_grid
from newllm.study.plan import load_study, plan
from newllm.study.results import analyse, own_code
from newllm.study.store import Records, Runs
from newllm.study.study import Study
from newllm.time_limit import TimeLimit
from newllm.words.studies import claims_table
from newllm.words.tables import TABLES, Table, csv_table, markdown_table


def run_study(
    name: str,
    out: Path,
    *,
    seeds: int | None = None,
    quick: bool = False,
    workers: int | None = 1,
    engine: str = "local",
    watcher: Watcher | None = None,
    study: Study | None = None,
    time: TimeLimit | None = None,
) -> dict[str, Any]:
    """Run what has not been run yet and write the results; return results.json's content.

    Args:
        name: one of our studies, or a Python file.
        out: the directory; one that holds the same study is gone on with.
        seeds: how many; None takes the study's own.
        quick: only the arms and seeds of its quick form.
        workers: how many cells run at a time, at most; None takes what the engine takes by itself: one a core of this
            machine, one a CPU of the Ray cluster, or four SLURM jobs.
        engine: where they run: "local" in processes of this machine, "ray" or "slurm".
        watcher: told how it goes.
        study: where it has been loaded already.
        time: that the runs may take; None takes that of the quick form, or as long as it takes.

    Raises:
        UserError: a mistake in the call, another study's directory, or a full disk.
    """
    study = study or load_study(name)
    chosen = Engine(engine, workers)
    if seeds is not None and seeds < 1:
        raise UserError(f"--seeds {seeds}: it must be at least 1")
    number = seeds or (study.quick_seeds if quick else study.seeds)
    time = time or TimeLimit(study.quick_seconds if quick else math.inf)
    with _locked(out):
        cells = plan(study, out / "texts", number, (study.quick or None) if quick else None)
        records = (Runs if study.measure is None else Records)(out / "cells")
        _check_same(study, cells, out, records)
        tally = run_grid(name, cells, records, chosen, watcher or Watcher(), time)
        if not tally.done and tally.waiting:
            raise UserError(f"no run of '{name}' was finished in {time.seconds:.0f} s: run it without --quick")
        results = analyse(study, cells, records, tally)
        write_results(study, out, results)
    return results


def write_results(study: Study, out: Path, results: dict[str, Any]) -> None:
    """Write results.json, the tables, and what else the study draws and writes."""
    # On one line: indented, its curves alone would be a megabyte of blanks.
    write_bytes(out / "results.json", sealed(results))
    with own_code(study, "tables"):
        tables = study.tables(results)
    for table in [claims_table(results), *tables]:
        write_table(out, table)
    write_checked(out / TABLES, {"schema": 1, "tables": [table.as_dict() for table in tables]})
    with own_code(study, "write"):
        study.write(out, results)


def write_table(out: Path, table: Table) -> None:
    """Write a table as Markdown and as CSV."""
    write_bytes(out / f"{table.name}.md", f"# {table.title}\n\n{markdown_table(table.header, table.rows)}\n".encode())
    write_bytes(out / f"{table.name}.csv", csv_table(table.header, table.rows).encode())


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Make the directory and hold it against a second study at the same time.

    Raises:
        UserError: it holds something that is no study, or another study is writing it.
    """
    if out.is_dir() and not (out / "study.json").is_file() and not _is_fresh(out):
        raise UserError(
            f"'{out}' is not empty and holds no study: choose another --out, its files would be overwritten"
        )
    made = not out.exists()
    with writing(out):
        (out / "texts").mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(out / ".lock", timeout=0):
            remove_leftovers(out)
            remove_leftovers(out / "texts")
            try:
                yield
            except UserError:
                if made and not (out / "study.json").exists():  # nothing has begun: leave no trace
                    shutil.rmtree(out, ignore_errors=True)
                raise
    except filelock.Timeout as error:
        raise UserError(f"'{out}' is being written by another study: wait for it, or choose another --out") from error


def _is_fresh(out: Path) -> bool:
    """Say whether there is nothing but what a study makes before study.json, which a kill may have left in half."""
    names = {path.name for path in out.iterdir() if not path.match(".study.json.*.tmp")}
    return names <= {"texts", "cells", ".lock"}


def _check_same(study: Study, cells: Sequence[Cell], out: Path, records: Records) -> None:
    """Refuse a directory that holds another study, or this one under another configuration.

    More seeds and more arms may be added; a cell that was planned before must have the same key.
    """
    place = out / "study.json"
    known: dict[str, str] = {}
    if place.is_file():
        try:
            before = read_checked(place)
            owner, known = before["study"], dict(before["cells"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"'{place}' is damaged: remove '{out}', or choose another --out") from error
        if owner != study.name:
            raise UserError(f"'{out}' holds the study '{owner}', not '{study.name}': choose another --out")
    if study.measure is None and any(records.folder.glob("*-seed*-*.json")):
        raise UserError(
            f"'{out}' was made by an earlier newllm, whose cells were no runs: choose another --out, or remove it"
        )
    if (out / "results.json").is_file() and not records.any:
        raise UserError(
            f"'{out}' holds results whose runs are not here (git does not keep cells/): running again would replace "
            "them. Choose another --out"
        )
    planned = {f"{cell.arm}, seed {cell.seed}": cell.key for cell in cells}
    if len(known) > len(planned.keys() & known.keys()):
        raise UserError(
            f"'{out}' holds {len(known)} runs, and not all of them are asked for now: its results would lose the "
            "others. Ask for as many seeds as before, without --quick, or choose another --out"
        )
    changed = [name for name, key in planned.items() if known.get(name, key) != key]
    if changed:
        raise UserError(
            f"'{out}' holds results of another configuration of '{changed[0]}' (and {len(changed) - 1} more): "
            "choose another --out, or remove it"
        )
    write_checked(place, {"schema": 1, "study": study.name, "cells": {**known, **planned}})
