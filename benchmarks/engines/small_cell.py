"""The cell that overhead.py trains: workers import it, and import no script."""

from pathlib import Path

from newllm.study.cell import train_cell
from newllm.study.cell_recording import no_signals
from newllm.study.design import Cell
from newllm.training.environment import using_threads


def train(folder: Path, cell: Cell) -> float:
    """Train a cell below a folder."""
    with using_threads(1):
        return train_cell(cell.config, folder / f"seed{cell.seed}", no_signals)
