"""The cell that overhead.py trains: workers import it, and import no script."""

from pathlib import Path

import torch

from newllm.study.cell import train_cell
from newllm.study.cell_recording import no_signals
from newllm.study.design import Cell


def one_thread() -> None:
    """Prepare a process as a study does."""
    torch.set_num_threads(1)


def train(folder: Path, cell: Cell) -> float:
    """Train a cell below a folder."""
    return train_cell(cell.config, folder / f"seed{cell.seed}", no_signals)
