"""What is replayed: a run of ours (own_run.py) or anyone's training (loop.py)."""

from abc import ABC, abstractmethod
from typing import ClassVar

from newllm.chance import stream_seed
from newllm.data import Corpus
from newllm.replays.replica.optimization import Optimization
from newllm.replays.replica.replica import Replica, State
from newllm.replays.replica.setup import Setup
from newllm.trace import Recovery
from newllm.training.config import RunConfig


class Subject(ABC):
    """A training that can be built again.

    Attributes:
        seed: of the original.
        steps: updates that the original did.
        per_update: batches that make one update.
        recoveries: what the original was given on its way by a guard; every replay is given it too (`put_in_force`).
        is_ours: whether it has a configuration that interventions may change.
        threads: of torch in the original; 0 where that is not known: those of this process.
    """

    is_ours: ClassVar[bool] = False
    seed: int
    steps: int
    per_update: int = 1
    threads: int = 0
    recoveries: tuple[Recovery, ...] = ()

    def setup(self, start: int, replay: int, onset: int, last_suspect: int) -> Setup:
        """Return the setup of a null replay: the original, or what differs from it by its chance alone.

        Other chance is another initialisation (from step 0) and other dropout. The batches are those of the original
        (what a batch brought about must come about again), but near ones exchange places; in a run of ours only after
        step 0 (`OwnRun.setup`).

        Args:
            start: updates done.
            replay: number of its chance: 0 is the original's, every other number stands for another.
            onset: of the original's spike, a step.
            last_suspect: see `Setup`.
        """
        seed = self.seed if replay == 0 else stream_seed(self.seed, "replay", replay) % 2**31
        exchange = None if replay == 0 else seed
        return Setup(start, seed, onset, last_suspect, self.per_update, exchange=exchange)

    def run_config(self) -> RunConfig | None:
        """Return the configuration of a run of ours, None of anyone else's training."""
        return None

    def run_corpus(self) -> Corpus | None:
        """Return the data of a run of ours, None of anyone else's training."""
        return None

    @abstractmethod
    def optimization(self) -> Optimization:
        """Return how it is optimized."""

    @abstractmethod
    def make(self, setup: Setup) -> Replica:
        """Build a replica at its initialisation, before any state is restored and anything attached.

        Raises:
            UserError: the setup cannot be built.
        """

    def start(self, setup: Setup, state: State | None) -> Replica:
        """Build a replica, put a state back, and let every intervention attach itself.

        Args:
            setup: with all interventions applied (`Replayer.__call__` in `session/task.py` does that).
            state: at `setup.start`; None at step 0.
        """
        replica = self.make(setup)
        replica.at_step = setup.at_step
        for attach in setup.before_restore:
            attach(replica)
        if state is not None:
            replica.restore(state)
        for attach in setup.at_start:
            attach(replica)
        return replica
