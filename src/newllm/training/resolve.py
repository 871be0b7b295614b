"""From what was asked to what decides every bit: the configuration with nothing automatic left in it."""

import contextlib
import dataclasses
import time

import torch

from newllm.data import Batches, Corpus, training_batches, trim, validation_batches
from newllm.errors import UserError
from newllm.machine import bf16_is_slow
from newllm.model.config import ModelConfig
from newllm.model.init import is_outline, outlining
from newllm.model.language_model import LanguageModel
from newllm.training.budget import Budget, steps_for_tokens, with_clock, with_steps, without_plan
from newllm.training.config import RunConfig
from newllm.training.environment import describe_environment, resolve_numerics
from newllm.training.evaluation import evaluate
from newllm.training.intervals import resolve_intervals
from newllm.training.launch import with_mode
from newllm.training.pace import Stopwatch, time_left
from newllm.training.parallel import fits
from newllm.training.precision_timing import LONGEST, PrecisionTiming, time_precisions
from newllm.training.preparation import Preparation
from newllm.training.world import World

TIMING_SHARE = 0.05  # of a budget in seconds: see precision_timing.py for what happens after it
LATE = 0.3  # of a budget in seconds: where so much is over, the machine is so busy that a timing would eat the rest


def resolve(
    config: RunConfig,
    corpus: Corpus,
    budget: Budget,
    preparation: Preparation | None = None,
    world: World | None = None,
) -> tuple[RunConfig, LanguageModel]:
    """Return the complete configuration, and the model at its initialisation.

    Args:
        config: as asked for; may say "auto" and 0.
        corpus: the data, whose tokenizer gives the vocabulary.
        budget: how long to train.
        preparation: takes in what this costs.
        world: the processes that train together; None for this one alone.

    Raises:
        UserError: the configuration cannot be, the device is not here, or no time is left.
    """
    preparation = preparation or Preparation()
    if not budget.given and config.training.seconds:  # said as a setting, or by a run that was stopped
        budget = dataclasses.replace(budget, seconds=config.training.seconds)
    config = dataclasses.replace(
        config,
        model=_with_vocabulary(config, corpus),
        numerics=resolve_numerics(config.numerics),
        environment=describe_environment(),
    )
    with preparation.timing("model"):
        model = build_model(config, world)
        # One round of its rules stands for a model that no process holds whole.
        is_timed = config.numerics.precision == "auto" or budget.seconds is not None
        timed = build_model(_one_round(config)) if is_timed and is_outline(model) else model
    batches = training_batches(corpus, config.data, config.seed)
    if config.numerics.precision == "auto":
        with preparation.timing("precision"):
            if timed is not model and not _can_time(timed, config):
                preparation.precision = PrecisionTiming("fp32", {}, 0, agreed=False)
            else:
                preparation.precision = _timed(timed, batches, config, budget, preparation)
        numerics = dataclasses.replace(config.numerics, precision=preparation.precision.chosen)
        config = dataclasses.replace(config, numerics=numerics)
    if budget.steps is not None:
        config = with_steps(config, budget.steps)
    elif budget.tokens is not None:
        per_step = batches.tokens_per_batch * config.training.accumulate
        config = with_steps(config, steps_for_tokens(budget.tokens, per_step))
    elif budget.seconds is not None:
        config = dataclasses.replace(config, training=without_plan(config.training))
        config = _by_the_clock(config, timed, corpus, budget, budget.seconds, preparation)
    return resolve_intervals(config), model


def build_model(config: RunConfig, world: World | None = None) -> LanguageModel:
    """Build the model of a resolved configuration, at its initialisation.

    Args:
        config: resolved.
        world: the processes that train together, None for this one alone. Where they shard the model it is an outline,
            whose matrices `World.shard` draws.

    Raises:
        UserError: there is no memory for it.
    """
    try:
        is_sharded = world is not None and with_mode(config, world).parallel.is_sharded
        # torch's layers draw before ours are initialised by name
        with outlining() if is_sharded else contextlib.nullcontext(), torch.random.fork_rng():
            model = LanguageModel(config.model, config.seed)
        model._apply(lambda one: one if one.is_meta else one.to(config.numerics.device))
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if not isinstance(error, MemoryError) and "memory" not in said and "size calculation overflow" not in said:
            raise
        raise _too_large(config.model) from error
    model.use_scan(config.numerics.scan_backend)
    if config.training.recompute:
        model.body.recompute = True  # type: ignore[assignment]
    return model


def _too_large(model: ModelConfig) -> UserError:
    """Return the error for a model that there is no memory for: a table that is the largest part of it is to blame."""
    tables = {"ngram_rows": (model.ngram_longest - 1) * model.ngram_rows, "positions": model.positions}
    largest = max(tables, key=lambda name: tables[name])
    # In rows of the model's width, as the tables are.
    rest = max(2 * model.vocabulary, model.layers * max(model.width, model.hidden, model.context))
    if tables[largest] > rest:
        return UserError(f"no memory for model.{largest} {getattr(model, largest)}: take a smaller one")
    return UserError(
        f"no memory for a model of width {model.width}, {model.layers} layers, hidden {model.hidden}, context "
        f"{model.context}, vocabulary {model.vocabulary}: take a smaller one"
    )


def _one_round(config: RunConfig) -> RunConfig:
    """Return the configuration with as few layers as have all of its rules."""
    rules = config.model.rule.split(",")
    return dataclasses.replace(config, model=dataclasses.replace(config.model, layers=len(rules)))


def _can_time(model: LanguageModel, config: RunConfig) -> bool:
    """Whether a process has memory for the two trainings of a model that are timed."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return fits(2 * parameters, config.numerics.device)


def _with_vocabulary(config: RunConfig, corpus: Corpus):
    size = corpus.tokenizer.vocab_size
    if config.model.vocabulary == 0:
        return dataclasses.replace(config.model, vocabulary=size)
    if config.model.vocabulary < size:
        raise UserError(
            f"model.vocabulary {config.model.vocabulary} is smaller than the tokenizer's {size}: "
            "--set model.vocabulary=0 takes the tokenizer's"
        )
    return config.model


def _timed(
    model: LanguageModel, batches: Batches, config: RunConfig, budget: Budget, preparation: Preparation
) -> PrecisionTiming:
    """Return what the timing of both precisions says, or fp32 where there is no time for it or no question.

    Raises:
        UserError: the time is over.
    """
    if config.numerics.device == "cpu" and bf16_is_slow():
        return PrecisionTiming("fp32", {}, 0, agreed=True)
    if budget.seconds is None:
        return time_precisions(model, batches, config)
    _time_left(budget.seconds, budget, preparation)
    if Stopwatch(budget.began).spent > LATE * budget.seconds:
        return PrecisionTiming("fp32", {}, 0, agreed=False)
    return time_precisions(model, batches, config, min(LONGEST, TIMING_SHARE * budget.seconds))


def _time_left(seconds: float, budget: Budget, preparation: Preparation) -> float:
    """Return the seconds that are left for the updates.

    Raises:
        UserError: none.
    """
    left = time_left(seconds, Stopwatch(budget.began))
    if left <= 0:
        raise UserError(f"--seconds {seconds:g}: getting ready took {preparation}: give more, or --steps N")
    return left


def _by_the_clock(
    config: RunConfig, model: LanguageModel, corpus: Corpus, budget: Budget, seconds: float, preparation: Preparation
) -> RunConfig:
    """Return the configuration of a run that ends when its seconds are over.

    Raises:
        UserError: getting ready took all of them.
    """
    _time_left(seconds, budget, preparation)
    with preparation.timing("compiling"):
        per_token = _seconds_per_token(model, corpus, config) * config.model.layers / model.config.layers
    return with_clock(config, seconds, _time_left(seconds, budget, preparation), per_token)


def _seconds_per_token(model: LanguageModel, corpus: Corpus, config: RunConfig) -> float:
    """Return the seconds that a token takes in an evaluation, after one that compiles."""
    batch = trim(next(iter(validation_batches(corpus, config.data, 1))))
    for _ in range(2):
        start = time.monotonic()
        evaluated = evaluate(model, [batch], corpus.tokenizer.token_bytes(), config.numerics.precision)
        took = time.monotonic() - start
    return max(took, 1e-6) / evaluated.tokens
