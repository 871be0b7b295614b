"""A verdict as a page of the terminal: three sentences, then what they rest on.

All text comes from `newllm.report.verdict_words`, where what a run or an author's loop says has been made harmless.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.cli.doctor_page import LONGEST_PATH, Paper, WithPath
from newllm.cli.drawn_signal import DrawnSignal
from newllm.cli.replay_table import INDENT, Column, Row, lay_out
from newllm.messages import catalogue
from newllm.plotting import colours
from newllm.report import verdict_words as words
from newllm.report.plain import plain
from newllm.report.words import count
from newllm.trace import Series, Tried, Verdict
from newllm.words.verdicts import missing_of, not_tried_of

EN = catalogue("en")
_LONG = 2000  # characters of a sentence
_WIDE = 96  # cells from which an interval has room in the table of what was only screened
_SUSPECTS = 5
_SIGNS = {
    "removes": ("✔", "+", colours.CONTEXT),
    "reduces": ("▼", "v", colours.SKY),
    "delays": ("▶", ">", colours.SKY),
    "undecided": ("?", "?", colours.MUTED),
    "no effect": ("=", "=", colours.MUTED),
    "worsens": ("▲", "^", colours.VALIDATION),
    "stops learning": ("✖", "x", colours.SPIKE),
}
_NULL_SIGNS = {  # by whether it is identical; None is not known
    True: ("✔", "+", colours.CONTEXT),
    False: ("✖", "x", colours.SPIKE),
    None: ("?", "?", colours.VALIDATION),
}
_LEGEND = (
    "effect: share of the spike's severity that is gone, with its 95 % interval. spiked: replays with a spike, of how "
    "many. later: the spike's onset by that of the null. cost: nats behind the null at the end of its steps."
)
_P = " p: one-sided exact sign flips, corrected for several by Holm."


def verdict_page(verdict: Verdict, signal: str, series: Series | None, paper: Paper) -> Group:
    """Return the whole page.

    Args:
        verdict: what is shown.
        signal: name of the loss that is drawn.
        series: of the original run; None draws nothing.
        paper: what it is drawn on.
    """
    return Group(
        *_head(verdict),
        *_ground(verdict, paper),
        *_drawing(verdict, signal, series, paper),
        *_confirmed(verdict, paper),
        *_screened(verdict, paper),
        *_legend(verdict),
        *_cause(verdict),
        *_foot(verdict),
    )


def outcome(tried: Tried, *, unicode: bool) -> Text:
    """Return the class of an intervention with its sign; the words alone say it without colour."""
    sign, plain_sign, colour = _SIGNS[tried.outcome]
    weight = "bold " if tried.stage == "confirmed" else ""
    return Text(f"{sign if unicode else plain_sign} {tried.outcome}", style=f"{weight}{colour}")


def _head(verdict: Verdict) -> Iterator[RenderableType]:
    yield WithPath(plain(verdict.run, LONGEST_PATH), style="bold")
    yield Text()
    for sentence, style in zip(verdict.sentences, _styles(verdict), strict=False):
        yield Text(plain(sentence, 2000), style=style)
    yield Text()


def _styles(verdict: Verdict) -> tuple[str, str, str]:
    """Return how the sentences look: what happened, what helps, what it was due to."""
    if not verdict.identical:
        return f"bold {colours.SPIKE}", "", ""
    removes = any(one.outcome == "removes" and one.stage == "confirmed" for one in verdict.interventions)
    return "", f"bold {colours.CONTEXT if removes else colours.VALIDATION}", colours.CONTEXT if verdict.cause else ""


def _ground(verdict: Verdict, paper: Paper) -> Iterator[RenderableType]:
    """Say whether replays can be believed at all, and how the original does with other chance."""
    sign, plain_sign, colour = _NULL_SIGNS[verdict.null.get("identical")]
    said = Text(f"{sign if paper.unicode else plain_sign} {words.null(EN, verdict)}", style=f"bold {colour}")
    parts: list[tuple[str, RenderableType]] = [("null replay", said)]
    if line := words.nulls(EN, verdict):
        style = colours.VALIDATION if verdict.nulls.get("depends_on_seed") else ""
        parts.append(("null replays", Text(line, style=style)))
    yield _pairs(parts)
    yield Text()


def _drawing(verdict: Verdict, signal: str, series: Series | None, paper: Paper) -> Iterator[RenderableType]:
    if series is None or not len(series.step):
        return
    first, last = verdict.spike.get("onset"), verdict.spike.get("end") or verdict.spike.get("peak")
    stretch = (float(first), float(max(first, last))) if first is not None and last is not None else None
    yield from DrawnSignal(signal, "step", stretch, 5, paper.unicode).draw_closer(series, paper.width, alone=5)
    yield Text()


def _confirmed(verdict: Verdict, paper: Paper) -> Iterator[RenderableType]:
    tried = [one for one in verdict.interventions if one.stage == "confirmed"]
    if not tried:
        return
    columns = [
        Column("class"), Column("effect", right=True), Column("95 %"), Column("p", right=True),
        Column("spiked", right=True), Column("later", right=True), Column("cost", right=True),
    ]  # fmt: skip
    rows = [
        Row(
            plain(one.name), (outcome(one, unicode=paper.unicode), *_numbers(one, interval=True, p=True)), _details(one)
        )
        for one in tried
    ]
    yield from _title("Confirmed", f"on {_seeds(tried, 'fresh seed')} each", paper)
    yield from lay_out(columns, rows, paper.width)
    yield Text()


def _screened(verdict: Verdict, paper: Paper) -> Iterator[RenderableType]:
    tried = [one for one in verdict.interventions if one.stage == "screened"]
    if not tried:
        return
    interval = paper.width >= _WIDE and any(one.interval for one in tried)
    columns = [
        Column("class"), Column("effect", right=True), *([Column("95 %")] if interval else []),
        Column("spiked", right=True), Column("later", right=True), Column("cost", right=True),
        Column("from", right=True),
    ]  # fmt: skip
    rows = [
        Row(
            plain(one.name),
            (outcome(one, unicode=paper.unicode), *_numbers(one, interval=interval, p=False), Text(f"{one.start:,}")),
        )
        for one in tried
    ]
    yield from _title("Screened only", f"on {_seeds(tried, 'seed')} each: nothing is claimed from these", paper)
    yield from lay_out(columns, rows, paper.width)
    yield Text()


def _legend(verdict: Verdict) -> Iterator[RenderableType]:
    if verdict.interventions:
        confirmed = any(one.stage == "confirmed" for one in verdict.interventions)
        yield Text(_LEGEND + (_P if confirmed else ""), style=colours.MUTED)
        yield Text()


def _title(name: str, about: str, paper: Paper) -> Iterator[RenderableType]:
    yield Text.assemble((name, "bold"), "  ", (about, colours.MUTED))
    yield Text(("─" if paper.unicode else "-") * paper.width, style=colours.MUTED)


def _seeds(tried: Sequence[Tried], noun: str) -> str:
    least, most = min(one.n for one in tried), max(one.n for one in tried)
    return count(most, noun) if least == most else f"{least} to {count(most, noun)}"


def _numbers(one: Tried, *, interval: bool, p: bool) -> tuple[Text, ...]:
    cells = [words.effect(one), *([words.interval(one)] if interval else []), *([words.p(one)] if p else [])]
    return tuple(Text(cell) for cell in [*cells, words.spiked(one), words.later(one), words.cost(one)])


def _details(one: Tried) -> tuple[str, ...]:
    change, price = (plain(said(one), _LONG) for said in (words.change, words.price))
    return " ".join(filter(None, (change, words.moved(EN, one), words.left(EN, one)))), price


def _cause(verdict: Verdict) -> Iterator[RenderableType]:
    if verdict.cause:
        name = plain(verdict.cause.get("name", ""))
        yield Text.assemble(("Cause  ", "bold"), (name, f"bold {colours.CONTEXT}"))
        yield Padding(_pairs([(label, Text(text)) for label, text in words.cause(EN, verdict)]), (0, 0, 0, INDENT))
        yield Text()
        return
    if verdict.suspects:
        yield Text("Suspects", style="bold")
        told = words.suspects(EN, verdict.suspects[:_SUSPECTS])
        yield Padding(_pairs([(label, Text(text)) for label, text in told]), (0, 0, 0, INDENT))
        yield Text()
    told = [("-", Text(plain(one, _LONG))) for one in missing_of(verdict)]
    if told:
        yield Text("Missing for a cause", style="bold")
        yield Padding(_pairs(told, gap=1), (0, 0, 0, INDENT))
        yield Text()


def _foot(verdict: Verdict) -> Iterator[RenderableType]:
    if verdict.not_tried:
        yield Text("Not tried", style="bold")
        for reason, names in not_tried_of(verdict):
            listed = ", ".join(map(plain, names))
            yield Padding(Text.assemble(listed, (f": {plain(reason, _LONG)}", colours.MUTED)), (0, 0, 0, INDENT))
        yield Text()
    place = Path(verdict.run) / "replays" / f"step-{verdict.spike.get('onset') or 0:08d}"
    kept = f"; all of it is in {place}" if place.is_dir() else ""
    took = f"it took {words.seconds(verdict.seconds)}{plain(kept, LONGEST_PATH)}"
    yield WithPath(took, style=colours.MUTED)


def _pairs(parts: Sequence[tuple[str, RenderableType]], *, gap: int = 2) -> Table:
    grid = Table.grid(padding=(0, gap))
    grid.add_column(no_wrap=True, style=colours.MUTED)
    grid.add_column()
    for name, part in parts:
        grid.add_row(name, part)
    return grid
