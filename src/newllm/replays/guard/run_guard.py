"""The guard of a run of ours: sees its loss leave its trend, decides, and puts in force what was decided."""

from collections.abc import Callable, Sequence

from newllm.data import Batch, Batches, Corpus
from newllm.diagnosis.onset import Onset
from newllm.diagnosis.run_facts import read_facts
from newllm.messages import Message, quoted
from newllm.replays.guard.recovery import Incident, decide
from newllm.replays.interventions.remedies import put_in_force
from newllm.replays.replica.replica import Replica, Update
from newllm.replays.replica.setup import Fetch, Setup
from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.subjects.run_states import RunStates
from newllm.trace import Recovery, load_recoveries, read_trace
from newllm.trace.recovery import followed_by, marks
from newllm.training.guard import SIGNAL, Guard, commit
from newllm.training.recording import Signals
from newllm.training.run import RunDirectory
from newllm.training.step import Stepper


class RunGuard(Guard):
    """Guards one run, in all its sessions.

    Args:
        run: its directory, which has config.toml.
        corpus: its data.
        policy: "ask", "guard", "rollback-and-skip", or "off": then nothing is watched, but what was put in force
            earlier stays so.

    Raises:
        UserError: recoveries.json is damaged.
    """

    def __init__(self, run: RunDirectory, corpus: Corpus, policy: str) -> None:
        self._run, self._corpus, self._policy = run, corpus, policy
        self.watches = policy != "off"
        self._setup: Setup | None = None
        self._marks: dict[int, int] = {}
        self._given_up: Message | None = None

    def attach(self, stepper: Stepper, step: int) -> None:
        """Put in force what was decided, in a fresh training."""
        config, recoveries = stepper.config, load_recoveries(self._run.recoveries)
        setup = Setup(step, config.seed, step, step, config.training.accumulate, config)
        self._setup, self._marks = put_in_force(setup, recoveries), marks(recoveries)
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

    def given_up(self) -> Message | None:
        """Return why the guard has given up."""
        return self._given_up

    def decide(self, onset: Onset, tick: Callable[[], None]) -> Recovery | None:
        """Decide, and write it down."""
        history = load_recoveries(self._run.recoveries)
        subject, trace = OwnRun(self._run.path), read_trace(self._run.trace)
        subject.corpus = self._corpus
        states = RunStates(subject, trace, tick)
        facts, _ = read_facts(self._run.path)
        incident = Incident(
            policy=self._policy,
            subject=subject,
            onset=onset,
            trace=trace,
            facts=facts,
            known=states.steps(onset.onset),
            state=states.state,
            history=history,
            tick=tick,
        )
        found = decide(incident)
        if found in history:
            return None  # said before: the person has gone on
        if found.back is not None:
            states.keep(found.back)
        commit(self._run, followed_by(history, found))
        if found.action == "stopped":
            self._given_up = found.message or quoted(found.sentence)
        return found


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
