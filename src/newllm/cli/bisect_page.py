"""What a bisection found as a page of the terminal: the verdict, the lines of code, and how it was shown."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection
from newllm.cli.paper import LONGEST_PATH, Paper, WithPath
from newllm.plotting import colours
from newllm.words.bisections import MOST_LINES, more_lines
from newllm.words.plain import plain

_LONG = 2000  # characters of a sentence
_STYLES = {"cause": colours.CONTEXT, "out-of-time": colours.VALIDATION}
_PRINTED = 6  # lines of a trial that failed


def bisection_page(found: Bisection, paper: Paper) -> Group:
    """Return the whole page.

    Args:
        found: what is shown.
        paper: what it is drawn on.
    """
    return Group(*_parts(found, paper))


def _parts(found: Bisection, paper: Paper) -> Iterator[RenderableType]:
    verdict, *others = [plain(paper.words.text(one), _LONG) for one in found.sentences()]
    yield WithPath(plain(found.run, LONGEST_PATH), style="bold")
    yield Text()
    yield Text(verdict, style=f"bold {_STYLES.get(found.ended or '', colours.SPIKE)}")
    for change in sorted(found.smallest, key=lambda one: one.number in found.carried):
        yield Text()
        yield from _lines(change, paper)
    if found.ended == "unresolved" or (found.ended == "not-the-sound-run" and found.trials[-1].outcome == "failed"):
        yield from (Text(f"  {plain(line)}", style=colours.MUTED) for line in found.trials[-1].printed[-_PRINTED:])
    yield Text()
    yield from map(Text, others)


def _lines(change: Change, paper: Paper) -> Iterator[RenderableType]:
    """Yield a change as a small diff."""
    yield Text(f"  {plain(change.place)}", style="bold")
    for sign, lines, colour in (("-", change.there, colours.SPIKE), ("+", change.here, colours.CONTEXT)):
        shown = [" ".join(lines)] if change.kind == "option" and lines else list(lines)
        for line in shown[:MOST_LINES]:
            yield WithPath(f"  {sign} {_code(line)}", style=colour)
        if len(shown) > MOST_LINES:
            yield Text(f"  {sign} {more_lines(paper.words, len(shown) - MOST_LINES)}", style=colour)


def _code(line: str) -> str:
    """Return a line of code with its indentation."""
    bare = line.rstrip("\r\n")
    return " " * (len(bare.expandtabs(4)) - len(bare.expandtabs(4).lstrip())) + plain(bare.strip(), _LONG)
