"""From what was asked to what decides every bit: the configuration with nothing automatic left in it."""

import dataclasses
import time

import torch

from newllm.data import Corpus, training_batches, validation_batches
from newllm.errors import UserError
from newllm.model.language_model import LanguageModel
from newllm.training.budget import Budget, steps_for_tokens, with_seconds, with_steps
from newllm.training.config import RunConfig
from newllm.training.environment import describe_environment, resolve_numerics
from newllm.training.evaluation import evaluate
from newllm.training.intervals import resolve_intervals
from newllm.training.probe import faster_precision, seconds_per_step


def resolve(config: RunConfig, corpus: Corpus, budget: Budget) -> tuple[RunConfig, LanguageModel]:
    """Return the complete configuration, and the model at its initialisation.

    Args:
        config: as asked for; may say "auto" and 0.
        corpus: the data, whose tokenizer gives the vocabulary.
        budget: how long to train.

    Raises:
        UserError: the configuration cannot be, or the device is not here.
    """
    started = time.perf_counter()
    config = dataclasses.replace(
        config,
        model=_with_vocabulary(config, corpus),
        numerics=resolve_numerics(config.numerics),
        environment=describe_environment(),
    )
    model = build_model(config)
    batches = training_batches(corpus, config.data, config.seed)
    if config.numerics.precision == "auto":
        precision, _ = faster_precision(model, batches, config)
        config = dataclasses.replace(config, numerics=dataclasses.replace(config.numerics, precision=precision))
    if budget.steps is not None:
        config = with_steps(config, budget.steps)
    elif budget.tokens is not None:
        per_step = batches.tokens_per_batch * config.training.accumulate
        config = with_steps(config, steps_for_tokens(budget.tokens, per_step))
    elif budget.seconds is not None:
        per_step = seconds_per_step(model, batches, config, config.numerics.precision)
        per_evaluation = _seconds_per_evaluation(model, corpus, config)
        left = budget.seconds - (time.perf_counter() - started)
        config = with_seconds(config, left, per_step, per_evaluation)
    return resolve_intervals(config), model


def build_model(config: RunConfig) -> LanguageModel:
    """Build the model of a resolved configuration, at its initialisation.

    Raises:
        UserError: there is no memory for it.
    """
    try:
        with torch.random.fork_rng():  # torch's layers draw before ours are initialised by name
            model = LanguageModel(config.model, config.seed).to(config.numerics.device)
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
            raise
        raise UserError(
            f"no memory for a model of width {config.model.width}, {config.model.layers} layers, hidden "
            f"{config.model.hidden}, vocabulary {config.model.vocabulary}: take a smaller one"
        ) from error
    model.use_scan(config.numerics.scan_backend)
    if config.training.recompute:
        model.body.recompute = True  # type: ignore[assignment]
    return model


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


def _seconds_per_evaluation(model: LanguageModel, corpus: Corpus, config: RunConfig) -> float:
    start = time.perf_counter()
    batches = validation_batches(corpus, config.data, config.training.evaluate_tokens or None)
    evaluate(model, batches, corpus.tokenizer.token_bytes(), config.numerics.precision)
    return time.perf_counter() - start
