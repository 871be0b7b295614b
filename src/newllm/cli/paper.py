"""What a page of the terminal is drawn on: its width, its encoding, its language, and the console that prints it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from newllm.cli.line_breaks import broken
from newllm.messages import Catalogue

WIDEST = 120  # a line that is longer is hard to read
LONGEST_PATH = 8192  # characters, with what is escaped in it
_SAMPLE = "✖▲●┤└─━⣿│"  # what pages and curves draw


@dataclass(frozen=True)
class Paper:
    """What a page is drawn on.

    Attributes:
        width: in cells.
        unicode: whether braille and lines can be shown.
        words: the language.
    """

    width: int
    unicode: bool
    words: Catalogue


class WithPath(Text):
    """A line that names a path: in a pipe or a file it stays one line, for the program that reads it there."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Draw it."""
        if not console.is_terminal:
            options = options.update(no_wrap=True, overflow="ignore")
        yield from super().__rich_console__(console, options)


class LineConsole(Console):
    """A console that reads no markup, breaks lines of Japanese as Japanese does, and survives a reader that goes away.

    Args:
        stream: where to print.
        **options: of rich's console.
    """

    def __init__(self, stream: TextIO, **options: Any) -> None:
        super().__init__(file=stream, highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render; a text that is wrapped breaks where its language lets a line end."""
        options = options or self.options
        if isinstance(renderable, str):
            renderable = self.render_str(renderable)
        if type(renderable) is Text and not (renderable.no_wrap or options.no_wrap):
            renderable = broken(renderable, options.max_width)
        return super().render(renderable, options)

    def on_broken_pipe(self) -> None:
        """Write nothing more, where rich would end the program with its own exit code."""
        self.quiet = True
        self.file = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as the program runs)


class PageConsole(LineConsole):
    """A console for pages, which survives a narrow encoding too.

    Args:
        stream: where to print.
        words: the language.

    Attributes:
        paper: what a page can be drawn on.
    """

    def __init__(self, stream: TextIO, words: Catalogue) -> None:
        super().__init__(stream)
        self.width = min(self.width, WIDEST)
        self.paper = Paper(self.width, can_draw(stream), words)

    def show(self, page: RenderableType) -> None:
        """Print a page; elsewhere than on a terminal without blanks at the ends of lines."""
        with self.capture() as captured:
            self.print(page, crop=self.is_terminal)
        text = captured.get()
        if not self.is_terminal:
            text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        say(text, self.file)


def say(text: str, stream: IO[str]) -> None:
    """Write text; what a narrow encoding does not have is shown as an escape."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def can_draw(stream: IO[str]) -> bool:
    """Say whether a stream's encoding has braille and lines."""
    try:
        _SAMPLE.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
