"""What a check found, as a page of the terminal: what is wrong in full, then what is sound, then the rest by reason."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.checks import CheckReport, Outcome
from newllm.cli.paper import Paper
from newllm.plotting import colours
from newllm.words import checks
from newllm.words.plain import plain

_LONG = 2000  # characters of a sentence
_MARKS = {"wrong": ("✖", "x"), "sound": ("✔", "+"), "unchecked": ("○", "-")}
_COLOURS = {"wrong": colours.SPIKE, "sound": colours.CONTEXT, "unchecked": colours.MUTED}


def check_page(report: CheckReport, paper: Paper, *, brief: bool) -> Group:
    """Return the page; a brief one holds only what is wrong, a line each."""
    if brief:
        return Group(*(_line(outcome, paper) for outcome in report.wrong))
    return Group(*_page(report, paper))


def _page(report: CheckReport, paper: Paper) -> Iterator[RenderableType]:
    counts = {status: len(report.of(status)) for status in ("wrong", "sound", "unchecked")}
    heading = f"{paper.words('check')}{paper.words('terminal-colon')}{checks.tally(paper.words, report)}"
    yield Text(heading, style=f"bold {_COLOURS['wrong' if report.wrong else 'sound']}")
    for outcome in report.wrong:
        yield Text()
        yield _title(outcome, paper)
        yield Padding(Text(plain(paper.words.text(outcome.sentence), _LONG)), (0, 0, 0, 2))
        yield Padding(_advice(outcome, paper), (0, 0, 0, 2))
    if counts["sound"]:
        yield Text()
        yield _listed(report.of("sound"), paper)
    if counts["unchecked"]:
        yield Text()
        yield _unchecked(report, paper)


def _title(outcome: Outcome, paper: Paper) -> Text:
    mark = _MARKS[outcome.status][0 if paper.unicode else 1]
    style = _COLOURS[outcome.status]
    return Text.assemble((f"{mark} ", f"bold {style}"), (paper.words(f"check-{outcome.probe}"), "bold"))


def _line(outcome: Outcome, paper: Paper) -> Text:
    return _title(outcome, paper).append(f"  {plain(paper.words.text(outcome.sentence), _LONG)}")


def _advice(outcome: Outcome, paper: Paper) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, style=colours.MUTED)
    grid.add_column(overflow="fold")  # a language without blanks has no other place to break a line
    for part in ("why", "first"):
        grid.add_row(paper.words(f"terminal-check-{part}"), paper.words(f"check-{outcome.probe}.{part}"))
    return grid


def _unchecked(report: CheckReport, paper: Paper) -> Table:
    """Return a line for each reason: what would have to be given, or what the training does not have."""
    words = paper.words
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    mark = Text(_MARKS["unchecked"][0 if paper.unicode else 1], style=_COLOURS["unchecked"])
    for group in report.unchecked():
        why = Text(plain(checks.reason(words, group), _LONG), style="bold" if group.argument else colours.MUTED)
        grid.add_row(mark, why.append(checks.listed(words, group.probes), style="not bold" if group.argument else None))
    return grid


def _listed(outcomes: list[Outcome], paper: Paper) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=2, overflow="fold")
    grid.add_column(ratio=3, overflow="fold", style=colours.MUTED)
    for outcome in outcomes:
        mark = _MARKS[outcome.status][0 if paper.unicode else 1]
        said = plain(paper.words.text(outcome.sentence), _LONG)
        grid.add_row(Text(mark, style=_COLOURS[outcome.status]), paper.words(f"check-{outcome.probe}"), said)
    return grid
