"""A run of ours as a subject: what its directory says, built again."""

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar

from torch import nn

from newllm.data import Corpus
from newllm.errors import UserError
from newllm.recorder.recorder import RECORDING
from newllm.replays.interventions.remedies import put_in_force
from newllm.replays.replica.optimization import Optimization, describe_optimization
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import State
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.trace import load_recoveries
from newllm.training.config import RunConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.run import RunDirectory
from newllm.training.same_texts import same_corpus
from newllm.training.schedule import Schedule
from newllm.training.snapshots import identity, list_snapshots, load_progress, snapshot_tensors


class OwnRun(Subject):
    """A run directory that `newllm train` wrote. Nothing in it is changed.

    Args:
        path: the run.

    Raises:
        UserError: there is no run, or its texts are not what they were.
    """

    is_ours: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        self.run = RunDirectory(path)
        if not self.run.config.is_file() and (path / RECORDING).is_file():
            raise UserError(
                f"'{path}' is a recording of newllm.record: it has signals, and no batches and states to replay from. "
                f"newllm replay {path} runs its program again. Or replay the training itself: "
                "newllm.replay(newllm.hf.loop(trainer)), of Lightning "
                "newllm.replay(newllm.lightning.loop(trainer, module)), and of any other loop as three functions, "
                "newllm.replay(newllm.Loop(build, batch, loss, steps=N))"
            )
        self.config = self.run.load_config()
        self.seed, self.steps = self.config.seed, self.config.training.steps
        self.per_update, self.threads = self.config.training.accumulate, self.config.numerics.threads
        self.recoveries = load_recoveries(self.run.recoveries)

    @functools.cached_property
    def corpus(self) -> Corpus:
        """The data that the run began with, read again when it is first asked for."""
        return same_corpus(self.run, self.config)

    def run_config(self) -> RunConfig:
        """Return its configuration."""
        return self.config

    def run_corpus(self) -> Corpus:
        """Return its data."""
        return self.corpus

    def optimization(self) -> Optimization:
        """Return how it is optimized."""
        optimizer = build_optimizer(nn.Linear(1, 1), self.config.optimizer)
        return describe_optimization(optimizer, self.config.optimizer.clip, Schedule(self.config).rate)

    def setup(self, start: int, replay: int, onset: int, last_suspect: int) -> Setup:
        """Return the setup of a null replay.

        From step 0 the initialisation is another one, so the batches can stay where they are; a context that goes on
        from window to window would be broken if they did not.
        """
        plain = put_in_force(super().setup(start, replay, onset, last_suspect), self.recoveries)
        exchange = plain.exchange if start > 0 and not self.config.data.carry else None
        config = dataclasses.replace(self.config, seed=plain.seed)
        return dataclasses.replace(plain, config=config, order=self.seed, exchange=exchange)

    def make(self, setup: Setup) -> OwnReplica:
        """Build model, optimizer and batches of a configuration."""
        assert setup.config is not None, "the setup of a run of ours has a configuration"
        setup.config.check()
        return OwnReplica(setup.config, self.corpus, setup)

    def snapshot(self, step: int) -> tuple[int, State | None]:
        """Return the newest kept state at or before a step, and its step; step 0 needs none.

        Raises:
            UserError: the snapshot is damaged, or of another run.
        """
        places = list_snapshots(self.run.snapshots)
        newest = max((kept for kept in places if kept <= step), default=0)
        if newest == 0:
            return 0, None
        if load_progress(places[newest]).identity != identity(self.config, self.corpus.report["fingerprint"]):
            raise UserError(f"snapshot '{places[newest]}' belongs to another run: remove it to replay this one")
        return newest, State(*snapshot_tensors(places[newest]))
