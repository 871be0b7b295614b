"""Run a study: a grid of runs with seeds and controls, and a verdict on each claim.

A study is an included one by name, or a Python file with STUDY = newllm.study.Study(...). It can be stopped and
started again: a finished run is never repeated.

  newllm study founding --quick
  newllm study founding --seeds 10 --out my-study
  newllm study founding --text my-sentences.txt
  newllm study founding --engine ray
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.cli.ending import ending_on_sigterm
from newllm.cli.engines import add_engine
from newllm.cli.parser import language_of
from newllm.errors import UserError
from newllm.extras import check_training
from newllm.files import to_json
from newllm.messages import Catalogue
from newllm.time_limit import TimeLimit

_UNFINISHED = ("failed", "worker_deaths", "waiting", "processors", "unpaired")
_PLAIN_WIDTH = 160  # of tables where there is no terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("study", nargs="?", metavar="NAME_OR_FILE", help="a study (see --list)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="output directory (default studies/NAME)")
    parser.add_argument("--seeds", type=int, metavar="N", help="number of seeds (default: as the study says)")
    parser.add_argument("--workers", type=int, metavar="W", help="runs at a time, at most (default: one per core)")
    add_engine(parser)
    parser.add_argument("--quick", action="store_true", help="a few arms and seeds: five minutes at most, no verdict")
    parser.add_argument("--text", nargs="+", metavar="FILE", help="use this text in place of the data of the study")
    parser.add_argument("--list", action="store_true", help="list the included studies")


def run(arguments: argparse.Namespace) -> int:
    """Run the study and print its tables."""
    check_training()
    from newllm.study import INCLUDED_STUDIES, load_study, run_study, with_texts

    words = language_of(arguments)
    if arguments.list:
        return _list([load_study(name) for name in INCLUDED_STUDIES], words, as_json=arguments.json)
    if arguments.study is None:
        raise UserError(f"no study named: newllm study NAME, one of {', '.join(INCLUDED_STUDIES)}, or a Python file")
    study = load_study(arguments.study)
    if arguments.text:
        study = with_texts(study, arguments.text)
    name = f"{study.name}-quick" if arguments.quick else study.name
    out = arguments.out or Path("studies") / name
    from newllm.cli.study_progress import StudyProgress

    limit = TimeLimit(study.quick_seconds if arguments.quick else math.inf, began=arguments.began)
    watcher = StudyProgress(sys.stderr, words, quiet=arguments.quiet, time=limit)
    with watcher, ending_on_sigterm():
        results = run_study(
            arguments.study,
            out,
            study=study,
            seeds=arguments.seeds,
            quick=arguments.quick,
            workers=arguments.workers,
            engine=arguments.engine,
            watcher=watcher,
            time=limit,
        )
    if arguments.json:
        unfinished = {name: results[name] for name in _UNFINISHED}
        print(to_json({"schema": 1, "study": study.name, "out": str(out), "claims": _claims(results), **unfinished}))
    else:
        _print(study.tables(results), results, out, words)
    return 1 if results["failed"] else 0


def _list(studies: Sequence[Any], words: Catalogue, *, as_json: bool) -> int:
    from newllm.words.studies import translated

    if as_json:
        print(to_json({"schema": 1, "studies": {study.name: study.title for study in studies}}))
        return 0
    for study in studies:
        title = translated(study.translations, words, study.title) or study.title
        print(f"{study.name:18}{title}")
    return 0


def _claims(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: claim[name] for name in ("id", "verdict", "arms")} for claim in results["claims"]]


def _print(tables: Sequence[Any], results: dict[str, Any], out: Path, words: Catalogue) -> None:
    from rich import box
    from rich.table import Table as Columns
    from rich.text import Text

    from newllm.cli.paper import LineConsole
    from newllm.words.studies import claims_table, own_table, remarks

    console = LineConsole(sys.stdout, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    for table in [*(own_table(table, results, words) for table in tables), claims_table(results, words)]:
        columns = Columns(
            title=Text(table.title, "table.title"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for column, name in enumerate(table.header):
            columns.add_column(Text(name), overflow="fold", no_wrap=column == 0)
        for row in table.rows:
            columns.add_row(*map(Text, row))
        console.print(columns)
    for remark in remarks(results):
        console.print(words.text(remark))
    console.print(words("study-legend"))
    console.print(words("study-results", place=str(out)))
