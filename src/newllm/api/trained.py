"""Train a run from its first step."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.api.following import follow
from newllm.api.run_directories import claim_run_directory, with_lasting_texts
from newllm.api.tracked_run import TrackedRun
from newllm.api.training_session import TrainedRun, notify, train_to_end
from newllm.data import Corpus, DataConfig, Segments, offer_columns, prepare
from newllm.data.facts import data_facts
from newllm.errors import UserError
from newllm.messages import message
from newllm.model.config import CONTEXT_BODIES
from newllm.model.language_model import LanguageModel
from newllm.training.budget import Budget, shortened
from newllm.training.config import RunConfig
from newllm.training.configure import configure
from newllm.training.environment import resolve_device, using_threads
from newllm.training.journal import announce
from newllm.training.last_words import write_launch
from newllm.training.launch import joined, with_ranks
from newllm.training.observer import Observer
from newllm.training.parallel import check_shard
from newllm.training.peers import how_many_unlike, unlike_notices
from newllm.training.preparation import Preparation
from newllm.training.presets import preset as preset_of
from newllm.training.resolve import resolve
from newllm.training.run import RunDirectory
from newllm.training.world import World

_DEFAULT_TEXT = "bundled:moby-dick"


def train(
    *texts: str,
    out: str | Path | None = None,
    preset: str | None = None,
    config: str | Path | None = None,
    body: str | None = None,
    rule: str | None = None,
    norm: str | None = None,
    width: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    budget: Budget | None = None,
    guard: str | None = None,
    settings: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    track: str | Sequence[str] | None = None,
) -> TrainedRun:
    """Train a model on texts.

    Args:
        *texts: files, directories, globs or "-"; none takes the preset's, or the bundled novel.
        out: the run directory; None makes one below `runs/`.
        preset: where the configuration begins; "small" if None.
        config: a TOML file with what differs from the preset.
        body: another body, of about as many parameters.
        rule: another update rule.
        norm: another place of the context norm.
        width: another width, and what is inside of it in proportion.
        seed: of every stream of chance.
        device: "auto", "cpu", "cuda", "mps" or any torch device.
        budget: how long; None leaves the preset's steps.
        guard: what is done when the training loss leaves its trend: "guard", "rollback-and-skip", "ask" or "off";
            None leaves the preset's, which is "off".
        settings: single values as `KEY=VALUE`, the last word on everything but what the budget decides: the
            steps, and a warm-up or evaluations that are too long for it (observers are told of those).
        observers: who watches.
        track: trackers that it is sent to: "mlflow", "tensorboard", "trackio", "wandb", or "MODULE:CLASS"; several
            with commas between them, or as a list.

    Where a launcher such as torchrun started several processes, all of them call this: they train one run together, and
    the one with rank 0 alone writes it and is watched.

    Raises:
        UserError: a mistake in the call or the texts, a tracker that cannot be used, or the disk is full.
    """
    budget = budget or Budget()
    budget.check()
    chosen = {
        "model": {"rule": rule, "norm": norm},
        "numerics": {"device": device},
        "training": {"guard": guard},
        "seed": seed,
    }
    requested = configure(preset, config, body, settings, _given(chosen), width)
    if texts or not requested.data.texts:
        requested = dataclasses.replace(
            requested, data=dataclasses.replace(requested.data, texts=texts or (_DEFAULT_TEXT,))
        )
    requested.check()
    if (rule is not None or norm is not None) and requested.model.body not in CONTEXT_BODIES:
        raise UserError(
            f"body '{requested.model.body}' has no update rule and no context norm: drop --rule and --norm, "
            f"or take a body of {', '.join(CONTEXT_BODIES)}"
        )
    resolve_device(requested.numerics.device)
    with joined(requested.numerics.device) as world:
        if world.rank > 0:
            return follow(world)
        offer_columns((*requested.data.texts, *requested.data.validation))
        place = out, _named_after(preset, requested.data.texts)
        unlike = how_many_unlike(world.unlike, resolve_device(requested.numerics.device))
        check_shard(requested.parallel, world.machines)
        requested = with_ranks(requested, 0, world.size, unlike)
        trained = _lead(world, requested, place, budget, settings, observers, track)
        world.ends(trained)
    return trained


def _lead(
    world: World,
    requested: RunConfig,
    place: tuple[str | Path | None, str],
    budget: Budget,
    settings: Sequence[str],
    observers: Sequence[Observer],
    track: str | Sequence[str] | None,
) -> TrainedRun:
    """Train; of several processes, as the one that the others follow.

    Args:
        world: the processes.
        requested: the configuration as asked for.
        place: the run directory, or None, and what one is named after.
        budget: how long.
        settings: that were asked for by name.
        observers: who watches.
        track: trackers.
    """
    with TrackedRun(track, observers) as tracked, claim_run_directory(*place) as run:
        preparation = Preparation(time.monotonic() - budget.began)
        complete, model, corpus = begin(run, requested, budget, preparation, world)
        if world.size > 1:
            write_launch(run.path)
        notify(observers, *preparation.notices(), *shortened(requested, complete, settings))
        notify(observers, *unlike_notices(world.unlike, complete.numerics.device))
        if complete.training.seconds:
            given = {"took": str(preparation), "seconds": complete.training.seconds}
            notify(observers, message("notice-getting_ready", **given))
        return train_to_end(run, complete, model, corpus, tracked.observers(run, complete), budget, world)


def begin(
    run: RunDirectory, config: RunConfig, budget: Budget, preparation: Preparation, world: World | None = None
) -> tuple[RunConfig, LanguageModel, Corpus]:
    """Read the texts, decide what is automatic, and write what the run is; nothing is trained yet.

    Args:
        run: claimed by this process.
        config: as asked for.
        budget: how long to train.
        preparation: takes in what this costs.
        world: the processes that train together; None for this one alone.

    Returns:
        The complete configuration, the model at its initialisation, and the data.

    Raises:
        UserError: the texts or the configuration cannot be, or the disk is full.
    """
    announce(run, config)
    lasting = with_lasting_texts(config, run)
    with using_threads(lasting.numerics.threads):
        with preparation.timing("text"):
            corpus = prepare(lasting.data)
        complete, model = resolve(lasting, corpus, budget, preparation, world)
    preparation.budget = complete.training.seconds or None
    announce(run, complete, preparation.as_dict())
    run.check_lock()
    corpus.tokenizer.save(run.tokenizer)
    run.describe(complete, {**corpus.report, "facts": corpus_facts(corpus, complete.data)})
    return complete, model, corpus


def corpus_facts(corpus: Corpus, config: DataConfig) -> dict[str, Any]:
    """Return the facts of a run's own data, for data.json: of what is to be predicted, not of what stands before it.

    Args:
        corpus: from `prepare`.
        config: carry and word_dropout are used.
    """
    tokenizer = corpus.tokenizer
    facts = data_facts(
        _targets(corpus.train),
        _targets(corpus.validation),
        unknown=tokenizer.unknown,
        padding=tokenizer.pad,
        shuffled=None if config.carry else True,
    )
    if facts["unknown"] and config.word_dropout:
        share = facts["unknown"]["share_in_training"]  # what is unknown already is not dropped once more
        facts["unknown"]["share_in_training"] = share + config.word_dropout * (1 - share)
    return facts


def _targets(segments: Segments) -> list[Any]:
    return [segments.tokens[start + 1 : stop] for start, stop in segments.bounds]


def _named_after(preset: str | None, texts: tuple[str, ...]) -> str:
    """Return what names a run: the preset that brings its own texts, else the first text."""
    return preset if preset is not None and texts == preset_of(preset).data.texts else texts[0]


def _given(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the values that are not None, parts without any left out."""
    parts = {name: _given(value) if isinstance(value, dict) else value for name, value in chosen.items()}
    return {name: value for name, value in parts.items() if value is not None and value != {}}
