"""What a study keeps of its cells: a run directory of each, or, where it measures cells itself, one file of each.

OUT/cells/ARM-seedN/            a run, with cell.json once it has come to its end
OUT/cells/ARM-seedN-KEY.json    the record of a study with a `measure` of its own
"""

import json
from pathlib import Path

from newllm.checksum import read_checked, sealed
from newllm.errors import UserError
from newllm.files import make_directory, remove_leftovers, write_bytes
from newllm.study.design import Cell, Record
from newllm.study.record import read_record
from newllm.training.run import RunDirectory

CELL = "cell.json"


class Records:
    """The records of a study on disk, one file a cell, whole or absent.

    Args:
        folder: made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_directory(folder)
        remove_leftovers(folder)

    @property
    def any(self) -> bool:
        """Whether any cell is finished."""
        return any(self.folder.glob("*.json"))

    def path(self, cell: Cell) -> Path:
        """Return where a cell is kept."""
        return self.folder / f"{cell.arm}-seed{cell.seed}-{cell.key}.json"

    def get(self, cell: Cell) -> Record | None:
        """Return the record of a cell, None where there is none; a damaged file counts as none."""
        try:
            return read_checked(self.path(cell))
        except (OSError, ValueError):
            return None

    def finish(self, cell: Cell, result: str) -> None:
        """Keep what a finished cell gave.

        Args:
            cell: that has come to its end.
            result: as JSON: its record.

        Raises:
            UserError: the disk is full.
        """
        write_bytes(self.path(cell), sealed(json.loads(result)), durable=False)


class Runs(Records):
    """The cells of a study as run directories. One that has come to its end has a cell.json, which says whose it is."""

    @property
    def any(self) -> bool:
        """Whether any cell is finished."""
        return any(self.folder.glob(f"*/{CELL}"))

    def path(self, cell: Cell) -> Path:
        """Return the directory of a cell's run."""
        return self.folder / f"{cell.arm}-seed{cell.seed}"

    def get(self, cell: Cell) -> Record | None:
        """Return the record of a cell from its trace, None where there is none; a damaged run counts as none."""
        path = self.path(cell)
        try:
            finished = read_checked(path / CELL)
            if finished["key"] != cell.key:
                return None
            run = RunDirectory(path)
            place = finished.get("place") or run.load_config().environment  # before there was a place
            return {**read_record(run, finished["seconds"]), "place": place}
        except (OSError, ValueError, LookupError, TypeError, UserError):
            return None

    def finish(self, cell: Cell, result: str) -> None:
        """Note in a cell's run that it has come to its end; `result` is its seconds and place, the record is its trace.

        Raises:
            UserError: the disk is full.
        """
        about = {"schema": 1, "arm": cell.arm, "seed": cell.seed, "data": cell.data, "key": cell.key}
        content = sealed({**about, **json.loads(result)})
        write_bytes(self.path(cell) / CELL, content, durable=False)
