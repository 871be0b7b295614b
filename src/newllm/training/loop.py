"""The training loop: update, evaluate, snapshot, until the steps are done or somebody says stop.

Of several processes that train together the leader runs it, and the others follow (`newllm.api.following`).
"""

import contextlib
import functools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from newllm.data import Batch, Corpus, tokenizer_digest, training_batches, validation_batches
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.messages import Message, message, quoted
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.trace import Summary
from newllm.trace.summary import Status
from newllm.training.config import RunConfig, scan_that_runs
from newllm.training.evaluation import Evaluation, evaluate
from newllm.training.guard import Guard, summarise_recoveries
from newllm.training.interrupt import Interrupt, listening
from newllm.training.journal import Journal, restore
from newllm.training.last_words import explained
from newllm.training.observer import Observer
from newllm.training.optimizer import build_optimizer
from newllm.training.pace import Pace
from newllm.training.recording import Recording, Signals
from newllm.training.ring import ring_every
from newllm.training.run import RunDirectory
from newllm.training.sharded_snapshots import restore_shard
from newllm.training.snapshot_writer import SnapshotWriter
from newllm.training.snapshots import (
    Progress,
    Tensors,
    choose_snapshot,
    identity,
    load_model,
    load_progress,
    load_training_state,
    prune_snapshots,
    refuse_broken,
    training_content,
    training_tensors,
    write_snapshot,
)
from newllm.training.spike_keeper import SpikeKeeper
from newllm.training.step import Stepper, StepReport
from newllm.training.world import LostError, World


class _StoppedError(Exception):
    """Somebody asked to stop while remedies were replayed."""


class Training:
    """One run, from its start or from its last snapshot.

    Args:
        run: where it writes; locked by the caller.
        config: resolved: nothing in it is "auto" any more.
        model: at its initialisation; the run's last snapshot replaces the weights.
        corpus: the data.
        observers: who watches.
        recording: what measures, and adds signals to the trace; None for nothing beside the loop's own.
        guard: what may take the run back; None for nothing that does.
        pace: what decides when the run ends; None for its steps.
        world: the processes that train together, which this one leads; None for this one alone.
        goes_on: observers have been told of the start: this is the same call, after the run was taken back.
        stopped_by: the signal that was received before that, and that this training is to obey.
        snapshots: whether snapshots are taken on the way. Without them there is one only where the run is stopped
            before its end: it goes on from there, and a replay begins at step 0.

    Attributes:
        goes_back: the guard has written down that the run is taken back: `take_back` does it, and a fresh Training of
            the same run goes on from there.
        stopped_by: the signal that was received, "SIGINT" or "SIGTERM"; None where none was.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: RunConfig,
        model: LanguageModel,
        corpus: Corpus,
        observers: Sequence[Observer] = (),
        recording: Recording | None = None,
        guard: Guard | None = None,
        pace: Pace | None = None,
        world: World | None = None,
        *,
        goes_on: bool = False,
        stopped_by: str | None = None,
        snapshots: bool = True,
    ) -> None:
        self.run, self.config, self.model, self.corpus, self.observers = run, config, model, corpus, observers
        self.recording, self.guard, self.pace = recording or Recording(), guard or Guard(), pace or Pace()
        self.goes_on, self.goes_back = goes_on, False
        self.stopped_by, self.snapshots = stopped_by, snapshots
        if world is not None and config.parallel.is_sharded:
            world.shard(model, config.parallel.shard)
        self.optimizer = build_optimizer(model, config.optimizer, config.numerics.precision)
        batches = training_batches(corpus, config.data, config.seed)
        self.stepper = Stepper(model, self.optimizer, batches, config, world)
        self.world = self.stepper.world
        self.schedule = self.stepper.schedule
        self.stepper.on_batch, self.stepper.after_first_part = (
            self.recording.training_batch,
            self.recording.first_part_done,
        )
        self.token_bytes = corpus.tokenizer.token_bytes()
        self.guard.attach(self.stepper, run.last_step() or 0)
        progress = self._restore()
        self.stepper.carry(self.stepper.carried)
        self.guard.restored(self.stepper)
        summary = Summary(
            steps=config.training.steps,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            scan_backend=scan_that_runs(config),
            precision=config.numerics.precision,
            device=config.numerics.device,
            ranks=config.numerics.ranks_at(progress.step),
            step=progress.step,
            recoveries=summarise_recoveries(run),
        )
        restore(summary, run, progress)
        self.journal = Journal(run, summary, progress, self._tell_row)
        tell = self.journal.sync, self._tell_notice
        self.writer = SnapshotWriter(self.world, run.snapshots)
        self.keeper = SpikeKeeper(run.snapshots, run.trace, ring_every(config), *tell, self.world, self.writer)

    def go(self) -> Summary:
        """Train to the end and return the summary, whose status says how it ended.

        Raises:
            UserError: a file cannot be written; the run stays resumable from its last snapshot.
        """
        try:
            with contextlib.closing(self.journal), contextlib.closing(self.keeper), contextlib.closing(self.writer):
                self._tell_start()
                with listening(self.stopped_by) as interrupt, torch.random.fork_rng():
                    # Without a snapshot the evaluation of step 0 comes again, and what it wrote.
                    done = -1 if self.run.last_step() is None else self.journal.progress.step
                    self.recording.started(self.model, self.optimizer, done)
                    self.model.train()
                    try:
                        self._train(interrupt)
                    except LostError as error:
                        raise explained(error, self.run.path) from error
                    finally:
                        self.recording.ended()
                    self.stopped_by = interrupt.signal_name
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            self._tell_end()
        return self.journal.summary

    def _train(self, interrupt: Interrupt) -> None:
        progress = self.journal.progress
        if self.run.last_step() is None and not self.goes_on:  # the snapshot of step 0 comes after its evaluation
            with self.pace.pausing(evaluation=True):
                self._evaluate()
                if self.snapshots:
                    self._save()
        why = self.guard.given_up()
        if why is not None:
            self._end("interrupted", why, snapshot=False)
            return
        self.pace.begins(self.schedule, progress.step)
        while progress.step < self.schedule.steps:
            interrupt.hear(self.world.asked_to_stop)
            if interrupt:
                self._save_last("interrupted")  # before anything is waited for
                self._end("interrupted", self._stopped("ended-stopped", interrupt, step=progress.step))
                return
            start = time.perf_counter()
            self.recording.stepping(progress.step)
            self.journal.mark(self.guard.stepping(self.stepper, progress.step))
            report = self.stepper.update(progress.step)
            signals = self.recording.stepped(report)
            self.journal.stepped(report, time.perf_counter() - start, signals)  # moves progress on to the next step
            self._tell_step(report)
            onset = self.keeper.see("loss", report.step, report.loss if report.finite else math.nan)
            if onset is not None:
                self._tell_onset(onset)
            if onset is not None and self.guard.watches:
                with self.pace.pausing(evaluation=False):
                    ends_here = self._ask_guard(onset, interrupt)
                if ends_here:
                    return
            if not report.finite:
                numbers = {"loss": str(report.loss), "norm": str(report.gradient_norm)}
                self._end("diverged", message("ended-not_finite", step=report.step, **numbers), snapshot=False)
                return
            self._after_update(progress)
        self._end("finished", None)

    def _after_update(self, progress: Progress) -> None:
        """Decide how many updates there will be, evaluate and save where it is time to, and hold a state."""
        self.writer.passed()
        for notice in self.pace.passed(progress.step):
            self._tell_notice(notice)
        self.journal.summary.steps = self.schedule.steps
        self._evaluate_and_save()
        if self.snapshots and progress.step % self.keeper.every == 0:
            self.keeper.hold(self._tensors(), progress)

    def _ask_guard(self, onset: Onset, interrupt: Interrupt) -> bool:
        """Let the guard decide about an onset; return whether this training ends here: taken back, or stopped."""
        self.keeper.close()  # the states before it are on the disk by then
        self.journal.sync()
        try:
            found = self.guard.decide(onset, lambda: self._tick(interrupt))
        except _StoppedError:
            self._end("interrupted", self._stopped("ended-stopped_in_replays", interrupt), snapshot=False)
            return True
        if found is None:
            return False
        said = found.message or quoted(found.sentence)
        self._tell_notice(said)
        self.journal.summary.recoveries = summarise_recoveries(self.run)
        if found.action == "asked":
            self._end("interrupted", message("ended-asked", sentence=said), snapshot=False)
        self.goes_back = found.back is not None
        return self.goes_back or found.action == "asked"

    def _tick(self, interrupt: Interrupt) -> None:
        self.journal.beat()
        self.world.busy()
        if interrupt:
            raise _StoppedError

    def _evaluate_and_save(self) -> None:
        """Evaluate and save where the step asks for it; the best is always saved."""
        step, every = self.journal.progress.step, self.config.training.snapshot_every
        evaluating = self.schedule.evaluates(step)
        saving = step % every == 0 if every else evaluating
        if not (evaluating or saving):
            return
        with self.pace.pausing(evaluation=evaluating):
            is_best = evaluating and self._evaluate()
            if self.snapshots and (is_best or saving):
                self._save()

    def _evaluate(self) -> bool:
        limit = self.config.training.evaluate_tokens or None
        batches = self._with_heartbeats(validation_batches(self.corpus, self.config.data, limit))
        precision, recording = self.config.numerics.precision, self.recording
        self.world.evaluates()
        with recording.evaluating():
            hooks = recording.evaluation_batch, recording.evaluation_seen
            evaluation = evaluate(self.model, batches, self.token_bytes, precision, *hooks, self.world)
        best = self.journal.evaluated(evaluation, recording.evaluated(self.journal.progress.step))
        self._tell_evaluation(evaluation, best=best)
        self.keeper.see("validation_loss", self.journal.progress.step, evaluation.loss)
        return best

    def _with_heartbeats(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches of an evaluation, which may last for minutes, and say between them that the run lives."""
        for batch in batches:
            self.journal.beat()
            yield batch

    def _tensors(self) -> Tensors:
        return training_tensors(self.model, self.optimizer, self.stepper.whole_carried())

    def _save(self) -> None:
        progress = self.journal.progress
        self.journal.sync()  # first the rows: a resumed run begins behind them
        best = progress.best["step"] if progress.best else None
        prune = functools.partial(prune_snapshots, self.run.snapshots, self.config.training.keep, best)
        if self.world.sharded:
            self.writer.save(self._tensors(), progress, prune)
            return
        write_snapshot(self.run.snapshots, self._tensors(), progress)
        prune()

    def _restore(self) -> Progress:
        own = identity(self.config, self.corpus.report["fingerprint"])
        tokenizer = tokenizer_digest(self.corpus.tokenizer)
        refuse_broken(self.run.snapshots)
        place = None if self.run.last_step() is None else choose_snapshot(self.run.snapshots, "last")
        self.stepper.carried = self._restore_tensors(place)
        if place is None:
            return Progress(identity=own, tokenizer=tokenizer)
        progress = load_progress(place)
        if progress.identity != own:
            raise UserError(
                f"snapshot '{place}' belongs to another run: seed, model, data or optimizer are not those of "
                f"'{self.run.config}': remove it to go on"
            )
        progress.tokenizer = tokenizer  # snapshots from before it was written down have none
        return progress

    def _restore_tensors(self, place: Path | None) -> State | None:
        """Put the tensors of a snapshot, if there is one, into the model and the optimizer of every process."""
        if self.world.sharded:
            return restore_shard(place, self.model, self.optimizer, self.world)
        carried = None
        if place is not None:
            load_model(place, self.model)
            carried = load_training_state(place, self.model, self.optimizer)
        self.world.share(training_content(self.model, self.optimizer, carried))
        return carried

    def _stopped(self, which: str, interrupt: Interrupt, **numbers: int) -> Message:
        """Return why it ends: a launcher sends SIGTERM to all where one of them is gone."""
        lost, signal = self.world.lost(), interrupt.signal_name
        if lost is None:
            return message(which, signal=signal, **numbers)
        return message(f"{which}_lost", signal=signal, **numbers, lost=lost.why)

    def _save_last(self, status: Status) -> None:
        self.writer.wait()
        if (self.snapshots or status == "interrupted") and self.run.last_step() != self.journal.progress.step:
            self._save()

    def _end(self, status: Status, why: Message | None, *, snapshot: bool = True) -> None:
        self.writer.wait()
        if snapshot:
            self._save_last(status)
        self.keeper.close()
        if status == "finished":
            self.pace.finished()
        self.journal.summary.ended(status, why)
        self.journal.save()

    def _fail(self, error: BaseException) -> None:
        """Say in the summary why the run stopped, as far as the disk still takes it."""
        summary = self.journal.summary
        summary.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        summary.message = str(error) or type(error).__name__
        try:
            self.journal.save()
        except (UserError, OSError):
            return  # the disk that stopped the run does not take the summary either; the error itself is raised

    def _tell_start(self) -> None:
        if self.goes_on:
            return
        for observer in self.observers:
            observer.started(self.journal.summary.as_dict())
            if self.journal.progress.step:
                observer.resumed(self.keeper.past)

    def _tell_notice(self, notice: Message) -> None:
        for observer in self.observers:
            observer.noticed(notice)

    def _tell_step(self, report: StepReport) -> None:
        for observer in self.observers:
            observer.stepped(report)

    def _tell_row(self, step: int, signals: Signals) -> None:
        for observer in self.observers:
            observer.recorded(step, signals)

    def _tell_onset(self, onset: Onset) -> None:
        for observer in self.observers:
            observer.left_trend(onset)

    def _tell_evaluation(self, evaluation: Evaluation, *, best: bool) -> None:
        for observer in self.observers:
            observer.evaluated(self.journal.progress.step, evaluation, best=best)

    def _tell_end(self) -> None:
        if self.goes_back:
            return
        for observer in self.observers:
            observer.ended(self.journal.summary.as_dict())
