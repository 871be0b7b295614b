"""A verdict as a page of the terminal: three sentences, then what they rest on.

All text comes from `newllm.words`, where what a run or an author's loop says has been made harmless.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.cli.drawn_signal import DrawnSignal
from newllm.cli.paper import LONGEST_PATH, Paper, WithPath
from newllm.cli.replay_table import INDENT, Column, Row, lay_out
from newllm.messages import Catalogue
from newllm.plotting import colours
from newllm.trace import Series, Tried, Verdict
from newllm.words import replays as said
from newllm.words.labels import cause_label
from newllm.words.numbers import duration
from newllm.words.plain import plain
from newllm.words.verdicts import missing_of, not_tried_of, sentences_of

_LONG = 2000  # characters of a sentence
_WIDE = 96  # cells from which an interval has room in the table of what was only screened
_SUSPECTS = 5
_WORTH_A_LINE = 3  # undecided changes, from where one line names them instead of a row each
_LEAST_SCREENED = 5  # rows, where fewer are decided
_SIGNS = {
    "removes": ("✔", "+", colours.CONTEXT),
    "reduces": ("▼", "v", colours.SKY),
    "delays": ("▶", ">", colours.SKY),
    "undecided": ("?", "?", colours.MUTED),
    "no effect": ("=", "=", colours.MUTED),
    "worsens": ("▲", "^", colours.VALIDATION),
    "stops learning": ("✖", "x", colours.SPIKE),
}
_REPRODUCTION_SIGNS = {  # by whether it is identical; None is not known
    True: ("✔", "+", colours.CONTEXT),
    False: ("✖", "x", colours.SPIKE),
    None: ("?", "?", colours.VALIDATION),
}


def verdict_page(verdict: Verdict, signal: str, series: Series | None, paper: Paper) -> Group:
    """Return the whole page.

    Args:
        verdict: what is shown.
        signal: name of the loss that is drawn.
        series: of the original run; None draws nothing.
        paper: what it is drawn on.
    """
    return Group(
        *_head(verdict, paper.words),
        *_ground(verdict, paper),
        *_drawing(verdict, signal, series, paper),
        *_confirmed(verdict, paper),
        *_screened(verdict, paper),
        *_legend(verdict, paper.words),
        *_cause(verdict, paper.words),
        *_foot(verdict, paper.words),
    )


def outcome(tried: Tried, paper: Paper) -> Text:
    """Return the class of an intervention with its sign; the words alone say it without colour."""
    sign, plain_sign, colour = _SIGNS[tried.effect_class]
    weight = "bold " if tried.stage == "confirmed" else ""
    name = paper.words(f"terminal-outcome-{tried.effect_class}")
    return Text(f"{sign if paper.unicode else plain_sign} {name}", style=f"{weight}{colour}")


def _head(verdict: Verdict, words: Catalogue) -> Iterator[RenderableType]:
    yield WithPath(plain(verdict.run, LONGEST_PATH), style="bold")
    yield Text()
    for sentence, style in zip(sentences_of(verdict), _styles(verdict), strict=False):
        yield Text(plain(words.text(sentence), _LONG), style=style)
    yield Text()


def _styles(verdict: Verdict) -> tuple[str, str, str]:
    """Return how the sentences look: what happened, what helps, what it was due to."""
    if not verdict.identical:
        return f"bold {colours.SPIKE}", "", ""
    removes = any(one.is_remedy for one in verdict.interventions)
    return "", f"bold {colours.CONTEXT if removes else colours.VALIDATION}", colours.CONTEXT if verdict.cause else ""


def _ground(verdict: Verdict, paper: Paper) -> Iterator[RenderableType]:
    """Say whether replays can be believed at all, and how the original does with other chance."""
    sign, plain_sign, colour = _REPRODUCTION_SIGNS[verdict.reproduction.get("identical")]
    words = paper.words
    same = Text(f"{sign if paper.unicode else plain_sign} {said.reproduction(words, verdict)}", style=f"bold {colour}")
    parts: list[tuple[str, RenderableType]] = [(words("terminal-reproduction"), same)]
    if line := said.nulls(words, verdict):
        style = colours.VALIDATION if verdict.nulls.get("depends_on_seed") else ""
        parts.append((words("terminal-nulls"), Text(line, style=style)))
    yield _pairs(parts)
    yield Text()


def _drawing(verdict: Verdict, signal: str, series: Series | None, paper: Paper) -> Iterator[RenderableType]:
    if series is None or not len(series.step):
        return
    first, last = verdict.spike.get("onset"), verdict.spike.get("end") or verdict.spike.get("peak")
    region = (float(first), float(max(first, last))) if first is not None and last is not None else None
    yield from DrawnSignal(signal, "step", region, 5, paper).draw_closer(series, paper.width, alone=5)
    yield Text()


def _confirmed(verdict: Verdict, paper: Paper) -> Iterator[RenderableType]:
    tried = [one for one in verdict.interventions if one.stage == "confirmed"]
    if not tried:
        return
    rows = [
        Row(
            plain(one.name),
            (outcome(one, paper), *_numbers(one, interval=True, p=True)),
            _details(one, paper.words),
        )
        for one in tried
    ]
    yield from _title("confirmed", tried, paper)
    yield from lay_out(_columns(paper.words, "effect", "interval", "p", "spiked", "later", "cost"), rows, paper.width)
    yield Text()


def _screened(verdict: Verdict, paper: Paper) -> Iterator[RenderableType]:
    tried = [one for one in verdict.interventions if one.stage == "screened"]
    if not tried:
        return
    undecided = [one for one in tried if one.effect_class == "undecided"]
    left = undecided[max(0, _LEAST_SCREENED - (len(tried) - len(undecided))) :]
    left = left if len(left) >= _WORTH_A_LINE else []
    interval = paper.width >= _WIDE and any(one.interval for one in tried)
    rows = [
        Row(
            plain(one.name),
            (outcome(one, paper), *_numbers(one, interval=interval, p=False), Text(f"{one.start:,}")),
        )
        for one in tried
        if one not in left
    ]
    columns = _columns(paper.words, "effect", *(["interval"] if interval else []), "spiked", "later", "cost", "from")
    yield from _title("screened", tried, paper)
    yield from lay_out(columns, rows, paper.width)
    if left:
        names = paper.words("list").join(plain(one.name) for one in left)
        yield Text(paper.words("terminal-screened_left", count=len(left), names=names), style=colours.MUTED)
    yield Text()


def _columns(words: Catalogue, *numbers: str) -> list[Column]:
    return [
        Column(words("terminal-class")),
        *(Column(words(f"terminal-{name}"), right=name != "interval") for name in numbers),
    ]


def _legend(verdict: Verdict, words: Catalogue) -> Iterator[RenderableType]:
    if verdict.interventions:
        confirmed = any(one.stage == "confirmed" for one in verdict.interventions)
        parts = [words("terminal-legend"), *([words("terminal-legend_p")] if confirmed else [])]
        yield Text(words("between_sentences").join(parts), style=colours.MUTED)
        yield Text()


def _title(stage: str, tried: Sequence[Tried], paper: Paper) -> Iterator[RenderableType]:
    least, most = min(one.n for one in tried), max(one.n for one in tried)
    about = paper.words(f"terminal-{stage}_on", least=None if least == most else least, most=most)
    yield Text.assemble((paper.words(f"terminal-{stage}"), "bold"), "  ", (about, colours.MUTED))
    yield Text(("─" if paper.unicode else "-") * paper.width, style=colours.MUTED)


def _numbers(tried: Tried, *, interval: bool, p: bool) -> tuple[Text, ...]:
    cells = [said.effect(tried), *([said.interval(tried)] if interval else []), *([said.p(tried)] if p else [])]
    return tuple(Text(cell) for cell in [*cells, said.spiked(tried), said.later(tried), said.cost(tried)])


def _details(tried: Tried, words: Catalogue) -> tuple[str, ...]:
    change, price = (plain(words.text(part(tried)), _LONG) for part in (said.change, said.price))
    parts = filter(None, (change, said.moved(words, tried), said.dampens(words, tried), said.left(words, tried)))
    return words("between_sentences").join(parts), price


def _cause(verdict: Verdict, words: Catalogue) -> Iterator[RenderableType]:
    if verdict.cause:
        name = cause_label(words, str(verdict.cause.get("name", "")))
        title = f"{words('terminal-cause')}  "
        yield Text.assemble((title, "bold"), (name, f"bold {colours.CONTEXT}"))
        yield _indented([(label, Text(text)) for label, text in said.cause(words, verdict)])
        yield Text()
        return
    if verdict.suspects:
        yield Text(words("terminal-suspects"), style="bold")
        suspects = said.suspects(words, verdict.suspects[:_SUSPECTS])
        yield _indented([(label, Text(text)) for label, text in suspects])
        yield Text()
    missing = [("-", Text(plain(words.text(one), _LONG))) for one in missing_of(verdict)]
    if missing:
        yield Text(words("replay-missing"), style="bold")
        yield _indented(missing, gap=1)
        yield Text()


def _foot(verdict: Verdict, words: Catalogue) -> Iterator[RenderableType]:
    if verdict.not_tried:
        yield Text(words("terminal-not_tried"), style="bold")
        for reason, names in not_tried_of(verdict):
            why = f"{words('terminal-colon')}{plain(words.text(reason), _LONG)}"
            line = Text.assemble(words("list").join(map(plain, names)), (why, colours.MUTED))
            yield Padding(line, (0, 0, 0, INDENT))
        yield Text()
    folder = Path(verdict.run) / "replays" / f"step-{verdict.spike.get('onset') or 0:08d}"
    is_kept, time = folder.is_dir(), duration(words, verdict.seconds)
    took = words("terminal-took_in" if is_kept else "terminal-took", time=time)
    yield WithPath(took + (plain(folder, LONGEST_PATH) if is_kept else ""), style=colours.MUTED)


def _indented(parts: Sequence[tuple[str, RenderableType]], *, gap: int = 2) -> Padding:
    return Padding(_pairs(parts, gap=gap), (0, 0, 0, INDENT))


def _pairs(parts: Sequence[tuple[str, RenderableType]], *, gap: int = 2) -> Table:
    grid = Table.grid(padding=(0, gap))
    grid.add_column(no_wrap=True, style=colours.MUTED)
    grid.add_column(overflow="fold")  # a language without blanks has no other place to break a line
    for name, part in parts:
        grid.add_row(name, part)
    return grid
