"""A directory of several runs or logs: a line for each with what is to be said of it first, then the worst in full."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from newllm.api import Diagnosis
from newllm.cli.doctor_page import MARKS, full_page
from newllm.cli.paper import LONGEST_PATH, PageConsole, Paper, WithPath
from newllm.diagnosis.ending import lost_model
from newllm.diagnosis.run_facts import runs_in
from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.plotting import colours
from newllm.trace import SEVERITIES
from newllm.words import diagnosis as said
from newllm.words.plain import plain

_LISTED = 60  # runs or logs
_UNREAD = 8  # of what could not be read
_SAID = 300  # characters of each


def show_several(
    directory: str,
    each: Sequence[Diagnosis],
    unread: Mapping[str, str],
    words: Catalogue,
    arguments: argparse.Namespace,
) -> Diagnosis:
    """Show the diagnoses of a directory's runs or logs, and return the worst.

    Args:
        directory: as it was given.
        each: at least one.
        unread: why other files were not judged, by name.
        words: the language.
        arguments: of the command: `json` gives one object, `quiet` only a line for each that has a warning.
    """
    worst = max(each, key=_gravity)
    if arguments.json:
        content = {**worst.as_dict(), "logs": [one.as_dict() for one in each], "unread": dict(unread)}
        print(json.dumps(content, allow_nan=False))
        return worst
    console = PageConsole(sys.stdout, words)
    listed = [one for one in each if one.wrong] if arguments.quiet else each
    page: list[RenderableType] = [] if arguments.quiet else [*_head(directory, each, console.paper)]
    page += [_list(directory, listed, console.paper)] if listed else []
    if not arguments.quiet:
        page += [*_unread(unread, console.paper), Text(), full_page(worst, console.paper)]
    console.show(Group(*page))
    return worst


def _gravity(one: Diagnosis) -> tuple[int, bool, float]:
    """Return what a diagnosis is compared by: severity, whether the model is lost, how sure the first finding is."""
    gravest = said.worst(one.findings)
    severity = SEVERITIES.index(gravest) if gravest in SEVERITIES and gravest != "note" else 0
    sure = (one.findings[0].confidence or 0.0) if severity else 0.0
    return severity if one.judged else -1, lost_model(one.trace, one.facts) is not None, sure


def _head(directory: str, each: Sequence[Diagnosis], paper: Paper) -> Iterator[RenderableType]:
    yield WithPath(plain(directory, LONGEST_PATH), style="bold")
    wrong = sum(one.wrong for one in each)
    unjudged = sum(not one.judged for one in each)
    colour = colours.SEVERITIES["warning"] if wrong or unjudged else colours.CONTEXT
    kind = "runs" if runs_in(Path(directory)) else "logs"
    said_of_all = paper.words("several-logs", kind=kind, count=len(each), wrong=wrong, unjudged=unjudged)
    yield Text(said_of_all, style=f"bold {colour}")
    yield Text()


def _list(directory: str, each: Sequence[Diagnosis], paper: Paper) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_column(ratio=2, overflow="fold")
    for one in sorted(each, key=_gravity, reverse=True)[:_LISTED]:
        mark, style = _mark(one, paper)
        words = paper.words.about(text=reads_text(one.trace, one.facts))
        grid.add_row(
            Text(mark, style=style),
            Text(_name(directory, one), style="bold"),
            Text(plain(said.first_sentence(words, one.trace, one.findings, one.facts), _SAID)),
        )
    if len(each) > _LISTED:
        grid.add_row("", Text(paper.words("terminal-more", count=len(each) - _LISTED), style=colours.MUTED))
    return grid


def _unread(unread: Mapping[str, str], paper: Paper) -> Iterator[RenderableType]:
    for name, why in list(unread.items())[:_UNREAD]:
        line = paper.words("several-unread", name=plain(name), why=plain(why))
        yield Text(line, style=colours.MUTED)
    if len(unread) > _UNREAD:
        yield Text(paper.words("several-more_unread", count=len(unread) - _UNREAD), style=colours.MUTED)


def _mark(one: Diagnosis, paper: Paper) -> tuple[str, str]:
    mood = said.mood(one.trace, one.findings, one.facts)
    known = {"good": ("✔", "+"), "": ("○", "?")} | MARKS
    colour = colours.CONTEXT if mood == "good" else colours.SEVERITIES[mood] if mood else colours.MUTED
    return known[mood][0 if paper.unicode else 1], f"bold {colour}"


def _name(directory: str, one: Diagnosis) -> str:
    of = Path(directory)
    return plain(str(one.path).removeprefix(f"{of}#").removeprefix(f"{of}/"))  # of "." a run's path has no "./"
