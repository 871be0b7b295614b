"""Write a report: one HTML file that anyone can open, offline, on a phone too.

It shows a run directory, or a log that another system wrote: verdict, curves, findings, layers, the context, replays,
data and configuration. Several runs share one page, their comparison first. A run that goes on, or is damaged, is
shown as far as it is known.

  newllm report runs/my-text
  newllm report metrics.csv --out page.html
  newllm report runs/a runs/b runs/c --lang ja
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.errors import UserError

SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "runs", metavar="RUN_OR_LOG", nargs="+", help="a run directory, a log file or a directory of logs"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page (default: RUN/report.html, or report.html)")
    parser.add_argument("--lang", default="en", metavar="LANG", help="language of the page: en or ja (default: en)")


def run(arguments: argparse.Namespace) -> int:
    """Read the runs, and write the page."""
    from newllm.files import write_bytes
    from newllm.report.language import language
    from newllm.report.page import report_page
    from newllm.report.source import read_source

    words = language(arguments.lang)
    if arguments.out is not None:
        _check_free(arguments.out)
    sources = [read_source(path) for path in arguments.runs]
    place = arguments.out or _place(sources)
    _check_free(place)
    page = report_page(sources, words).encode()
    write_bytes(place, page)
    _tell(place, len(page), sources, arguments)
    return 0


def _place(sources: Sequence[Any]) -> Path:
    """Return where the page goes where nothing was said: into the one run of ours, else here."""
    return sources[0].path / "report.html" if len(sources) == 1 and sources[0].own else Path("report.html")


def _check_free(place: Path) -> None:
    """Refuse to write over anything but a report, before the work is done."""
    from newllm.files import writing

    with writing(place):
        if not place.parent.is_dir():
            raise UserError(f"'{place}' cannot be written: there is no directory '{place.parent}', make it first")
        if os.path.lexists(place) and not _is_a_report(place):
            raise UserError(f"'{place}' exists and is no page of newllm report: choose another --out, or move it away")


def _is_a_report(place: Path) -> bool:
    from newllm.report.page import PAGE_NAME

    if not place.is_file():
        return False
    with place.open("rb") as file:
        return PAGE_NAME.encode() in file.read(200)


def _tell(place: Path, size: int, sources: Sequence[Any], arguments: argparse.Namespace) -> None:
    """Say where the page is and how large, and what could not be read."""
    if arguments.json:
        runs = [
            {"run": os.fspath(one.path), "findings": len(one.findings), "problems": list(one.problems)}
            for one in sources
        ]
        print(json.dumps({"schema": SCHEMA, "page": os.fspath(place), "bytes": size, "runs": runs}))
        return
    from newllm.report.plain import plain

    for one in sources if not arguments.quiet else ():
        for problem in one.problems:
            print(f"newllm: note: {plain(one.path)}: {plain(problem, 2000)}", file=sys.stderr)
    if not arguments.quiet:
        print(f"{plain(place)} ({_size(size)})")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
