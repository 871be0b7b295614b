"""Find which change of a program made its training go wrong, by running it again with some of the changes.

`newllm.record` keeps the program that trains (RUN/program.json). The program of the sound run is run again as it was,
then with the changes that the other run's program has: all, some, one. What is left is the cause, proved: it alone
makes the sound program go wrong, and all others without it do not. Trials run in a copy of the program's directory and
are stopped as soon as they have shown enough. After a stop the same command goes on (RUN/bisection.json).

  newllm bisect runs/today
  newllm bisect runs/today --against runs/yesterday --budget 1800
  newllm bisect runs/today --show
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from newllm.cli.ending import ending_on_sigterm
from newllm.cli.parser import language_of, run_named
from newllm.messages import Catalogue
from newllm.time_limit import TimeLimit

if TYPE_CHECKING:
    from newllm.bisection.result import Bisection

_BUDGET = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bisect", type=run_named, metavar="RUN", help="the recording that went wrong")
    parser.add_argument(
        "--against",
        type=run_named,
        metavar="SOUND",
        help="a recording of the same program that is known to be sound (default: the newest before it beside it in "
        "which nothing is found)",
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=_BUDGET,
        metavar="SECONDS",
        help=f"wall time from the command to its last line (default {_BUDGET:.0f})",
    )
    parser.add_argument(
        "--in", dest="inside", metavar="DIR",
        help="run trials in this directory, a copy of the program's that you made (default: copies of it, up to 1 GB)",
    )  # fmt: skip
    parser.add_argument("--show", action="store_true", help="show what was found before; nothing is run")


def run(arguments: argparse.Namespace) -> int:
    """Bisect, and show what came out."""
    words = language_of(arguments)
    if arguments.show:
        from newllm.bisection.begin import stored_bisection

        return _ended(stored_bisection(Path(arguments.bisect)), arguments, words)
    time = TimeLimit(arguments.budget, began=arguments.began)
    from newllm import api
    from newllm.cli.bisect_progress import TrialLines

    watcher = None if arguments.quiet else TrialLines(sys.stderr, words)
    with ending_on_sigterm():
        found = api.bisect(
            arguments.bisect, against=arguments.against, budget=time, inside=arguments.inside, watcher=watcher
        )
    return _ended(found, arguments, words)


def _ended(found: "Bisection", arguments: argparse.Namespace, words: Catalogue) -> int:
    _show(found, arguments, words)
    return 0 if found.is_found else 1


def _show(found: "Bisection", arguments: argparse.Namespace, words: Catalogue) -> None:
    if arguments.json:
        print(json.dumps(found.as_dict(), allow_nan=False))
        return
    from newllm.cli.bisect_page import bisection_page
    from newllm.cli.paper import PageConsole, say
    from newllm.words.plain import plain

    if arguments.quiet:
        for sentence in found.sentences():
            say(f"{plain(words.text(sentence), 2000)}\n", sys.stdout)
        return
    console = PageConsole(sys.stdout, words)
    console.show(bisection_page(found, console.paper))
