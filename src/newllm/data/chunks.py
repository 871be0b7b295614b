"""Cut long texts where no tokenizer can notice, so that memory stays flat.

The `tokenizers` library keeps several hundred bytes for every token of the string it works on.
"""

import re
from collections.abc import Iterator

from newllm.errors import UserError

CHUNK_BYTES = 1 << 20

# Behind a visible ASCII character, in front of a blank or a line end: there GPT-2's pattern ends a token wherever the
# string ends, and begins one whatever stands before, so the pieces' tokens are the whole's tokens. (Inside of several
# blanks it would not.)
_SAFE_CUT = re.compile(rb"[!-~](?=[ \n])")
_WINDOW = 1 << 16  # bytes that are searched at once: a search lets no other thread run


def text_chunks(text: bytes, size: int = CHUNK_BYTES) -> Iterator[str]:
    """Yield `text` decoded, in pieces of about `size` bytes.

    Raises:
        UserError: `text` is not valid UTF-8.
    """
    start = 0
    while start < len(text):
        stop = _cut(text, start + size)
        try:
            yield text[start:stop].decode()
        except UnicodeDecodeError as error:
            at = start + error.start
            raise UserError(f"text is not valid UTF-8: byte 0x{text[at]:02x} at offset {at}; give UTF-8") from error
        start = stop


def _cut(text: bytes, first: int) -> int:
    """Return the first place to cut a text from a place on; its end where there is none."""
    for start in range(first, len(text), _WINDOW):
        if found := _SAFE_CUT.search(text, start, start + _WINDOW + 1):  # one more, which is behind the last cut
            return found.end()
    return len(text)
