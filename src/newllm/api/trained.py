"""Train a run, or go on with one."""

import contextlib
import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from newllm.api.corpus_facts import corpus_facts
from newllm.api.recording_samples import Samples
from newllm.api.run_directories import claimed, standing_texts
from newllm.api.run_recording import RunRecording
from newllm.data import Corpus, offer_columns, prepare, training_batches
from newllm.errors import UserError
from newllm.messages import Message, message, read_message
from newllm.model.config import CONTEXT_BODIES
from newllm.model.language_model import LanguageModel
from newllm.plotting import draw_training_curves
from newllm.replays.run_guard import RunGuard
from newllm.trace import Summary, cut_damaged_end, load_recoveries, lost_steps, read_signal, read_trace
from newllm.trace.samples import Sample, lost_samples, read_samples
from newllm.training.budget import Budget, shortened
from newllm.training.config import RunConfig, scan_that_runs
from newllm.training.config_file import save_config
from newllm.training.configure import configure
from newllm.training.environment import differences, resolve_device, using_threads
from newllm.training.extend import extend
from newllm.training.guard import take_back
from newllm.training.journal import announce
from newllm.training.loop import Training
from newllm.training.observer import Observer
from newllm.training.pace import ClockPace, Pace, Stopwatch
from newllm.training.preparation import Preparation
from newllm.training.presets import preset as preset_of
from newllm.training.recording import Recording
from newllm.training.resolve import build_model, resolve
from newllm.training.run import RunDirectory
from newllm.training.same_texts import same_corpus
from newllm.training.schedule import Schedule
from newllm.training.schedule_file import elapsed_at, read_decisions
from newllm.training.snapshots import choose_snapshot, load_progress

_FIRST_TEXT = "bundled:moby-dick"


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run after training.

    Attributes:
        path: the run directory.
        config: the complete configuration.
        summary: how it ended.
        stopped_by: the signal that was received while it trained, "SIGINT" or "SIGTERM", None without one.
        seconds: that the clock gave this sitting, None where it ended by steps.
    """

    path: Path
    config: RunConfig
    summary: Summary
    stopped_by: str | None = None
    seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return summary.json's content and the run's path."""
        return {**self.summary.as_dict(), "run": str(self.path)}


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

    Raises:
        UserError: a mistake in the call or the texts, or the disk is full.
    """
    budget = budget or Budget()
    budget.check()
    chosen = {
        "model": {"rule": rule, "norm": norm},
        "numerics": {"device": device},
        "training": {"guard": guard},
        "seed": seed,
    }
    resolved = configure(preset, config, body, settings, _given(chosen), width)
    if texts or not resolved.data.texts:
        resolved = dataclasses.replace(resolved, data=dataclasses.replace(resolved.data, texts=texts or (_FIRST_TEXT,)))
    resolved.check()
    if (rule is not None or norm is not None) and resolved.model.body not in CONTEXT_BODIES:
        raise UserError(
            f"body '{resolved.model.body}' has no update rule and no context norm: drop --rule and --norm, "
            f"or take a body of {', '.join(CONTEXT_BODIES)}"
        )
    resolve_device(resolved.numerics.device)
    offer_columns((*resolved.data.texts, *resolved.data.validation))
    with claimed(out, _named_after(preset, resolved.data.texts)) as run:
        preparation = Preparation(time.monotonic() - budget.began)
        complete, model, corpus = begin(run, resolved, budget, preparation)
        _notice(observers, *preparation.notices(), *shortened(resolved, complete, settings))
        if complete.training.seconds:
            given = {"took": str(preparation), "seconds": complete.training.seconds}
            _notice(observers, message("notice-getting_ready", **given))
        return _go(run, complete, model, corpus, observers, budget)


def begin(
    run: RunDirectory, config: RunConfig, budget: Budget, preparation: Preparation
) -> tuple[RunConfig, LanguageModel, Corpus]:
    """Read the texts, decide what is automatic, and write what the run is; nothing is trained yet.

    Args:
        run: claimed by this process.
        config: as asked for.
        budget: how long to train.
        preparation: takes in what this costs.

    Returns:
        The complete configuration, the model at its initialisation, and the data.

    Raises:
        UserError: the texts or the configuration cannot be, or the disk is full.
    """
    announce(run, config)
    standing = standing_texts(config, run)
    with using_threads(standing.numerics.threads):
        with preparation.timing("text"):
            corpus = prepare(standing.data)
        complete, model = resolve(standing, corpus, budget, preparation)
    preparation.budget = complete.training.seconds or None
    announce(run, complete, preparation.as_dict())
    run.check_lock()
    corpus.tokenizer.save(run.tokenizer)
    run.describe(complete, {**corpus.report, "facts": corpus_facts(corpus, complete.data)})
    return complete, model, corpus


def _named_after(preset: str | None, texts: tuple[str, ...]) -> str:
    """Return what names a run: the preset that brings its own texts, else the first text."""
    return preset if preset is not None and texts == preset_of(preset).data.texts else texts[0]


def resume(
    path: str | Path, observers: Sequence[Observer] = (), guard: str | None = None, budget: Budget | None = None
) -> TrainedRun:
    """Go on with a run that was stopped, from its last snapshot, as if it had never been; or train one longer.

    Args:
        path: the run directory.
        observers: who watches.
        guard: another policy from here on, written into config.toml; None leaves the run's.
        budget: steps or tokens of the whole run, or seconds from now on: the schedule is planned anew. None trains to
            the end that was planned; a run that was trained by the clock, for the seconds that remain.

    Raises:
        UserError: there is no run, it has done as many steps already, its texts changed, its snapshot is damaged, or it
            is being trained.
    """
    budget = budget or Budget()
    budget.check()
    run = RunDirectory(Path(path))
    run.load_config()
    with run.lock():
        config = run.load_config()
        run.remove_leftovers()
        last, goes_on = run.last_step(), budget.given or _finished(run, config) is None
        if goes_on and cut_damaged_end(run.trace, -1 if last is None else last):
            _notice(observers, message("notice-trace_cut"))
        _check_schedule(run, config)
        mended = take_back(run)
        if mended is not None:
            _notice(observers, message("notice-done", what=read_message(mended.message, mended.sentence)))
        summary = _finished(run, config)
        if summary is not None and not budget.given:
            _complete(run, config, observers)
            _notice(observers, message("notice-finished", run=str(run.path)))
            return TrainedRun(run.path, config, summary)
        resolve_device(config.numerics.device)
        _notice(observers, *(message("notice-other_bits", environment=one) for one in differences(config.environment)))
        with using_threads(config.numerics.threads):
            corpus = same_corpus(run, config)
        if (come_to := run.last_step()) and run.trace.exists():
            _notice(observers, *(one.sentence for one in lost_steps(read_signal(run.trace, "loss"), come_to)))
        _notice(observers, *(one.sentence for one in lost_samples(read_samples(run.samples))))
        if guard is not None:
            config = _with_guard(run, config, guard)
        if budget.given:
            per_step = training_batches(corpus, config.data, config.seed).tokens_per_batch * config.training.accumulate
            config, notice = extend(run, config, budget, per_step)
            _notice(observers, notice)
        return _go(run, config, build_model(config), corpus, observers, budget)


def _notice(observers: Sequence[Observer], *notices: Message) -> None:
    for observer in observers:
        for notice in notices:
            observer.noticed(notice)


def _sampled(observers: Sequence[Observer], sample: Sample) -> None:
    for observer in observers:
        observer.sampled(sample)


def _finished(run: RunDirectory, config: RunConfig) -> Summary | None:
    """Return the summary of a run that has come to its end, None where there is something to go on with."""
    try:
        summary = Summary.load(run.summary)
    except UserError:
        return None  # absent or damaged: going on from the last snapshot writes it anew
    is_over = summary.step >= config.training.steps and not config.training.seconds  # else it was extended since
    return summary if summary.status == "finished" and is_over else None


def _complete(run: RunDirectory, config: RunConfig, observers: Sequence[Observer]) -> None:
    """Draw the curves of a finished run that lacks them: it was killed after its end, or the file was removed."""
    if run.curves.exists():
        return
    try:
        draw_curves(run, config, same_corpus(run, config))
    except UserError as error:
        _notice(observers, message("notice-no_curves", file=str(run.curves), error=str(error)))


def _given(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the values that are not None, parts without any left out."""
    parts = {name: _given(value) if isinstance(value, dict) else value for name, value in chosen.items()}
    return {name: value for name, value in parts.items() if value is not None and value != {}}


def _go(
    run: RunDirectory, config: RunConfig, model: Any, corpus: Corpus, observers: Sequence[Observer], budget: Budget
) -> TrainedRun:
    if scan_that_runs(config) == "sequential":
        _notice(observers, message("notice-sequential"))
    pace = _pace(run, config, observers, budget)
    with using_threads(config.numerics.threads):
        try:
            recorded = functools.partial(_recorded, run, corpus, observers)
            summary, stopped_by = run_training(run, config, model, corpus, recorded, observers, pace)
        except Exception:  # what stopped the run is what the person must hear
            with contextlib.suppress(UserError, OSError):
                draw_curves(run, config, corpus)
            raise
        draw_curves(run, config, corpus)
    return TrainedRun(run.path, run.load_config(), summary, stopped_by, pace.given)


def _check_schedule(run: RunDirectory, config: RunConfig) -> None:
    """Raise UserError where a run by the clock was not trained as its schedule says: decisions are missing in it.

    One update shows it, the last that is in a snapshot; after a guard has gone back, the last before that, for a remedy
    may have changed those behind it.
    """
    if not config.training.seconds or not run.trace.exists():
        return
    backs = [one.back for one in load_recoveries(run.recoveries) if one.back is not None]
    rates = read_signal(run.trace, "learning_rate")
    kept = rates.step <= min([run.last_step() or 0, *backs])
    if kept.any() and rates.value[kept][-1] != Schedule(config).rate(int(rates.step[kept][-1]) - 1):
        raise UserError(f"'{run.schedule}' is damaged (decisions are missing at its end): put it back as it was")


def _pace(run: RunDirectory, config: RunConfig, observers: Sequence[Observer], budget: Budget) -> Pace:
    """Return what decides when the run ends: its steps, or the clock, with what earlier sittings used of its time."""
    seconds = config.training.seconds
    if not seconds:
        return Pace()
    decisions, step = read_decisions(run.schedule), run.last_step() or 0
    used, reached, per_step = 0.0, 0, 0.0
    if decisions:
        used, per_step = elapsed_at(decisions, step), decisions[-1].pace
        losses = read_signal(run.trace, "loss").step if run.trace.exists() else ()
        reached = int(max(losses, default=0))
        _notice(observers, message("notice-remaining", left=max(0.0, seconds - used), seconds=seconds, step=step))
    elif step:
        progress = load_progress(choose_snapshot(run.snapshots, "last"))
        per_step = progress.seconds / step

    def planned(steps: int, left: float) -> None:
        for observer in observers:
            observer.planned(steps, left)

    return ClockPace(run, seconds, Stopwatch(budget.began, used), per_step, planned, reached)


def _recorded(run: RunDirectory, corpus: Corpus, observers: Sequence[Observer], config: RunConfig) -> Recording:
    samples = Samples(run.samples, config.seed, corpus.tokenizer, functools.partial(_sampled, observers))
    return RunRecording(run.recording, config, corpus.tokenizer, samples)


def run_training(
    run: RunDirectory,
    config: RunConfig,
    model: LanguageModel,
    corpus: Corpus,
    recorded: Callable[[RunConfig], Recording],
    observers: Sequence[Observer] = (),
    pace: Pace | None = None,
    *,
    snapshots: bool = True,
) -> tuple[Summary, str | None]:
    """Train, and begin anew from the step that the guard went back to, as often as it does.

    Args:
        run: locked by this process.
        config: resolved.
        model: at its initialisation.
        corpus: the data.
        recorded: makes what measures a sitting.
        observers: who watches.
        pace: what decides when the run ends; None for its steps.
        snapshots: whether they are taken on the way, see `Training`.

    Returns:
        The summary, and the signal that was received, None without one.
    """
    guard, goes_on, stopped_by = RunGuard(run, corpus, config.training.guard), False, None
    while True:
        watching = observers, recorded(config), guard, pace
        training = Training(
            run, config, model, corpus, *watching, goes_on=goes_on, stopped_by=stopped_by, snapshots=snapshots
        )
        summary, stopped_by = training.go(), training.stopped_by
        if not training.goes_back:
            return summary, stopped_by
        take_back(run)
        config = run.load_config()
        model, goes_on = build_model(config), True


def _with_guard(run: RunDirectory, config: RunConfig, guard: str) -> RunConfig:
    """Return the configuration with another policy, and write it into config.toml."""
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, guard=guard))
    config.check()
    save_config(config, run.config)
    return config


def draw_curves(run: RunDirectory, config: RunConfig, corpus: Corpus) -> None:
    """Draw training_curves.png from the trace; by epoch where an epoch is a few steps."""
    if not run.trace.is_file():
        return
    run.check_lock()
    per_epoch = training_batches(corpus, config.data, config.seed).steps_per_epoch / config.training.accumulate
    draw_training_curves(
        read_trace(run.trace),
        run.curves,
        title=_title(run, config),
        steps_per_epoch=per_epoch,
        by_epoch=config.data.format == "sentences",
        bits_per_byte_factor=_bits_per_byte_factor(corpus),
    )


def _bits_per_byte_factor(corpus: Corpus) -> float | None:
    """Return what turns validation nats per token into bits per byte, None where the tokenizer loses bytes."""
    counts = corpus.report["counts"]
    if corpus.tokenizer.token_bytes() is None or not counts["validation_bytes"]:
        return None
    return counts["validation_targets"] / counts["validation_bytes"] / math.log(2)


def _title(run: RunDirectory, config: RunConfig) -> str:
    model = config.model
    with_rule = f", rule {model.rule}" if model.body in CONTEXT_BODIES else ""
    return f"{run.path.name}: {model.body}{with_rule}, seed {config.seed}"
