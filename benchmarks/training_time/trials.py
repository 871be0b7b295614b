"""One training of one arm for so many seconds, as an ordinary run directory that is not made twice.

A run that is there and finished is read; one that was stopped goes on from its last snapshot. What a budget in seconds
buys is measured once, by a probe, and written as steps into the run's config.toml. Only training counts as time: each
evaluation writes into the trace how many seconds of updates came before it (`training_seconds`).

Limits: a run whose model the configuration cannot say (no convolution, nanoGPT's shape) is a run directory like any
other, but `newllm generate` would build another model from it and refuses its weights.
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import torch

from machine import precision
from newllm.api.trained import corpus_facts
from newllm.data import Corpus, prepare, training_batches
from newllm.data.config import DataConfig
from newllm.model.language_model import LanguageModel
from newllm.trace import Summary, read_trace
from newllm.training.budget import with_steps
from newllm.training.config import NumericsConfig, OptimizerConfig, RunConfig, TrainingConfig
from newllm.training.environment import describe_environment, resolve_numerics, using_threads
from newllm.training.intervals import resolve_intervals
from newllm.training.loop import Training
from newllm.training.precision_timing import seconds_per_step
from newllm.training.recording import Recording, Signals
from newllm.training.run import RunDirectory
from search_space import Settings

EVALUATIONS, FEW_EVALUATIONS = 20, 4
"""Of a long run whose way is asked for, and of one whose end is; a trial has one at each end."""

Build = Callable[[int, int], LanguageModel]
"""From the length of a row and a seed to a model at its initialisation."""


@dataclasses.dataclass(frozen=True)
class Text:
    """What is learned.

    Args:
        name: of the text.
        texts: as `newllm train` takes them.
        validation: texts of a standard split; none holds out the last tenth in one block.
        evaluate_tokens: of its validation part that an evaluation takes, spread evenly; 0 takes all.
    """

    name: str
    texts: tuple[str, ...]
    validation: tuple[str, ...] = ()
    evaluate_tokens: int = 0

    def config(self, settings: Settings) -> DataConfig:
        """Return the data of a run."""
        return DataConfig(
            texts=self.texts, validation=self.validation, validation_blocks=1, window=settings.length,
            batch=max(1, settings.batch_tokens // settings.length),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Trial:
    """What to train.

    Args:
        arm: name of the model.
        text: what it learns.
        settings: how.
        seconds: of training.
        seed: of the run.
        evaluations: on the way and at the end, beside the one at the start.
        evaluate_tokens: validation tokens of an evaluation; 0 takes all.
    """

    arm: str
    text: Text
    settings: Settings
    seconds: float
    seed: int = 0
    evaluations: int = 1
    evaluate_tokens: int = 0


class Clock(Recording):
    """Writes the seconds of training so far beside each evaluation."""

    training: Training

    def evaluated(self, step: int) -> Signals:  # noqa: ARG002 (a recording's form)
        """Return the seconds."""
        return {"training_seconds": self.training.journal.progress.seconds}


@dataclasses.dataclass(frozen=True)
class Curve:
    """How a trial went.

    Attributes:
        seconds: of training before each evaluation.
        losses: validation loss there, nats a token.
        steps: of the whole run.
        status: of its summary.
    """

    seconds: list[float]
    losses: list[float]
    steps: int
    status: str

    @property
    def last(self) -> float:
        """The loss at the end; infinite where the run diverged."""
        return self.losses[-1] if self.status == "finished" else math.inf


def trained(trial: Trial, build: Build, place: Path) -> Curve:
    """Train, or read what is there."""
    run = RunDirectory(place)
    place.mkdir(parents=True, exist_ok=True)
    with run.lock():
        summary = Summary.load(run.summary) if run.summary.exists() and run.config.exists() else None
        if summary is None or summary.status not in ("finished", "diverged"):
            run.remove_leftovers()
            summary = _go(trial, build, run)
    if summary.status == "interrupted":  # Ctrl-C or a signal ends a run in order; it is ours as well
        raise SystemExit(f"{place.name}: {summary.message}; the same command goes on with it")
    trace = read_trace(run.trace)
    seconds, losses = (trace.series(name).value.tolist() for name in ("training_seconds", "validation_loss"))
    return Curve(seconds, losses, summary.steps, summary.status)


def _go(trial: Trial, build: Build, run: RunDirectory) -> Summary:
    corpus = prepare(trial.text.config(trial.settings))
    with torch.random.fork_rng():
        model = build(trial.settings.length, trial.seed)
    if not run.config.exists():
        config = _resolved(trial, model, corpus)
        corpus.tokenizer.save(run.tokenizer)
        run.describe(config, {**corpus.report, "facts": corpus_facts(corpus, config.data)})
    config = run.load_config()
    clock = Clock()
    with using_threads(config.numerics.threads):
        clock.training = Training(run, config, model, corpus, (), clock)
        return clock.training.go()


def _resolved(trial: Trial, model: LanguageModel, corpus: Corpus) -> RunConfig:
    """Return the configuration with the steps that the seconds buy."""
    settings = trial.settings
    config = RunConfig(
        preset="small", seed=trial.seed, model=model.config, data=trial.text.config(settings),
        optimizer=OptimizerConfig(learning_rate=settings.learning_rate),
        training=TrainingConfig(evaluate_tokens=trial.evaluate_tokens, keep=1),
        numerics=resolve_numerics(NumericsConfig(device="cpu", precision=precision())),
        environment=describe_environment(),
    )  # fmt: skip
    batches = training_batches(corpus, config.data, config.seed)
    steps = max(2, round(trial.seconds / seconds_per_step(model, batches, config, config.numerics.precision)))
    config = with_steps(config, steps)
    config = dataclasses.replace(
        config,
        optimizer=dataclasses.replace(config.optimizer, warmup=max(1, round(settings.warmup * steps))),
        training=dataclasses.replace(config.training, evaluate_every=math.ceil(steps / trial.evaluations)),
    )
    return resolve_intervals(config)
