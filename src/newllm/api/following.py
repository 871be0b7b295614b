"""What the processes of a training do that do not lead it: compute their part of every batch, as they are told.

They read the texts, and nothing of the run: configuration, tokenizer and state come from the leader. They write
fingerprints of their weights (`recorder.ranks`) and what went wrong (`training.last_words`), where the run is on a
disk that they share with the leader.
"""

import sys
import tempfile
import traceback
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from newllm.api.begin import Begin, what_was_read
from newllm.api.recording_evaluation import EvaluationSignals
from newllm.api.recording_layers import LayerSignals
from newllm.api.run_recording import rank_numbers, sampled_every
from newllm.api.training_session import TrainedRun
from newllm.data import Corpus, load_tokenizer, prepare, tokenizer_digest, training_batches, validation_batches
from newllm.errors import UserError
from newllm.launcher import SaidError, of_rank
from newllm.model.bodies import State
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.ranks import RankWatch
from newllm.replays.guard.remedies_in_force import RemediesInForce
from newllm.training.environment import using_threads
from newllm.training.evaluation import evaluate
from newllm.training.held import Held
from newllm.training.interrupt import listening
from newllm.training.last_words import explained, write_last_words
from newllm.training.launch import check_gpu
from newllm.training.optimizer import build_optimizer
from newllm.training.part_writer import PartWriter
from newllm.training.ranks import Command, Order, Ranks
from newllm.training.resolve import build_model
from newllm.training.ring import Ring
from newllm.training.run import RunDirectory
from newllm.training.sharded_snapshots import restore_shard
from newllm.training.snapshots import Progress, Tensors, put_content, training_tensors
from newllm.training.step import Stepper, StepReport
from newllm.training.world import LostError, World


def follow(world: World) -> TrainedRun:
    """Do as the leader says until it says that all is done, and return what it trained.

    Raises:
        SaidError: another process is gone, or this one cannot read what the leader read.
    """
    assert isinstance(world, Ranks), "a process that trains alone leads"
    follower: _Follower | None = None
    with listening() as interrupt, using_threads(0):  # which puts back what it was
        while True:
            command = _listened(world, None if follower is None else follower.begin.run)
            if command.order == Order.END:
                if follower is not None:
                    follower.close()
                return command.what
            if command.order == Order.BEGIN:
                follower = _begun(world, command.what, follower)
            assert follower is not None, "the leader begins first"
            world.signal_name = interrupt.signal_name
            try:
                follower.obey(command)
            except BaseException as error:
                _end(follower.begin.run, world.rank, error)


def _begun(world: Ranks, begin: Begin, before: "_Follower | None") -> "_Follower":
    if before is not None:
        before.close()
    try:
        return _Follower(world, begin, None if before is None else before.corpus)
    except BaseException as error:
        _end(begin.run, world.rank, error)


def _listened(world: Ranks, run: Path | None) -> Command:
    try:
        return world.listen()
    except LostError as error:  # the leader says so, if it is not the leader that is gone
        _say_lost(run, world.rank, error)
        raise SaidError(str(error)) from error


def _say_lost(run: Path | None, rank: int, error: LostError) -> None:
    """Write down what was seen; say that the leader is gone or does not come, where this is the first of the others."""
    if run is not None:
        write_last_words(run, rank, error)
    if error.tells:
        why = str(error) if run is None else str(explained(error, run))
        print(f"newllm: {of_rank(rank, why)}", file=sys.stderr)


def _end(run: Path, rank: int, error: BaseException) -> NoReturn:
    """Write down why this process ends; print it where the run is not on a disk of this machine."""
    if isinstance(error, LostError):
        _say_lost(run, rank, error)
    elif not write_last_words(run, rank, error):
        print(f"newllm: rank {rank}: {traceback.format_exception_only(error)[-1].strip()}", file=sys.stderr)
    if isinstance(error, UserError):
        raise SaidError(str(error)) from error
    raise error


class _Follower:
    """One training, from where the leader began it.

    Args:
        world: this process and the others.
        begin: what the leader said.
        corpus: the data, where it was read for an earlier training of the same run.
    """

    def __init__(self, world: Ranks, begin: Begin, corpus: Corpus | None) -> None:
        self.begin, config = begin, begin.config
        check_gpu(config.numerics.device)
        torch.set_num_threads(config.numerics.threads)
        self.corpus = corpus or _same_corpus(begin, world.rank)
        self.model = build_model(config, world).train()
        if config.parallel.is_sharded:
            _check_run(begin.run, world.rank)
            world.shard(self.model, config.parallel.shard)
        self.optimizer = build_optimizer(self.model, config.optimizer, config.numerics.precision)
        batches = training_batches(self.corpus, config.data, config.seed)
        self.stepper = Stepper(self.model, self.optimizer, batches, config, world)
        self.remedies = RemediesInForce(begin.recoveries)
        self.remedies.attach(self.stepper, begin.step)
        self.stepper.carry(self._restored(world))
        self.remedies.restored(self.stepper)
        self._step, self._ring, self._writer = begin.step, Ring(world), PartWriter(world)
        self._every = sampled_every(config)
        self._token_bytes: np.ndarray | None = None
        self._watch: RankWatch | None = None
        layout = Layout(self.model)
        self._layers = LayerSignals(layout, self.optimizer) if world.sharded else None  # the leader has all of others
        if begin.run.is_dir():
            known_by = RunDirectory(begin.run).recording.name
            at, own_rows = (begin.run, known_by, begin.step), config.parallel.sequence == 1
            self._watch = RankWatch(layout, Optimizers([self.optimizer]), *at, own_rows=own_rows)
            self._watch.put(begin.step)

    def _restored(self, world: Ranks) -> State | None:
        if not world.sharded:
            return put_content(world.share({}), self.model, self.optimizer)
        return restore_shard(self.begin.snapshot, self.model, self.optimizer, world)

    def obey(self, command: Command) -> None:
        """Do what the leader does now."""
        order, step, rate, states = command
        if order == Order.CARRIED:
            self.stepper.whole_carried()
        if order == Order.EVALUATE:
            self._evaluate()
        if order == Order.ANSWER:
            self.stepper.world.lost()  # if so, the next order does not come either
        if order == Order.HOLD:
            self._ring.put(self._tensors(), Progress(step=self._step))
        if order == Order.WRITE:
            self._writer.start([(self._state(at), place) for at, place in states])
        if order == Order.WRITTEN:
            self._writer.finish()  # what went wrong the leader knows too, and says
        if order == Order.UPDATE:
            report = self._update(step, rate)
            self._step = report.step
            if self._watch is not None:
                measured = report.step % self._every == 0
                numbers = rank_numbers(report, self.stepper.world.rank, is_measured=measured)
                self._watch.note(report.step, numbers, report.drawn)
                if measured:
                    self._watch.put(report.step)

    def _update(self, step: int, rate: float) -> StepReport:
        """Do an update, and what the leader measures of all ranks together."""
        self.remedies.stepping(self.stepper, step)
        self.stepper.rate = lambda _: rate  # the leader's: a clock or a remedy may have decided it
        if self._layers is None:
            return self.stepper.update(step)
        if (step + 1) % self._every == 0:
            self._layers.begin()
            self._layers.end_outputs()  # those are the leader's alone
        report = self.stepper.update(step)
        self._layers.take(report.gradient_norm)
        return report

    def _state(self, step: int) -> Held:
        """Return this process's part of the state at a step: a copy of the present one, or one that was held."""
        if step != self._step:
            return self._ring.steps()[step]
        return self._writer.copy(self._tensors(), Progress(step))

    def _tensors(self) -> Tensors:
        """Return what of the present state is this process's to keep; nothing where the first copy's ranks do."""
        return training_tensors(self.model, self.optimizer, None) if self.stepper.world.keeps else {}

    def _evaluate(self) -> None:
        config, tokenizer = self.begin.config, self.corpus.tokenizer
        batches = validation_batches(self.corpus, config.data, config.training.evaluate_tokens or None)
        keep = EvaluationSignals(tokenizer.unknown, tokenizer.end).look
        if self._token_bytes is None:
            self._token_bytes = tokenizer.token_bytes()
        world = self.stepper.world
        evaluate(self.model, batches, self._token_bytes, config.numerics.precision, keep, world=world)

    def close(self) -> None:
        """End: what waits is written."""
        if self._watch is not None:
            self._watch.close()


def _check_run(run: Path, rank: int) -> None:
    """Raise UserError where this process cannot write its part of a snapshot."""
    if not run.is_dir():
        raise UserError(
            f"rank {rank} does not see '{run}', where every rank writes its part of a snapshot: give --out on a disk "
            "that all share, or --set parallel.mode=ddp"
        )


def _same_corpus(begin: Begin, rank: int) -> Corpus:
    """Return what the leader read, read here.

    Raises:
        UserError: a text is not here, or is another one.
    """
    config = begin.config.data
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_text(begin.tokenizer, encoding="utf-8")
        tokenizer = load_tokenizer(path)
    corpus = prepare(config, None if config.tokenizer == "bytes" else tokenizer)
    own = what_was_read(corpus)
    for name, sha256 in begin.data["texts"].items():
        if own["texts"].get(name) != sha256:
            raise UserError(f"'{name}' is another text for rank {rank} than for rank 0: give all machines the same")
    if own != begin.data or tokenizer_digest(corpus.tokenizer) != tokenizer_digest(tokenizer):
        raise UserError(
            f"rank {rank} makes other tokens of the texts than rank 0: install the same versions everywhere"
        )
    return corpus
