"""A diagnosis as a page of the terminal: what was read, the verdict, and every finding with its evidence.

All text comes from `newllm.report.words`, where what a log says has been made harmless, and none of it is read as
markup.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from newllm.api import Diagnosis
from newllm.cli.drawn_signal import DrawnSignal
from newllm.plotting import colours
from newllm.report import words
from newllm.report.plain import plain
from newllm.report.window import marked, plotted
from newllm.trace import Finding

LONGEST_PATH = 8192  # characters, with what is escaped in it
WIDEST = 120  # a line that is longer is hard to read
_LABEL = 13  # cells of the labels under a finding
_INDENT = 2
_BRIEF = 18  # rows of a brief page beside its findings
_MANY = 3  # findings; of more the page ends with a list, for its beginning has left the screen
_IN_FULL = 3  # findings of one kind; of more, a line each
_LISTED = 30  # findings in that list
_LINES = 8  # of left-out notes, and of further findings of one kind
_MARKS = {"fault": "✖", "warning": "▲", "note": "●"}
_ASCII_MARKS = {"fault": "x", "warning": "!", "note": "-"}


@dataclass(frozen=True)
class Paper:
    """What a page is drawn on: its width in cells, and whether braille and lines can be shown."""

    width: int
    unicode: bool


class WithPath(Text):
    """A line that names a path: in a pipe or a file it stays one line, for the program that reads it there."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Draw it."""
        if not console.is_terminal:
            options = options.update(no_wrap=True, overflow="ignore")
        yield from super().__rich_console__(console, options)


def full_page(diagnosis: Diagnosis, paper: Paper) -> Group:
    """Return the whole page."""
    return Group(*_head(diagnosis, paper), *_findings(diagnosis, paper), *_foot(diagnosis, paper))


def brief_page(diagnosis: Diagnosis, paper: Paper, rows: int) -> Group:
    """Return what fits on a screen of so many rows while a run goes on: a plot, and a line or more a finding."""
    first = diagnosis.findings[0] if diagnosis.findings else None
    series = plotted(diagnosis.trace, first) if first else None
    plot = list(_plot(diagnosis, first, paper))[1:] if first and series else _overview(diagnosis, paper)
    room = max(1, rows - _BRIEF)
    told = diagnosis.findings[: room if len(diagnosis.findings) <= room else room - 1]
    in_full = 3 * len(told) <= room
    heads: list[RenderableType] = []
    for finding in told:
        heads += [_title(diagnosis, finding, paper), *([_sentence(finding)] if in_full else [])]
    if len(told) < len(diagnosis.findings):
        heads.append(Text(f"{len(diagnosis.findings) - len(told):,} more", style=colours.MUTED))
    return Group(*_head(diagnosis, paper, overview=False), *plot, *heads)


def finding_line(diagnosis: Diagnosis, finding: Finding) -> str:
    """Return a finding in one line."""
    where = words.place(finding, diagnosis.trace.axis)
    return ": ".join(part for part in (finding.severity, plain(finding.kind), where, plain(finding.sentence)) if part)


def _head(diagnosis: Diagnosis, paper: Paper, *, overview: bool = True) -> Iterator[RenderableType]:
    yield WithPath(plain(diagnosis.path, LONGEST_PATH), style="bold")
    yield Text(words.contents(diagnosis.trace), style=colours.MUTED)
    if line := words.known(diagnosis.facts):
        yield Text(line, style=colours.MUTED)
    remarks = diagnosis.trace.remarks
    for remark in remarks[:_LINES]:
        yield Text(words.remark(remark), style=colours.VALIDATION)
    if len(remarks) > _LINES:
        yield Text(f"{len(remarks) - _LINES:,} more such notes: --json has all", style=colours.VALIDATION)
    yield Text()
    worst = words.worst(diagnosis.findings)
    colour = colours.CONTEXT if worst in (None, "note") else colours.SEVERITIES[worst]
    colour = colour if diagnosis.judged else colours.SEVERITIES["warning"]
    yield Text(words.verdict(diagnosis.trace, diagnosis.findings), style=f"bold {colour}")
    yield Text()
    if overview and not diagnosis.wrong:
        yield from _overview(diagnosis, paper)


def _foot(diagnosis: Diagnosis, paper: Paper) -> Iterator[RenderableType]:
    if len(diagnosis.findings) > _MANY:
        yield Text(f"In short: {words.verdict(diagnosis.trace, diagnosis.findings)}", style="bold")
        yield from (_title(diagnosis, finding, paper) for finding in diagnosis.findings[:_LISTED])
        if len(diagnosis.findings) > _LISTED:
            yield Text(f"{len(diagnosis.findings) - _LISTED:,} more: --json has all", style=colours.MUTED)
        yield Text()
    if line := words.unseen(diagnosis.trace, diagnosis.facts):
        yield Text(str(line), style=colours.MUTED)


def _findings(diagnosis: Diagnosis, paper: Paper) -> Iterator[RenderableType]:
    told: Counter[str] = Counter()
    drawn: set[str | None] = set()  # a signal's second plot shows the same curve: it is lower
    of_kind = Counter(finding.kind for finding in diagnosis.findings)
    for finding in diagnosis.findings:
        told[finding.kind] += 1
        if told[finding.kind] <= _IN_FULL:
            yield _title(diagnosis, finding, paper)
            yield _sentence(finding)
            if finding.severity != "note":
                yield from _plot(diagnosis, finding, paper, low=finding.signal in drawn)
                drawn.add(finding.signal)
                yield from _details(finding, paper)
            yield Text()
        elif told[finding.kind] == _IN_FULL + 1:
            yield from _others(diagnosis, finding.kind, of_kind[finding.kind], paper)
            yield Text()


def _others(diagnosis: Diagnosis, kind: str, number: int, paper: Paper) -> Iterator[RenderableType]:
    """Tell the further findings of one kind in a line each, and how many are not told at all."""
    same = [finding for finding in diagnosis.findings if finding.kind == kind][_IN_FULL:]
    for finding in same[:_LINES]:
        line = _title(diagnosis, finding, paper).append(f"  {plain(finding.sentence)}")
        line.truncate(paper.width, overflow="ellipsis" if paper.unicode else "crop")
        yield line
    if number > _IN_FULL + _LINES:
        yield Text(f"{number - _IN_FULL - _LINES:,} more of {plain(kind)}: --json has all", style=colours.MUTED)


def _title(diagnosis: Diagnosis, finding: Finding, paper: Paper) -> Text:
    marks = _MARKS if paper.unicode else _ASCII_MARKS
    colour = colours.SEVERITIES[finding.severity]
    where = words.place(finding, diagnosis.trace.axis)
    title = Text.assemble(
        (f"{marks[finding.severity]} {finding.severity}", f"bold {colour}"), "  ", (plain(finding.kind), "bold")
    )
    for part in filter(None, (where, words.sureness(finding))):
        title.append(f"  {part}", colours.MUTED)
    return title


def _sentence(finding: Finding) -> RenderableType:
    return Padding(Text(plain(finding.sentence, 2000)), (0, 0, 0, _INDENT))


def _overview(diagnosis: Diagnosis, paper: Paper) -> Iterator[RenderableType]:
    """Draw the loss of a run without a finding to draw: so that one sees what was judged."""
    names = ("loss", "validation_loss", *sorted(diagnosis.trace.signals))
    name = next((name for name in names if len(diagnosis.trace.series(name).step)), None)
    if name is not None:
        plot = DrawnSignal(name, diagnosis.trace.axis, None, 5, paper.unicode)
        yield from plot.draw(diagnosis.trace.series(name), paper.width)
        yield Text()


def _plot(diagnosis: Diagnosis, finding: Finding, paper: Paper, *, low: bool = False) -> Iterator[RenderableType]:
    series = plotted(diagnosis.trace, finding)
    if series is None or finding.signal is None:
        return
    stretch, room = marked(finding, series), paper.width - _INDENT
    plot = DrawnSignal(finding.signal, diagnosis.trace.axis, stretch, 5, paper.unicode)
    yield Text()
    yield from (Padding(row, (0, 0, 0, _INDENT)) for row in plot.draw_closer(series, room, alone=3 if low else 5))
    yield Text()


def _details(finding: Finding, paper: Paper) -> Iterator[RenderableType]:
    room = paper.width - _INDENT
    parts: list[tuple[str, RenderableType]] = []
    if finding.evidence:
        parts.append(("evidence", _evidence(finding, room - _LABEL)))
    parts += [("could also be", Text(plain(line, 2000))) for line in finding.alternatives]
    if finding.test:
        parts.append(("to tell apart", Text(plain(finding.test, 2000))))
    if finding.candidate_causes:
        parts.append(("may be due to", Text(", ".join(plain(cause) for cause in finding.candidate_causes))))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_LABEL, no_wrap=True, style=colours.MUTED)
    grid.add_column()
    said = ""
    for name, part in parts:
        grid.add_row(name if name != said else "", part)
        said = name
    if parts:
        yield Padding(grid, (0, 0, 0, _INDENT))


def _evidence(finding: Finding, room: int) -> Table:
    """Lay out the numbers in as many columns as fit, names and values aligned."""
    pairs = words.evidence(finding)
    short = [pair for pair in pairs if len(pair[0]) + len(pair[1]) <= room // 2]
    names, values = (max((len(pair[side]) for pair in short), default=0) for side in (0, 1))
    columns = max(1, min(3, (room + 3) // (names + values + 4))) if len(short) == len(pairs) else 1
    grid = Table.grid(padding=(0, 1))
    for _ in range(columns):
        grid.add_column(no_wrap=columns > 1, style=colours.MUTED)
        grid.add_column(no_wrap=columns > 1)
    for first in range(0, len(pairs), columns):
        row = [cell for name, value in pairs[first : first + columns] for cell in (Text(name), Text(f"{value}  "))]
        grid.add_row(*row)
    return grid
