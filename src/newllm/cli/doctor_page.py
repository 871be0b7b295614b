"""A diagnosis as a page of the terminal: what was read, the verdict, and every finding with its evidence.

All text comes from `newllm.words`, where what a log says has been made harmless, and none of it is read as markup.
"""

import dataclasses
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.api import Diagnosis
from newllm.cli.drawn_signal import DrawnSignal
from newllm.cli.paper import LONGEST_PATH, Paper, WithPath
from newllm.demo import shown
from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue
from newllm.plotting import colours
from newllm.report.window import marked, plotted
from newllm.trace import Finding, Series, Trace
from newllm.trace.program import earlier_runs
from newllm.words import coverage
from newllm.words import diagnosis as said
from newllm.words.checks import wrong_line
from newllm.words.differences import in_lines
from newllm.words.labels import kind_name
from newllm.words.plain import plain

_INDENT = 2
_LONG = 2000  # characters of a sentence
_BRIEF = 18  # rows of a brief page beside its findings
_MANY = 3  # findings; of more the page ends with a list, for its beginning has left the screen
_IN_FULL = 3  # findings of one kind; of more, a line each
_LISTED = 30  # findings in that list
_LINES = 8  # of left-out notes, and of further findings of one kind
MARKS = {"fault": ("✖", "x"), "warning": ("▲", "!"), "note": ("●", "-")}
"""Of severities, where the terminal can show them and where it cannot."""
_LABELS = ("evidence", "alternative", "test", "causes")  # under a finding


def full_page(diagnosis: Diagnosis, paper: Paper) -> Group:
    """Return the whole page."""
    paper = _in_words_for(diagnosis, paper)
    return Group(*_head(diagnosis, paper), *_findings(diagnosis, paper), *_foot(diagnosis, paper))


def brief_page(diagnosis: Diagnosis, paper: Paper, rows: int) -> Group:
    """Return what fits on a screen of so many rows while a run goes on: a plot, and a line or more a finding."""
    paper = _in_words_for(diagnosis, paper)
    first = diagnosis.findings[0] if diagnosis.findings else None
    series = plotted(diagnosis.trace, first) if first else None
    plot = list(_plot(diagnosis, first, paper))[1:] if first and series else _overview(diagnosis, paper)
    room = max(1, rows - _BRIEF)
    listed = diagnosis.findings[: room if len(diagnosis.findings) <= room else room - 1]
    in_full = 3 * len(listed) <= room
    heads: list[RenderableType] = []
    for finding in listed:
        heads += [_title(diagnosis, finding, paper), *([_sentence(finding, paper)] if in_full else [])]
    if len(listed) < len(diagnosis.findings):
        more = paper.words("terminal-more", count=len(diagnosis.findings) - len(listed))
        heads.append(Text(more, style=colours.MUTED))
    return Group(*_head(diagnosis, paper, overview=False), *plot, *heads)


def finding_line(diagnosis: Diagnosis, finding: Finding, words: Catalogue) -> str:
    """Return a finding in one line."""
    words = words.about(text=reads_text(diagnosis.trace, diagnosis.facts))
    parts = (
        words(f"severity-{finding.severity}"),
        kind_name(words, finding.kind),
        said.steps(words, finding, diagnosis.trace.axis),
        plain(words.text(finding.sentence)),
    )
    return words("terminal-colon").join(filter(None, parts))


def _in_words_for(diagnosis: Diagnosis, paper: Paper) -> Paper:
    return dataclasses.replace(paper, words=paper.words.about(text=reads_text(diagnosis.trace, diagnosis.facts)))


def _head(diagnosis: Diagnosis, paper: Paper, *, overview: bool = True) -> Iterator[RenderableType]:
    words = paper.words
    yield WithPath(plain(shown(diagnosis.path), LONGEST_PATH), style="bold")
    yield Text(said.contents(words, diagnosis.trace), style=colours.MUTED)
    for line in (said.known(words, diagnosis.facts), said.numbering(words, diagnosis.trace, diagnosis.facts)):
        if line:
            yield Text(line, style=colours.MUTED)
    remarks = diagnosis.trace.remarks
    for remark in remarks[:_LINES]:
        yield Text(said.remark_line(words, remark), style=colours.VALIDATION)
    if len(remarks) > _LINES:
        yield Text(words("terminal-more_remarks", count=len(remarks) - _LINES), style=colours.VALIDATION)
    yield Text()
    yield _headline(diagnosis, words)
    if line := diagnosis.replays_show(words):
        is_shown = diagnosis.rerun is not None or (diagnosis.verdict and diagnosis.verdict.cause)
        yield Text(line, style=colours.CONTEXT if is_shown else "")
    if line := wrong_line(words, diagnosis.facts.check):
        yield Text(line, style=colours.SEVERITIES["warning"])
    yield Text()
    if overview and not diagnosis.wrong:
        yield from _overview(diagnosis, paper)


def _headline(diagnosis: Diagnosis, words: Catalogue) -> Text:
    mood = said.mood(diagnosis.trace, diagnosis.findings, diagnosis.facts)
    colour = colours.CONTEXT if mood == "good" else colours.SEVERITIES[mood or "warning"]
    return Text(said.headline(words, diagnosis.trace, diagnosis.findings, diagnosis.facts), style=f"bold {colour}")


def _foot(diagnosis: Diagnosis, paper: Paper) -> Iterator[RenderableType]:
    words = paper.words
    if len(diagnosis.findings) > _MANY:
        yield Text(words("terminal-in_short"), style="bold").append_text(_headline(diagnosis, words))
        yield from (_title(diagnosis, finding, paper) for finding in diagnosis.findings[:_LISTED])
        if len(diagnosis.findings) > _LISTED:
            more = words("terminal-more_in_json", count=len(diagnosis.findings) - _LISTED)
            yield Text(more, style=colours.MUTED)
        yield Text()
    if line := coverage.checked(words, diagnosis.trace, diagnosis.facts, diagnosis.findings):
        yield Text(line, style=colours.MUTED)
    if hint := _comparable(diagnosis, words) or _can_be_bisected(diagnosis, words):
        yield Text(hint)
    elif diagnosis.can_be_rerun:
        command = shlex.join(["newllm", "replay", shown(diagnosis.path)])
        yield Text(words("terminal-rerun", command=plain(command, 3 * LONGEST_PATH)))
    if unseen := coverage.unseen(diagnosis.trace, diagnosis.facts):
        yield Text(words.text(unseen), style=colours.MUTED)


def _comparable(diagnosis: Diagnosis, words: Catalogue) -> str:
    """Return which run a doubtful one can be held against; empty where there is none, or it was held against one.

    In all that there are something is found, or they are too short: else the newest was chosen.
    """
    if not diagnosis.wrong or diagnosis.against or not (others := earlier_runs(diagnosis.path)):
        return ""
    run, other = (plain(shlex.quote(shown(path)), LONGEST_PATH) for path in (diagnosis.path, next(iter(others))))
    return words("terminal-same_program", run=run, other=other, more=len(others) - 1)


def _can_be_bisected(diagnosis: Diagnosis, words: Catalogue) -> str:
    """Return the command that finds which change of the program is the cause; empty where no change may be it."""
    command = plain(diagnosis.bisect_command, 3 * LONGEST_PATH)
    return words("terminal-bisect", command=command) if command else ""


def _findings(diagnosis: Diagnosis, paper: Paper) -> Iterator[RenderableType]:
    shown: Counter[str] = Counter()
    drawn: set[str | None] = set()  # a signal's second plot shows the same curve: it is lower
    of_kind = Counter(finding.kind for finding in diagnosis.findings)
    for finding in diagnosis.findings:
        shown[finding.kind] += 1
        if shown[finding.kind] <= _IN_FULL:
            yield _title(diagnosis, finding, paper)
            yield _sentence(finding, paper)
            if finding.severity != "note" and finding.follows is None:
                if finding.causes:  # what is named stands before all that shows it
                    yield from _labelled([("causes", Text(said.causes(paper.words, finding)))], paper)
                yield from _plot(diagnosis, finding, paper, low=finding.signal in drawn)
                drawn.add(finding.signal)
                yield from _details(diagnosis, finding, paper)
            yield Text()
        elif shown[finding.kind] == _IN_FULL + 1:
            yield from _others(diagnosis, finding.kind, of_kind[finding.kind], paper)
            yield Text()


def _others(diagnosis: Diagnosis, kind: str, number: int, paper: Paper) -> Iterator[RenderableType]:
    """Tell the further findings of one kind in a line each, and how many are not told at all."""
    same = [finding for finding in diagnosis.findings if finding.kind == kind][_IN_FULL:]
    for finding in same[:_LINES]:
        line = _title(diagnosis, finding, paper).append(f"  {plain(paper.words.text(finding.sentence))}")
        line.truncate(paper.width, overflow="ellipsis" if paper.unicode else "crop")
        yield line
    if number > _IN_FULL + _LINES:
        count, name = number - _IN_FULL - _LINES, kind_name(paper.words, kind)
        yield Text(paper.words("terminal-more_of_kind", count=count, kind=name), style=colours.MUTED)


def _title(diagnosis: Diagnosis, finding: Finding, paper: Paper) -> Text:
    words, marks = paper.words, MARKS[finding.severity]
    mark = f"{marks[0 if paper.unicode else 1]} {words(f'severity-{finding.severity}')}"
    title = Text.assemble(
        (mark, f"bold {colours.SEVERITIES[finding.severity]}"), "  ", (kind_name(words, finding.kind), "bold")
    )
    where = said.steps(words, finding, diagnosis.trace.axis)
    for part in filter(None, (where, said.standing(words, finding))):
        title.append(f"  {part}", colours.MUTED)
    return title


def _sentence(finding: Finding, paper: Paper) -> RenderableType:
    beginning, lines = in_lines(paper.words, finding.sentence)
    said = Text(plain(beginning, _LONG))
    listed = [Padding(Text(plain(line, _LONG)), (0, 0, 0, _INDENT)) for line in lines]
    return Padding(Group(said, *listed), (0, 0, 0, _INDENT))


def _overview(diagnosis: Diagnosis, paper: Paper) -> Iterator[RenderableType]:
    """Draw the loss of a run without a finding to draw: so that one sees what was judged."""
    names = ("loss", "validation_loss", *sorted(diagnosis.trace.signals))
    name = next((name for name in names if len(diagnosis.trace.series(name).step)), None)
    if name is not None:
        behind = _behind(diagnosis, lambda trace: trace.series(name))
        plot = DrawnSignal(name, diagnosis.trace.axis, None, 5, paper, behind)
        yield from plot.draw(diagnosis.trace.series(name), paper.width)
        yield Text()


def _behind(diagnosis: Diagnosis, read: Callable[[Trace], Series | None]) -> tuple[Series, str] | None:
    """Return the curve of the sound run that the run was held against, and its name, to be drawn in grey."""
    other = next(iter(diagnosis.against), None)
    series = read(other.trace) if other else None
    return None if other is None or series is None or not len(series.step) else (series, shown(other.path))


def _plot(diagnosis: Diagnosis, finding: Finding, paper: Paper, *, low: bool = False) -> Iterator[RenderableType]:
    series = plotted(diagnosis.trace, finding)
    if series is None or finding.signal is None:
        return
    behind = _behind(diagnosis, lambda trace: plotted(trace, finding))
    plot = DrawnSignal(finding.signal, diagnosis.trace.axis, marked(finding, series), 5, paper, behind)
    rows = plot.draw_closer(series, paper.width - _INDENT, alone=3 if low else 5)
    yield Text()
    yield from (Padding(row, (0, 0, 0, _INDENT)) for row in rows)
    yield Text()


def _details(diagnosis: Diagnosis, finding: Finding, paper: Paper) -> Iterator[RenderableType]:
    words = paper.words
    parts: list[tuple[str, RenderableType]] = []
    if finding.evidence:
        room = paper.width - _INDENT - max(map(cell_len, _labels(paper).values()))
        parts.append(("evidence", _evidence(finding, room, words)))
    parts += [("alternative", Text(plain(words.text(line), _LONG))) for line in finding.alternatives]
    tests = said.would_tell(words, finding, diagnosis.trace, diagnosis.facts)
    parts += [("test", Text(plain(words.text(line), _LONG))) for line in tests]
    if not finding.causes and (causes := said.causes(words, finding)):
        parts.append(("causes", Text(causes)))
    yield from _labelled(parts, paper)


def _labels(paper: Paper) -> dict[str, str]:
    return {name: paper.words(f"terminal-{name}") for name in _LABELS}


def _labelled(parts: Sequence[tuple[str, RenderableType]], paper: Paper) -> Iterator[RenderableType]:
    """Lay out what is said under a finding, each part behind its label; of several with one label the first has it."""
    names, before = _labels(paper), ""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=max(map(cell_len, names.values())), no_wrap=True, style=colours.MUTED)
    grid.add_column(overflow="fold")  # a language without blanks has no other place to break a line
    for name, part in parts:
        grid.add_row(names[name] if name != before else "", part)
        before = name
    if parts:
        yield Padding(grid, (0, 0, 0, _INDENT))


def _evidence(finding: Finding, room: int, words: Catalogue) -> Table:
    """Lay out the numbers in as many columns as fit, names and values aligned."""
    pairs = said.evidence(words, finding)
    short = [pair for pair in pairs if sum(map(cell_len, pair)) <= room // 2]
    names, values = (max((cell_len(pair[side]) for pair in short), default=0) for side in (0, 1))
    columns = max(1, min(3, (room + 3) // (names + values + 4))) if len(short) == len(pairs) else 1
    grid = Table.grid(padding=(0, 1))
    for _ in range(columns):
        grid.add_column(no_wrap=columns > 1, style=colours.MUTED)
        grid.add_column(no_wrap=columns > 1)
    for first in range(0, len(pairs), columns):
        row = [cell for name, value in pairs[first : first + columns] for cell in (Text(name), Text(f"{value}  "))]
        grid.add_row(*row)
    return grid
