"""What can be tried on a run: every intervention by kind, what it tests, what it costs, and whether it fits."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.plotting import colours
from newllm.replays.interventions import INTERVENTIONS, Intervention
from newllm.replays.subject import Subject
from newllm.report.plain import plain
from newllm.words.verdicts import Part, change

_INDENT = 2


@dataclass(frozen=True)
class Listed:
    """One intervention as it is listed.

    Attributes:
        name: to be given to --only.
        kind: where it acts.
        change: what it does.
        hypothesis: what must be true if it removes the spike.
        price: what it costs if it is kept.
        from_start: whether it is replayed from step 0 only.
        fits: whether it can be tried on the run; None where no run was given.
        why_not: the reason, "" where it fits.
    """

    name: str
    kind: str
    change: str
    hypothesis: str
    price: str
    from_start: bool
    fits: bool | None
    why_not: str


def listed(subject: Subject | None) -> list[Listed]:
    """Return every intervention, kinds together.

    Args:
        subject: whose replays they would be; None says nothing of fitting.
    """
    kinds = list(dict.fromkeys(one.kind for one in INTERVENTIONS.values()))
    return [_listed(one, subject) for kind in kinds for one in INTERVENTIONS.values() if one.kind == kind]


def as_dict(found: list[Listed]) -> dict[str, Any]:
    """Return the list as plain data."""
    return {"schema": 1, "interventions": [dataclasses.asdict(one) for one in found]}


def list_page(found: list[Listed]) -> Group:
    """Return the list as a page: those of a kind under its heading."""
    return Group(*_lines(found))


def table(interventions: Mapping[str, Intervention] = INTERVENTIONS) -> str:
    """Return the table of docs/replay.md, in Markdown."""
    rows = [
        f"| `{one.name}` | {one.kind} | {one.change} | {one.hypothesis} | {one.price} | "
        f"{'0' if one.from_start else 'both'} |"
        for one in (_listed(each, None) for each in interventions.values())
    ]
    head = [
        "| intervention | kind | change | if it removes the spike | if it is kept | from |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _listed(one: Intervention, subject: Subject | None) -> Listed:
    misfit = None if subject is None else one.misfit(subject)
    fits = None if subject is None else misfit is None
    parts: tuple[Part, ...] = ("what", "hypothesis", "price")
    what, hypothesis, price = (str(change(part, [one.name], {one.name: one.values})) for part in parts)
    why_not = "" if misfit is None else str(misfit)
    return Listed(one.name, one.kind, what, hypothesis, price, one.from_start, fits, why_not)


def _lines(found: list[Listed]) -> Iterator[RenderableType]:
    kind = ""
    for one in found:
        if one.kind != kind:
            kind = one.kind
            yield Text(kind.capitalize(), style=f"bold {colours.TRAINING}")
        name = Text(one.name, style="" if one.fits is False else "bold")
        start = " (from step 0 only)" if one.from_start else ""
        about = (
            [("does not fit", plain(one.why_not))] if one.why_not else [("tests", one.hypothesis), ("price", one.price)]
        )
        yield Padding(name.append(f"  {one.change}{start}", "not bold"), (0, 0, 0, _INDENT))
        yield Padding(_about(about), (0, 0, 0, 2 * _INDENT))
    fitting = sum(one.fits is not False for one in found)
    of = "" if fitting == len(found) else f" of {len(found)} fit"
    yield Text()
    yield Text(
        f"{fitting} interventions{of}; --only NAME tries one, --only NAME+NAME two together", style=colours.MUTED
    )


def _about(pairs: list[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=colours.MUTED)
    grid.add_column(style=colours.MUTED)
    for pair in pairs:
        grid.add_row(*map(Text, pair))
    return grid
