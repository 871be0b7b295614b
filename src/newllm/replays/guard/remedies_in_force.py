"""What a guard decided earlier, put in force in a training: by the leader of several processes, and by each other."""

from collections.abc import Callable, Sequence

from newllm.data import Batch, Batches
from newllm.replays.interventions.remedies import put_in_force
from newllm.replays.replica.replica import Replica, Update
from newllm.replays.replica.setup import Fetch, Setup
from newllm.trace import Recovery
from newllm.trace.recovery import marks
from newllm.training.guard import SIGNAL, Guard
from newllm.training.recording import Signals
from newllm.training.step import Stepper


class RemediesInForce(Guard):
    """The remedies of a run so far; watches nothing itself.

    Args:
        recoveries: of the run.
    """

    def __init__(self, recoveries: Sequence[Recovery]) -> None:
        self._recoveries, self._marks = recoveries, marks(recoveries)
        self._setup: Setup | None = None

    def attach(self, stepper: Stepper, step: int) -> None:
        """Put in force what was decided, in a fresh training."""
        config = stepper.config
        setup = Setup(step, config.seed, step, step, config.training.accumulate, config)
        self._setup = put_in_force(setup, self._recoveries)
        if setup.batch_changes:
            stepper.batches = _Changed(stepper.batches, setup)
        _attach(stepper, setup.before_restore)

    def restored(self, stepper: Stepper) -> None:
        """Put in force what begins at the step that was restored."""
        assert self._setup is not None, "attach comes first"
        _attach(stepper, self._setup.at_start)

    def stepping(self, stepper: Stepper, step: int) -> Signals:
        """Put in force what begins at this step, where the run began before it."""
        assert self._setup is not None, "attach comes first"
        _attach(stepper, self._setup.at_step.get(step, []))
        return {SIGNAL: self._marks[step]} if step in self._marks and step > self._setup.start else {}


class _Live(Replica):
    """The running training, as remedies know it."""

    def __init__(self, stepper: Stepper) -> None:
        self.model, self.optimizer = stepper.model, stepper.optimizer
        self.rate, self.clip, self.seen = stepper.rate, stepper.clip, []

    def update(self, step: int) -> Update:
        raise NotImplementedError("the loop does the updates")

    def probe(self) -> float:
        raise NotImplementedError("nothing is measured here")


def _attach(stepper: Stepper, changes: Sequence[Callable[[Replica], None]]) -> None:
    live = _Live(stepper)
    for change in changes:
        change(live)
    assert live.rate is not None, "a run of ours has a schedule"
    stepper.rate, stepper.clip = live.rate, live.clip


class _Changed(Batches):
    """Batches with what is done to them."""

    def __init__(self, own: Batches, setup: Setup) -> None:
        self.batches_per_epoch, self.tokens_per_batch = own.batches_per_epoch, own.tokens_per_batch
        self._fetch: Fetch = own.batch
        for change in setup.batch_changes:
            self._fetch = change(self._fetch)

    def batch(self, index: int) -> Batch:
        return self._fetch(index)
