"""Replay a run from before its loss spike with one thing changed at a time, and report what removes the spike.

First the run is replayed unchanged: if that differs from the record, nothing else is tried and the exit code is 1. A
change that removes the spike is a remedy; a cause is named only where more is shown (docs/replay-method.md). Results
go to RUN/replays, and nothing else in the run changes; after a stop the same command continues.

A recording of newllm.record has no batches and states, but keeps the program that made it: this is run again, as it was
and then with one thing changed of what its optimizer does. What came out goes to RUN/rerun.json.

  newllm replay runs/my-text
  newllm replay runs/my-text --spike 2 --budget 900
  newllm replay runs/my-text --only half-learning-rate replace-batches
  newllm replay runs/my-text --only half-learning-rate+replace-batches
  newllm replay runs/my-text --show
  newllm replay --list
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from newllm.cli.ending import ending_on_sigterm
from newllm.cli.engines import add_engine
from newllm.cli.parser import language_of, run_named
from newllm.errors import UserError
from newllm.time_limit import TimeLimit

_BUDGET = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "replay",
        nargs="?",
        type=run_named,
        metavar="RUN",
        help="a run of newllm train, or a recording of newllm.record",
    )
    parser.add_argument(
        "--spike", type=int, metavar="K", help="number of the spike, from 1 (default: the first large one)"
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=_BUDGET,
        metavar="SECONDS",
        help=f"wall time from the command to its last line (default {_BUDGET:.0f})",
    )
    parser.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="NAME",
        help="try only these interventions; NAME+NAME applies two together",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="W", help="replays at a time, at most (default: one per core)")
    add_engine(parser)
    parser.add_argument(
        "--progress-fd", type=int, metavar="N",
        help="write progress as JSON lines to file descriptor N instead of the lines for people",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the interventions; with RUN, whether each fits it")
    parser.add_argument("--show", action="store_true", help="show the newest verdict of RUN again; nothing is replayed")


def run(arguments: argparse.Namespace) -> int:
    """Replay, and show the verdict."""
    words = language_of(arguments)
    if arguments.list:
        return _list(arguments, words)
    if arguments.replay is None:
        raise UserError("no run named: newllm replay RUN, before --only, which takes every name that follows")
    from newllm.api.rerunning import is_recording

    if is_recording(arguments.replay) and not (Path(arguments.replay) / "replays").is_dir():
        return _rerun(arguments, words)
    if arguments.show:
        return _ended(_stored(arguments.replay), arguments, words)
    time = TimeLimit(arguments.budget, began=arguments.began)
    from newllm import api
    from newllm.cli.progress_lines import ProgressLines
    from newllm.cli.replay_progress import ReplayProgress

    with contextlib.ExitStack() as stack:
        if arguments.progress_fd is not None:
            watcher = ProgressLines(arguments.progress_fd)
        else:
            watcher = stack.enter_context(ReplayProgress(sys.stderr, words, quiet=arguments.quiet, time=time))
        stack.enter_context(ending_on_sigterm())
        verdict = api.replay(
            arguments.replay,
            spike=arguments.spike,
            budget=time,
            only=tuple(arguments.only),
            workers=arguments.workers,
            engine=arguments.engine,
            watcher=watcher,
        )
    return _ended(verdict, arguments, words)


def _rerun(arguments: argparse.Namespace, words: Any) -> int:
    """Run the program of a recording again, and show what came out."""
    from newllm.cli.rerun_page import RerunLines, rerun_page
    from newllm.reruns.result import read_rerun

    if arguments.show:
        found = read_rerun(Path(arguments.replay))
        if found is None:
            raise UserError(f"'{arguments.replay}' has no replay yet: newllm replay {arguments.replay} makes one")
    else:
        for name, given in (("--workers", arguments.workers), ("--progress-fd", arguments.progress_fd)):
            if given is not None:
                raise UserError(f"{name} is for runs of newllm train: '{arguments.replay}' is a recording")
        from newllm import api

        time = TimeLimit(arguments.budget, began=arguments.began)
        watcher = None if arguments.quiet else RerunLines(sys.stderr, words)
        with ending_on_sigterm():
            found = api.rerun(
                arguments.replay, spike=arguments.spike, only=tuple(arguments.only), budget=time, watcher=watcher
            )
    if arguments.json:
        print(json.dumps(found.as_dict(), allow_nan=False))
    else:
        from newllm.cli.paper import PageConsole, say
        from newllm.words.plain import plain

        if arguments.quiet:
            for sentence in found.sentences():
                say(f"{plain(words.text(sentence), 2000)}\n", sys.stdout)
        else:
            console = PageConsole(sys.stdout, words)
            console.show(rerun_page(found, console.paper))
    return 0 if found.shown is not None else 1


def _stored(run: str) -> Any:
    """Return the newest verdict of a run."""
    from newllm.report.source.files import RunFiles
    from newllm.report.source.replays import newest_verdict

    if not Path(run).is_dir():
        raise UserError(f"'{run}' is no run directory: name one of newllm train")
    files = RunFiles(Path(run))
    verdict = newest_verdict(files)
    if verdict is None:
        why = f" ({files.problems[0].sentence})" if files.problems else ""
        if (Path(run) / "recording.json").is_file() and not (Path(run) / "config.toml").is_file():
            raise UserError(f"'{run}' is a recording: the verdict on a loop is what newllm.replay(loop) returns")
        raise UserError(f"'{run}' has no verdict{why}: newllm replay {run} finds one")
    return verdict


def _ended(verdict: Any, arguments: argparse.Namespace, words: Any) -> int:
    _show(verdict, arguments, words)
    return 0 if verdict.identical else 1


def _show(verdict: Any, arguments: argparse.Namespace, words: Any) -> None:
    if arguments.json:
        print(json.dumps(verdict.as_dict(), allow_nan=False))
        return
    from newllm.cli.paper import PageConsole, say
    from newllm.cli.replay_page import verdict_page
    from newllm.words.plain import plain
    from newllm.words.verdicts import sentences_of

    if arguments.quiet:
        for sentence in sentences_of(verdict):
            say(f"{plain(words.text(sentence), 2000)}\n", sys.stdout)
        return
    console = PageConsole(sys.stdout, words)
    console.show(verdict_page(verdict, *_loss(arguments.replay, verdict.spike), console.paper))


def _loss(run: str, spike: dict[str, Any]) -> tuple[str, Any]:
    """Return the loss that spiked as the run recorded it, or its training loss."""
    from newllm.trace.readers import read_log
    from newllm.words.replays import recorded_as

    try:
        trace = read_log(Path(run))
    except UserError:  # the verdict has been reached, and its page can do without a drawing
        return "loss", None
    names = (recorded_as(str(spike.get("signal", "loss"))), "loss")
    name = next((name for name in names if len(trace.series(name).step)), "loss")
    return name, trace.series(name)


def _list(arguments: argparse.Namespace, words: Any) -> int:
    from newllm.cli.paper import PageConsole
    from newllm.cli.replay_list import as_dict, list_page, listed
    from newllm.replays.subjects.own_run import OwnRun

    found = listed(OwnRun(Path(arguments.replay)) if arguments.replay is not None else None)
    if arguments.json:
        print(json.dumps(as_dict(found), allow_nan=False))
    elif arguments.quiet:
        print("\n".join(one.name for one in found))
    else:
        PageConsole(sys.stdout, words).show(list_page(found, words))
    return 0
