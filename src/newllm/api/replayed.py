"""Take a run back to before a spike, change one thing at a time, and say what that shows."""

import dataclasses
import functools
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from newllm.api.replay_lines import ReplayLines
from newllm.engines import Engine
from newllm.errors import UserError
from newllm.extras import check_training
from newllm.files import check_place
from newllm.messages import catalogue, message
from newllm.plotting.verdict import draw_verdict
from newllm.replays.session.investigate import investigate
from newllm.replays.session.request import ReplayRequest
from newllm.replays.session.store import read_verdict
from newllm.replays.session.task import Replayer
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import LocatedSpike, Original, choose_spike, read_original, record_original
from newllm.replays.subjects.own_run import OwnRun
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit
from newllm.trace import Verdict
from newllm.trace.rich import Shown
from newllm.training.snapshots import identity
from newllm.version import VERSION

BUDGET = 300.0


def _shown(verdict: Verdict, lang: str) -> Shown:
    from newllm.report.notebook import verdict_shown  # what draws takes long to load, and only a notebook needs it

    return verdict_shown(verdict, catalogue(lang))


Verdict.drawn_by(_shown)


def replay(
    what: str | os.PathLike[str] | Loop,
    *,
    spike: int | None = None,
    budget: float | TimeLimit = BUDGET,
    only: Sequence[str] = (),
    workers: int | None = None,
    engine: str = "local",
    watcher: Watcher | None = None,
    recorded: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Replay a spike and return what was shown.

    Args:
        what: the directory of a run of `newllm train`, or anyone's training as a `Loop`. Nothing in the run is changed;
            its results stand in RUN/replays/, and what has been replayed is not replayed again.
        spike: its number, from 1 in time order; None takes the first large one.
        budget: seconds for everything, from now on; of a `Loop` from where its training, which runs once, has ended.
            A `TimeLimit` runs already.
        only: names of interventions, "NAME+NAME" for two together; none takes all that fit.
        workers: of a run, how many replays run at a time, one thread each; 0 is this process, and None takes what the
            engine takes by itself: one a core of this machine, one a CPU of the Ray cluster, or four SLURM jobs. A
            `Loop` is replayed in this process.
        engine: where the replays of a run are computed: "local" in processes of this machine, "ray" or "slurm".
        watcher: told how it goes; None writes lines to standard error, and `newllm.replays.watcher.Watcher()` says
            nothing.
        recorded: of a `Loop`, a directory of `newllm.record` with the training that it stands for: the verdict says at
            which step the losses of the loop leave those of the recording, and whether the spike is there at all. If
            they do so by rounding or other random numbers alone, the results stand in its replays/, as those of a run.
        out: of a `Loop` without a recording, a new directory: its training is recorded there, and the results stand in
            its replays/. Where an earlier call has recorded the same training, its replays are not replayed again.

    Raises:
        UserError: a mistake in the call, a run that cannot be replayed, or no room.
    """
    time = budget if isinstance(budget, TimeLimit) else TimeLimit(budget)
    if workers is not None and workers < 0:
        raise UserError(f"workers {workers}: give 0 or more")
    where = None if workers == 0 and engine == "local" else Engine(engine, workers)
    if watcher is None:
        watcher = ReplayLines(sys.stderr, catalogue("en"))
    elif isinstance(what, Loop):
        for one in what.notices:  # whoever made the loop was warned of them
            watcher.noticed(one)
    if isinstance(what, Loop):
        if engine != "local":
            raise UserError(f"engine='{engine}': a newllm.Loop is replayed in this process, so leave engine= out")
        limit = time if isinstance(budget, TimeLimit) else budget
        return _replay_loop(what, spike, limit, only, watcher, recorded=_path(recorded), out=_path(out))
    if recorded is not None:
        raise UserError(f"recorded='{recorded}' is held against a newllm.Loop: '{what}' is a run and its own record")
    if out is not None:
        raise UserError(f"out='{out}' is for a newllm.Loop: the results of the run '{what}' stand in its replays/")
    return _replay_run(Path(what), spike, time, only, where, watcher)


def _replay_run(
    path: Path, number: int | None, time: TimeLimit, only: Sequence[str], engine: Engine | None, watcher: Watcher
) -> Verdict:
    check_training()  # its picture is drawn last
    check_place(path / "replays")  # before anything is said of the run
    subject = OwnRun(path)
    original = read_original(subject)
    for one in original.notices:
        watcher.noticed(one)
    spike = choose_spike(original, number)
    if engine is not None and subject.config.numerics.device.startswith("cuda"):
        engine = dataclasses.replace(engine, gpus=1)
    place = path / "replays" / f"step-{spike.onset:08d}"
    identified = {"run": identity(subject.config, subject.corpus.report["fingerprint"]), **_version(spike)}
    if subject.recoveries:  # a run that a guard has taken back since is another one
        identified["recoveries"] = [[one.number, one.back, one.remedy] for one in subject.recoveries]
    request = ReplayRequest(str(path), subject, original, spike, time, only, place, identified)
    make_subject = functools.partial(OwnRun, path.absolute())  # each worker builds its own
    verdict = investigate(request, lambda store: Replayer(make_subject, store.state), engine, watcher)
    # An earlier verdict that shows more has stayed.
    draw_verdict(read_verdict(place) or verdict, place / "verdict.png")
    return verdict


def _replay_loop(
    loop: Loop,
    number: int | None,
    budget: float | TimeLimit,
    only: Sequence[str],
    watcher: Watcher,
    *,
    recorded: Path | None,
    out: Path | None,
) -> Verdict:
    if recorded is not None and out is not None:
        raise UserError(f"recorded='{recorded}' and out='{out}': give one, the results stand in either")
    if out is not None and (out / "trace.jsonl").exists():  # of an earlier call
        recorded, out = out, None
    original = record_original(loop, watcher, recorded, out)
    spike = choose_spike(original, number)
    time = budget if isinstance(budget, TimeLimit) else TimeLimit(budget)
    directory = recorded or out
    compared = original.comparison
    if compared is not None and compared.is_another:  # what is replayed is not what stands there
        directory = None
        watcher.noticed(message("notice-loop-not_kept", path=compared.path))
    place = None if directory is None else directory / "replays" / f"step-{spike.onset:08d}"
    name = "this training" if directory is None else str(directory)
    identified = {"loop": _identity(loop, original), **_version(spike)}
    request = ReplayRequest(name, loop, original, spike, time, only, place, identified)
    return investigate(request, lambda store: Replayer(loop, store.state), None, watcher)


def _path(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)


def _identity(loop: Loop, original: Original) -> str:
    """Return a digest of what a loop's training did: another training has other losses."""
    did = [original.loss, original.gradient_norm, original.batches, [loop.seed, loop.steps, loop.clip]]
    return hashlib.sha256(repr(did).encode()).hexdigest()


def _version(spike: LocatedSpike) -> dict[str, object]:
    return {"onset": spike.onset, "peak": spike.peak, "signal": spike.signal, "newllm": VERSION}
