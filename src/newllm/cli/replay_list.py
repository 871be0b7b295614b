"""What can be tried on a run: every intervention by kind, what it tests, what it costs, and whether it fits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from newllm.messages import Catalogue, Message
from newllm.plotting import colours
from newllm.replays.interventions import INTERVENTIONS, Intervention
from newllm.replays.replica.subject import Subject
from newllm.words.plain import plain
from newllm.words.verdicts import Part, change

_INDENT = 2
_LONG = 2000  # characters of a sentence


@dataclass(frozen=True)
class Listed:
    """One intervention as it is listed.

    Attributes:
        name: to be given to --only.
        kind: where it acts.
        change: what it does, a noun phrase.
        hypothesis: what must be true if it removes the spike.
        price: what it costs if it is kept.
        from_start: whether it is replayed from step 0 only.
        fits: whether it can be tried on the run; None where no run was given.
        why_not: the reason, None where it fits.
    """

    name: str
    kind: str
    change: Message
    hypothesis: Message
    price: Message
    from_start: bool
    fits: bool | None
    why_not: Message | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, in English."""
        said = {name: str(getattr(self, name)) for name in ("change", "hypothesis", "price")}
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, **said, "why_not": "" if self.why_not is None else str(self.why_not)}


def listed(subject: Subject | None) -> list[Listed]:
    """Return every intervention, kinds together.

    Args:
        subject: whose replays they would be; None says nothing of fitting.
    """
    kinds = list(dict.fromkeys(one.kind for one in INTERVENTIONS.values()))
    return [_listed(one, subject) for kind in kinds for one in INTERVENTIONS.values() if one.kind == kind]


def as_dict(found: list[Listed]) -> dict[str, Any]:
    """Return the list as plain data."""
    return {"schema": 1, "interventions": [one.as_dict() for one in found]}


def list_page(found: list[Listed], words: Catalogue) -> Group:
    """Return the list as a page: those of a kind under its heading."""
    return Group(*_lines(found, words))


def table(interventions: Mapping[str, Intervention] = INTERVENTIONS) -> str:
    """Return the table of docs/interventions.md, in Markdown."""
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


def _listed(intervention: Intervention, subject: Subject | None) -> Listed:
    misfit = None if subject is None else intervention.misfit(subject)
    fits = None if subject is None else misfit is None
    parts: tuple[Part, ...] = ("what", "hypothesis", "price")
    what, hypothesis, price = (
        change(part, [intervention.name], {intervention.name: intervention.values}) for part in parts
    )
    return Listed(intervention.name, intervention.kind, what, hypothesis, price, intervention.from_start, fits, misfit)


def _lines(found: list[Listed], words: Catalogue) -> Iterator[RenderableType]:
    kind = ""
    for one in found:
        if one.kind != kind:
            kind = one.kind
            yield Text(words("terminal-kind", kind=kind), style=f"bold {colours.TRAINING}")
        name = Text(one.name, style="" if one.fits is False else "bold")
        start = words("terminal-from_start") if one.from_start else ""
        about = [("misfit", one.why_not)] if one.why_not else [("hypothesis", one.hypothesis), ("price", one.price)]
        yield Padding(name.append(f"  {words.text(one.change)}{start}", "not bold"), (0, 0, 0, _INDENT))
        rows = [(words(f"terminal-{label}"), plain(words.text(said), _LONG)) for label, said in about]
        yield Padding(_about(rows), (0, 0, 0, 2 * _INDENT))
    fitting = sum(one.fits is not False for one in found)
    yield Text()
    all_fit = fitting == len(found)
    foot = words("terminal-listed" if all_fit else "terminal-listed_of", count=len(found), fitting=fitting)
    yield Text(foot, style=colours.MUTED)


def _about(pairs: list[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=colours.MUTED)
    grid.add_column(style=colours.MUTED, overflow="fold")
    for pair in pairs:
        grid.add_row(*map(Text, pair))
    return grid
