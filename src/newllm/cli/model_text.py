"""What a model wrote on its way out: harmless on a terminal, as it is everywhere else."""

from collections.abc import Callable
from typing import TextIO

from newllm.words.plain import plain_lines


def model_text(stream: TextIO) -> Callable[[str], None]:
    """Return what writes a model's text to a stream, piece by piece.

    A terminal obeys control characters, so they are shown as escapes there. A file or another program gets the text
    as the model wrote it.
    """
    filtered = stream.isatty()

    def write(text: str) -> None:
        stream.write(plain_lines(text) if filtered else text)
        stream.flush()

    return write
