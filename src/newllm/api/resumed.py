"""Go on with a run that was stopped, or train one longer."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from newllm.api.following import follow
from newllm.api.tracked_run import TrackedRun
from newllm.api.training_curves import draw_curves
from newllm.api.training_session import TrainedRun, notify, train_to_end
from newllm.data import training_batches
from newllm.errors import UserError
from newllm.messages import message, quoted
from newllm.trace import Summary, cut_damaged_end, load_recoveries, lost_steps, read_signal
from newllm.trace.samples import lost_samples, read_samples
from newllm.training.budget import Budget
from newllm.training.config import IMPORTED, RunConfig
from newllm.training.config_file import save_config
from newllm.training.environment import differences, resolve_device, using_threads
from newllm.training.extend import extend
from newllm.training.guard import take_back
from newllm.training.last_words import write_launch
from newllm.training.launch import check_gpu, joined, with_ranks
from newllm.training.observer import Observer
from newllm.training.parallel import check_shard
from newllm.training.peers import how_many_unlike, unlike_notices
from newllm.training.resolve import build_model
from newllm.training.run import RunDirectory
from newllm.training.same_texts import same_corpus
from newllm.training.schedule import Schedule
from newllm.training.world import World


def resume(
    path: str | Path,
    observers: Sequence[Observer] = (),
    guard: str | None = None,
    budget: Budget | None = None,
    track: str | Sequence[str] | None = None,
) -> TrainedRun:
    """Go on with a run that was stopped, from its last snapshot, as if it had never been; or train one longer.

    Args:
        path: the run directory.
        observers: who watches.
        guard: another policy from here on, written into config.toml; None leaves the run's.
        budget: steps or tokens of the whole run, or seconds from now on: the schedule is planned anew. None trains to
            the end that was planned; a run that was trained by the clock, for the seconds that remain.
        track: trackers that it is sent to, see `train`; None goes on with those that it had, "none" with none.

    Raises:
        UserError: there is no run, it has done as many steps already, its texts changed, its snapshot is damaged, or it
            is being trained.
    """
    budget = budget or Budget()
    budget.check()
    run = RunDirectory(Path(path))
    with joined(None) as world:
        if world.rank > 0:
            return follow(world)
        trained = _lead(world, run, observers, guard, budget, track)
        world.ends(trained)
    return trained


def _lead(
    world: World,
    run: RunDirectory,
    observers: Sequence[Observer],
    guard: str | None,
    budget: Budget,
    track: str | Sequence[str] | None,
) -> TrainedRun:
    """Go on; of several processes, as the one that the others follow."""
    if run.load_config().preset == IMPORTED:
        why = f"'{run.path}' was made by newllm import: it has weights and no text, and cannot be trained on"
        raise UserError(f"{why}; the Trainer of transformers can train what it was imported from")
    with run.lock():
        config = run.load_config()
        run.remove_leftovers()
        last, goes_on = run.last_step(), budget.given or _finished(run, config) is None
        if goes_on and cut_damaged_end(run.trace, -1 if last is None else last):
            notify(observers, message("notice-trace_cut"))
        _check_schedule(run, config)
        mended = take_back(run)
        if mended is not None:
            notify(observers, message("notice-done", what=mended.message or quoted(mended.sentence)))
        summary = _finished(run, config)
        if summary is not None and not budget.given:
            _draw_missing_curves(run, config, observers)
            notify(observers, message("notice-finished", run=str(run.path)))
            return TrainedRun(run.path, config, summary)
        resolve_device(config.numerics.device)
        notify(observers, *(message("notice-other_bits", environment=one) for one in differences(config.environment)))
        with using_threads(config.numerics.threads):
            corpus = same_corpus(run, config)
        if (come_to := run.last_step()) and run.trace.exists():
            notify(observers, *(one.sentence for one in lost_steps(read_signal(run.trace, "loss"), come_to)))
        notify(observers, *(one.sentence for one in lost_samples(read_samples(run.samples))))
        if guard is not None:
            config = _with_guard(run, config, guard)
        check_gpu(config.numerics.device)
        config = _with_ranks(run, config, world, observers)
        if budget.given:
            per_step = training_batches(corpus, config.data, config.seed).tokens_per_batch * config.training.accumulate
            config, notice = extend(run, config, budget, per_step)
            notify(observers, notice)
        if world.size > 1:
            write_launch(run.path)
        with TrackedRun(track, observers, run.path) as tracked:
            model = build_model(config, world)
            return train_to_end(run, config, model, corpus, tracked.observers(run, config), budget, world)


def _finished(run: RunDirectory, config: RunConfig) -> Summary | None:
    """Return the summary of a run that has come to its end, None where there is something to go on with."""
    try:
        summary = Summary.load(run.summary)
    except UserError:
        return None  # absent or damaged: going on from the last snapshot writes it anew
    is_over = summary.step >= config.training.steps and not config.training.seconds  # else it was extended since
    return summary if summary.status == "finished" and is_over else None


def _draw_missing_curves(run: RunDirectory, config: RunConfig, observers: Sequence[Observer]) -> None:
    """Draw the curves of a finished run that lacks them: it was killed after its end, or the file was removed."""
    if run.curves.exists():
        return
    try:
        draw_curves(run, config, same_corpus(run, config))
    except UserError as error:
        notify(observers, message("notice-no_curves", file=str(run.curves), error=str(error)))


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


def _with_guard(run: RunDirectory, config: RunConfig, guard: str) -> RunConfig:
    """Return the configuration with another policy, and write it into config.toml."""
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, guard=guard))
    config.check()
    save_config(config, run.config)
    return config


def _with_ranks(run: RunDirectory, config: RunConfig, world: World, observers: Sequence[Observer]) -> RunConfig:
    """Return the configuration for so many processes, and write it into config.toml where that changes something."""
    step, size, device = run.last_step() or 0, world.size, config.numerics.device
    before, had_unlike = config.numerics.ranks_at(step), config.numerics.unlike_at(step)
    check_shard(config.parallel, world.machines)
    changed = with_ranks(config, step, size, how_many_unlike(world.unlike, device))
    if changed != config:
        save_config(changed, run.config)
    if changed.numerics.ranks != config.numerics.ranks:
        notify(observers, message("notice-other_ranks", before=before, ranks=size, step=step))
    elif changed.numerics.sequence != config.numerics.sequence:
        pieces = {name: one.numerics.sequence_at(step) for name, one in (("before", config), ("ranks", changed))}
        notify(observers, message("notice-other_sequence", **pieces, step=step))
    elif size < before:
        notify(observers, message("notice-one_for_all_ranks", ranks=before, alike=not had_unlike))
    notify(observers, *unlike_notices(world.unlike, device))
    return changed
