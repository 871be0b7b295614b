"""A training session of a run: from where the run stands to its end, or until it is stopped.

`train` and `resume` prepare one. A cell of a study is trained by `run_training` alone.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from newllm.api.begin import begin_message
from newllm.api.recording_samples import Samples
from newllm.api.run_directories import say_failed
from newllm.api.run_recording import RunRecording
from newllm.api.training_curves import draw_curves
from newllm.data import Corpus
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.model.language_model import LanguageModel
from newllm.replays.guard.run_guard import RunGuard
from newllm.trace import Summary, load_recoveries, read_signal
from newllm.trace.rich import Rich, Shown
from newllm.trace.samples import Sample
from newllm.training.budget import Budget
from newllm.training.config import RunConfig, scan_that_runs
from newllm.training.config_file import save_config
from newllm.training.environment import using_threads
from newllm.training.guard import take_back
from newllm.training.last_words import explained, remove_last_words
from newllm.training.launch import with_mode, with_ranks
from newllm.training.loop import Training
from newllm.training.observer import Observer
from newllm.training.pace import ClockPace, Pace, Stopwatch
from newllm.training.peers import how_many_unlike
from newllm.training.recording import Recording
from newllm.training.resolve import build_model
from newllm.training.run import RunDirectory
from newllm.training.schedule_file import elapsed_at, read_decisions
from newllm.training.snapshots import choose_snapshot, load_progress
from newllm.training.whereabouts import remove_whereabouts
from newllm.training.world import LostError, World


@dataclasses.dataclass(frozen=True)
class TrainedRun(Rich):
    """A run after training.

    Attributes:
        path: the run directory.
        config: the complete configuration, with the mode that was decided on for several processes.
        summary: how it ended.
        stopped_by: the signal that was received while it trained, "SIGINT" or "SIGTERM", None without one.
        seconds: that the clock gave this session, None where it ended by steps.
    """

    path: Path
    config: RunConfig
    summary: Summary
    stopped_by: str | None = None
    seconds: float | None = None

    def show(self, lang: str = "en") -> Shown:
        """Return what a notebook shows of it, in a language: the run's page."""
        from newllm.api.shown import show

        return show(self.path, lang=lang)

    def as_dict(self) -> dict[str, Any]:
        """Return summary.json's content and the run's path."""
        return {**self.summary.as_dict(), "run": str(self.path)}


def train_to_end(
    run: RunDirectory,
    config: RunConfig,
    model: Any,
    corpus: Corpus,
    observers: Sequence[Observer],
    budget: Budget,
    world: World | None = None,
) -> TrainedRun:
    """Train, record what `newllm train` records, and draw the curves, also of a run that an error stops."""
    if scan_that_runs(config) == "sequential":
        notify(observers, message("notice-sequential"))
    pace = _pace(run, config, observers, budget)
    with using_threads(config.numerics.threads):
        try:
            world = world or World()
            config = with_mode(config, world)
            if config.parallel.is_sharded:
                shard = config.parallel.shard or world.size
                notify(observers, message("notice-sharded", ranks=shard, copies=world.size // shard))
            make_recording = functools.partial(_make_recording, run, corpus, observers, world.size)
            summary, stopped_by = run_training(run, config, model, corpus, make_recording, observers, pace, world)
        except Exception:  # what stopped the run is what the person must hear
            with contextlib.suppress(UserError, OSError):
                draw_curves(run, config, corpus)
            raise
        draw_curves(run, config, corpus)
    known = dataclasses.replace(run.load_config(), parallel=config.parallel)
    return TrainedRun(run.path, known, summary, stopped_by, pace.given)


def run_training(
    run: RunDirectory,
    config: RunConfig,
    model: LanguageModel,
    corpus: Corpus,
    make_recording: Callable[[RunConfig], Recording],
    observers: Sequence[Observer] = (),
    pace: Pace | None = None,
    world: World | None = None,
    *,
    snapshots: bool = True,
) -> tuple[Summary, str | None]:
    """Train, and begin anew from the step that the guard went back to, as often as it does.

    Args:
        run: locked by this process.
        config: resolved.
        model: at its initialisation.
        corpus: the data.
        make_recording: of a configuration; called anew after every roll-back.
        observers: who watches.
        pace: what decides when the run ends; None for its steps.
        world: the processes that train together, which this one leads; None for this one alone.
        snapshots: whether they are taken on the way, see `Training`.

    Returns:
        The summary, and the signal that was received, None without one.
    """
    guard, goes_on, stopped_by = RunGuard(run, corpus, config.training.guard), False, None
    remove_last_words(run.path)
    remove_whereabouts(run.path)
    while True:
        watching = observers, make_recording(config), guard, pace, world
        since = {"goes_on": goes_on, "stopped_by": stopped_by, "snapshots": snapshots}
        try:
            if world is not None and world.size > 1:
                world.begins(run.path.absolute(), begin_message(run, config, corpus, load_recoveries(run.recoveries)))
            training = Training(run, config, model, corpus, *watching, **since)
        except LostError as error:
            lost = explained(error, run.path)
            say_failed(run, lost)
            raise lost from error
        summary, stopped_by = training.go(), training.stopped_by
        if not training.goes_back:
            return summary, stopped_by
        take_back(run)
        known = run.load_config()
        together = world or World()
        unlike = how_many_unlike(together.unlike, known.numerics.device)
        changed = with_ranks(known, run.last_step() or 0, together.size, unlike)
        if changed is not known:  # the run is back before it had so many processes
            save_config(changed, run.config)
        config = dataclasses.replace(changed, parallel=config.parallel)
        model, goes_on = build_model(config, world), True


def notify(observers: Sequence[Observer], *notices: Message) -> None:
    """Tell all observers."""
    for observer in observers:
        for notice in notices:
            observer.noticed(notice)


def _pace(run: RunDirectory, config: RunConfig, observers: Sequence[Observer], budget: Budget) -> Pace:
    """Return what decides when the run ends: its steps, or the clock, with what earlier sessions used of its time."""
    seconds = config.training.seconds
    if not seconds:
        return Pace()
    decisions, step = read_decisions(run.schedule), run.last_step() or 0
    used, reached, per_step = 0.0, 0, 0.0
    if decisions:
        used, per_step = elapsed_at(decisions, step), decisions[-1].pace
        losses = read_signal(run.trace, "loss").step if run.trace.exists() else ()
        reached = int(max(losses, default=0))
        notify(observers, message("notice-remaining", left=max(0.0, seconds - used), seconds=seconds, step=step))
    elif step:
        progress = load_progress(choose_snapshot(run.snapshots, "last"))
        per_step = progress.seconds / step

    def planned(steps: int, left: float) -> None:
        for observer in observers:
            observer.planned(steps, left)

    return ClockPace(run, seconds, Stopwatch(budget.began, used), per_step, planned, reached)


def _make_recording(
    run: RunDirectory, corpus: Corpus, observers: Sequence[Observer], ranks: int, config: RunConfig
) -> Recording:
    samples = Samples(run.samples, config.seed, corpus.tokenizer, functools.partial(_sampled, observers))
    if config.parallel.is_sharded:  # a text takes the whole model, and the others have no part in it
        samples = None
    return RunRecording(run.recording, config, corpus.tokenizer, samples, ranks)


def _sampled(observers: Sequence[Observer], sample: Sample) -> None:
    for observer in observers:
        observer.sampled(sample)
