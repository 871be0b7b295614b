"""A cell of a study: a run directory like that of `newllm train`, but for what a grid of hundreds cannot pay for.

It has no samples, no curves drawn, and no snapshots: `newllm replay` starts it from step 0. Its trace is packed when
it is finished. A cell that is stopped has a snapshot and goes on from there; one that is killed begins anew.
"""

import contextlib
import functools
import time
from pathlib import Path

from newllm.api.run_directories import claim_run_directory
from newllm.api.trained import begin
from newllm.api.training_session import run_training
from newllm.data import Corpus
from newllm.errors import StoppedError, UserError
from newllm.files import remove_directory
from newllm.model.language_model import LanguageModel
from newllm.study.cell_recording import CellRecording, OwnSignals
from newllm.trace import Summary, pack_trace
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.environment import using_threads
from newllm.training.guard import take_back
from newllm.training.preparation import Preparation
from newllm.training.resolve import build_model
from newllm.training.run import RunDirectory
from newllm.training.same_texts import same_corpus


def train_cell(config: RunConfig, path: Path, signals: OwnSignals) -> float:
    """Train a cell to its end, or to where its numbers end; return the seconds that it took, in all sessions.

    Args:
        config: of the run; `training.steps` says how long.
        path: of its directory; one that is there is gone on with where it can be, and replaced otherwise.
        signals: that the study measures beside those of every cell.

    Raises:
        StoppedError: a signal stopped it.
        UserError: the configuration cannot be, or the disk is full.
    """
    run = RunDirectory(path)
    if run.last_step() is not None:
        with run.lock():
            stopped = _reopened(run)
            if stopped is not None:
                return _train(run, signals, *stopped)
    if path.exists():
        remove_directory(path)
    with claim_run_directory(path, path.name) as run:
        return _train(run, signals, *begin(run, config, Budget(), Preparation()))


def _reopened(run: RunDirectory) -> tuple[RunConfig, LanguageModel, Corpus, float] | None:
    """Return what a stopped cell goes on with, and the seconds that it has taken.

    None where it cannot go on: it is damaged, or its texts are others now.
    """
    with contextlib.suppress(UserError):
        take_back(run)
        run.remove_leftovers()
        config = run.load_config()
        return config, build_model(config), same_corpus(run, config), Summary.load(run.summary).seconds
    return None


def _train(
    run: RunDirectory,
    signals: OwnSignals,
    config: RunConfig,
    model: LanguageModel,
    corpus: Corpus,
    earlier: float = 0.0,
) -> float:
    """Train to the end; return the seconds of this session, and of the updates of earlier ones."""
    start = time.perf_counter()
    make_recording = functools.partial(_make_recording, run, corpus, signals)
    with using_threads(config.numerics.threads):
        summary, stopped_by = run_training(run, config, model, corpus, make_recording, snapshots=False)
    if summary.status not in ("finished", "diverged"):
        said = summary.message or f"stopped by {stopped_by}"
        raise UserError(said) if stopped_by is None else StoppedError(said)
    pack_trace(run.trace)
    if run.snapshots.exists():
        remove_directory(run.snapshots)
    return earlier + time.perf_counter() - start


def _make_recording(run: RunDirectory, corpus: Corpus, signals: OwnSignals, config: RunConfig) -> CellRecording:
    return CellRecording(run.recording, config, corpus, signals)
