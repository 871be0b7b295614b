"""The console that a diagnosis is shown on: its width, its encoding, and clean lines where it is no terminal."""

import os
from pathlib import Path
from typing import IO, TextIO

from rich.console import Console, RenderableType

from newllm.cli.doctor_page import WIDEST, Paper

_SAMPLE = "✖▲●┤└─━⣿│"  # what pages and curves draw


class PageConsole(Console):
    """A console that reads no markup and survives a narrow encoding and a reader that goes away.

    Args:
        stream: where to print.

    Attributes:
        paper: what a page can be drawn on.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(file=stream, highlight=False, markup=False, emoji=False)
        self.width = min(self.width, WIDEST)
        self.paper = Paper(self.width, can_draw(stream))

    def show(self, page: RenderableType) -> None:
        """Print a page; elsewhere than on a terminal without blanks at the ends of lines."""
        with self.capture() as captured:
            self.print(page, crop=self.is_terminal)
        text = captured.get()
        if not self.is_terminal:
            text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        say(text, self.file)

    def on_broken_pipe(self) -> None:
        """Write nothing more, where rich would end the program with its own exit code."""
        self.quiet = True
        self.file = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as the program runs)


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
