"""Write a report: one HTML file that anyone can open, offline, on a phone too.

It shows a run, a study, or a log that another tool wrote: verdict, curves, findings, layers, the context, replays, data
and configuration. Several runs share one page that begins with their comparison. A run that is still training, or is
damaged, is shown as far as it can be read. What is found of a run is what newllm doctor says: a recording is held
against an earlier one of its program; --against names another, and --alone none.

  newllm report runs/my-text
  newllm report metrics.csv --out page.html
  newllm report runs/new --against runs/last-week
  newllm report runs/a runs/b runs/c --lang ja

With --zip the report, the trace, the configuration and the verdicts of a run are packed for an issue, without weights,
tokenizer and texts; of paths the last part stays.

  newllm report --zip runs/my-text
"""

import argparse
import functools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm.cli.doctor import add_column_arguments, add_sound_arguments, check_sound, intent_of
from newllm.cli.parser import language_of, run_named
from newllm.cli.unread import print_problems
from newllm.demo import is_demo
from newllm.errors import UserError

SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "runs",
        type=run_named,
        metavar="RUN_OR_LOG",
        nargs="+",
        help="a run directory, a log file or a directory of logs",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file of the page (default: RUN/report.html; for a log LOG.report.html, for several runs report.html)",
    )
    parser.add_argument(
        "--zip",
        action="store_true",
        help="pack report, trace and configuration for an issue: RUN.newllm.zip here, for several runs runs.newllm.zip",
    )
    add_sound_arguments(parser)
    add_column_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the runs, and write the page."""
    from newllm.files import write_bytes
    from newllm.report.source.study import is_study

    words = language_of(arguments)
    check_sound(arguments)
    if arguments.against and (arguments.zip or len(arguments.runs) > 1):
        raise UserError("--against is for the page of one run: several are held against the first of them")
    if arguments.zip:
        from newllm.cli.report_zip import write_zip

        return write_zip(arguments, words)
    if arguments.out is not None:
        _check_free(arguments.out)
    studies = [path for path in arguments.runs if is_study(path)]
    made = _of_study(studies[0], arguments, words) if studies else _of_runs(arguments, words)
    write_bytes(made.path, made.content)
    _print(made, arguments, words)
    return 0


@dataclass(frozen=True)
class _Page:
    """What is written.

    Attributes:
        path: of the file.
        content: of it.
        read: what was read: run, how many findings, problems as messages.
    """

    path: Path
    content: bytes
    read: list[dict[str, Any]]


def _of_runs(arguments: argparse.Namespace, words: Any) -> _Page:
    from newllm.api.held_source import held_source
    from newllm.diagnosis.intent import Intent
    from newllm.diagnosis.roles import chosen_columns
    from newllm.report.page import report_page
    from newllm.report.source import read_source

    given = intent_of(arguments)
    chosen, roles = chosen_columns(arguments.loss, arguments.step, given["roles"])
    intent = Intent(given["kind"], roles, given["notes"])
    read = functools.partial(read_source, chosen=chosen, intent=intent)
    sources = [*map(read, arguments.runs)]
    if len(sources) == 1 and not arguments.alone:
        sources = [held_source(sources[0], read, arguments.against)]
    if chosen and all(one.own for one in sources):
        raise UserError(f"{chosen.options}: there is no log whose columns it names: a run of newllm needs no names")
    path = arguments.out or _default_path(sources)
    _check_free(path)
    told = [
        {
            "run": os.fspath(one.path),
            "findings": len(one.findings),
            "problems": [problem.sentence for problem in one.problems],
        }
        for one in sources
    ]
    return _Page(path, report_page(sources, words).encode(), told)


def _of_study(path: str, arguments: argparse.Namespace, words: Any) -> _Page:
    from newllm.report.page import study_page
    from newllm.report.source.study import read_study

    if len(arguments.runs) > 1:
        raise UserError(f"'{path}' is a study, which has a page of its own: give it alone")
    study = read_study(path)
    page = arguments.out or _inside(study.path)
    _check_free(page)
    read = [{"run": os.fspath(study.path), "findings": 0, "problems": study.problems}]
    return _Page(page, study_page(study, words).encode(), read)


def _default_path(sources: Sequence[Any]) -> Path:
    """Return where the page goes where nothing was said: into the one run of ours, beside no other log's, else here."""
    if len(sources) > 1:
        return Path("report.html")
    one = sources[0]
    return _inside(one.path) if one.own else Path(f"{Path(one.name).stem}.report.html")


def _inside(directory: Path) -> Path:
    """Return the page's place in a run or a study; of the demo, which is read-only, here."""
    return Path(f"{directory.name}.report.html") if is_demo(directory) else directory / "report.html"


def _check_free(path: Path) -> None:
    from newllm.cli.page_file import check_free
    from newllm.report.document import PAGE_NAME

    check_free(path, PAGE_NAME, "report", "--out")


def _print(made: _Page, arguments: argparse.Namespace, words: Any) -> None:
    """Say where the page is and how large, and what could not be read."""
    size = len(made.content)
    if arguments.json:
        read = [one | {"problems": list(map(str, one["problems"]))} for one in made.read]
        print(json.dumps({"schema": SCHEMA, "page": os.fspath(made.path), "bytes": size, "runs": read}))
        return
    if arguments.quiet:
        return
    from newllm.words.numbers import file_size
    from newllm.words.plain import plain

    for one in made.read:
        print_problems(one["run"], one["problems"], words)
    print(words("page-written", file=plain(made.path), size=file_size(size)))
