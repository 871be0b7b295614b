"""The guard of a run of ours: sees its loss leave its trend, decides, and puts in force what was decided."""

from collections.abc import Callable

from newllm.data import Corpus
from newllm.diagnosis.onset import Onset
from newllm.diagnosis.run_facts import read_facts
from newllm.messages import Message, quoted
from newllm.replays.guard.recovery import Incident, decide
from newllm.replays.guard.remedies_in_force import RemediesInForce
from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.subjects.run_states import RunStates
from newllm.trace import Recovery, load_recoveries, read_trace
from newllm.trace.recovery import followed_by
from newllm.training.guard import Guard, commit
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
        self._remedies = RemediesInForce(())
        self._given_up: Message | None = None

    def attach(self, stepper: Stepper, step: int) -> None:
        """Put in force what was decided, in a fresh training."""
        self._remedies = RemediesInForce(load_recoveries(self._run.recoveries))
        self._remedies.attach(stepper, step)

    def restored(self, stepper: Stepper) -> None:
        """Put in force what begins at the step that was restored."""
        self._remedies.restored(stepper)

    def stepping(self, stepper: Stepper, step: int) -> Signals:
        """Put in force what begins at this step, where the run began before it."""
        return self._remedies.stepping(stepper, step)

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
