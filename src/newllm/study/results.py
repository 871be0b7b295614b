"""From records to results.json: one row a cell, curves by arm, and what is decided of each claim."""

import contextlib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.study.decisions import decide
from newllm.study.design import Cell, Record, Row
from newllm.study.grid import Tally
from newllm.study.places import Places
from newllm.study.rounding import rounded
from newllm.study.store import Records
from newllm.study.study import Study
from newllm.training.environment import describe_environment

SCHEMA = 1
_LARGEST = 256 << 20  # bytes of results.json
_QUARTILES = (0.25, 0.5, 0.75)
_DIGITS = 5


def analyse(study: Study, cells: Sequence[Cell], records: Records, tally: Tally) -> dict[str, Any]:
    """Return the content of results.json.

    Args:
        study: whose.
        cells: that were to be run; those without a record are left out and told in "failed" or "waiting".
        records: what they measured.
        tally: how the grid went.
    """
    found = {(cell.arm, cell.seed): record for cell in cells if (record := records.get(cell)) is not None}
    places = Places(found)
    rows = [row for cell in cells if (row := _row(study, cell, found, places)) is not None]
    arms = [arm for arm in study.arms if any(row["arm"] == arm.name for row in rows)]
    return {
        "schema": SCHEMA,
        "study": study.name,
        "title": study.title,
        "translations": study.translations,
        "seeds": len({row["seed"] for row in rows}),
        "sets": sorted({row["data"] for row in rows}),
        "environment": describe_environment(),
        "core_seconds": round(sum(record.get("seconds", 0.0) for record in found.values()), 1),
        "failed": tally.failed,
        "worker_deaths": [str(death) for death in tally.deaths],
        "worker_death_messages": [death.as_dict() for death in tally.deaths],
        "waiting": tally.waiting,
        "processors": places.as_data(),
        "unpaired": _unpaired(study, found, places),
        "arms": [
            {
                "name": arm.name,
                "claim": arm.purpose,  # what readers of results.json know it by: none of the claims below
                "preset": arm.preset,
                "settings": list(arm.settings),
                "epochs": arm.epochs,
                "variant": arm.variant,
                "control": arm.control,
            }
            for arm in arms
        ],
        "claims": decide(study, rows),
        "rows": rows,
        "curves": {arm.name: _curves([r for (name, _), r in found.items() if name == arm.name]) for arm in arms},
    }


@contextlib.contextmanager
def own_code(study: Study, function: str) -> Iterator[None]:
    """Call a function that somebody wrote for a study of theirs: what goes wrong in it is told with its line.

    Raises:
        UserError: it raised something.
    """
    try:
        yield
    except (UserError, OSError):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"{function}() of the study '{study.name}' fails in line {last.lineno} of '{Path(last.filename).name}' "
            f"({type(error).__name__}: {error}): mend it; the runs that are done are kept"
        ) from error


def load_results(path: Path) -> dict[str, Any]:
    """Read results.json.

    Raises:
        UserError: it is absent, damaged, or of another schema.
    """
    try:
        results = read_checked(path, _LARGEST)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read '{path}' ({error}): run the study again") from error
    if results.get("schema") != SCHEMA:
        raise UserError(f"'{path}' is not results of schema {SCHEMA}: run the study again")
    return results


def _unpaired(study: Study, found: Mapping[tuple[str, int], Record], places: Places) -> list[str]:
    """Return the cells that have no row because their control ran on another kind of processor."""
    controls = {arm.name: arm.control for arm in study.arms if arm.control}
    return [
        f"{arm}, seed {seed}"
        for arm, seed in found
        if (control := controls.get(arm)) and (control, seed) in found and not places.are_alike(arm, control, seed)
    ]


def _row(study: Study, cell: Cell, found: Mapping[tuple[str, int], Record], places: Places) -> Row | None:
    """Return the row of a cell; None where it, or the control that it is to be compared with, has no record.

    A control of another kind of processor, whose bits are others, is no control.
    """
    arm = next(arm for arm in study.arms if arm.name == cell.arm)
    record, control = found.get((cell.arm, cell.seed)), found.get((arm.control, cell.seed))
    if record is None or (arm.control and control is None):
        return None
    if control is not None and not places.are_alike(cell.arm, arm.control, cell.seed):
        return None
    with own_code(study, "outcomes"):
        outcomes = study.outcomes(record, control)
    about = {"arm": cell.arm, "seed": cell.seed, "data": cell.data, "key": cell.key}
    return {**about, **places.kind(cell.arm, cell.seed), **rounded(outcomes, _DIGITS)}


def _curves(records: Sequence[Record]) -> dict[str, Any]:
    """Return the quartiles over the cells of an arm, for the signals that figures draw."""
    signals = {
        "train_loss": [record["train"]["loss"] for record in records],
        "probe_loss": [record["probe"]["loss"] for record in records],
        "validation_loss": [record["validation"]["loss"] for record in records],
    }
    epochs = max((record["epoch"] for record in records), key=len)
    return {"epoch": epochs, **{name: _quartiles(series, len(epochs)) for name, series in signals.items()}}


def _quartiles(series: Sequence[Sequence[float | None]], length: int) -> list[list[float | None]]:
    values = np.full((len(series), length), np.nan)
    for row, values_of_one in enumerate(series):
        values[row, : len(values_of_one)] = [np.nan if value is None else value for value in values_of_one]
    known = ~np.isnan(values).all(axis=0)
    quartiles = np.full((len(_QUARTILES), length), np.nan)
    quartiles[:, known] = np.nanquantile(values[:, known], _QUARTILES, axis=0)
    return rounded([[None if np.isnan(v) else float(v) for v in quartile] for quartile in quartiles], _DIGITS)
