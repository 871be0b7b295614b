"""Cut long texts where no tokenizer can notice, so that memory stays flat.

The `tokenizers` library keeps several hundred bytes for every token of the string it works on.
"""

import re
from collections.abc import Iterator

from newllm.errors import UserError

CHUNK_BYTES = 1 << 20

# One line end between two visible ASCII characters: GPT-2's pattern takes such a line end by itself
# wherever the string ends, so the pieces' tokens are the whole's tokens. (Two line ends would differ.)
_SAFE_CUT = re.compile(rb"[!-~]\n(?=[!-~])")


def text_chunks(text: bytes, size: int = CHUNK_BYTES) -> Iterator[str]:
    """Yield `text` decoded, in pieces of about `size` bytes.

    Raises:
        UserError: `text` is not valid UTF-8.
    """
    start = 0
    while start < len(text):
        cut = _SAFE_CUT.search(text, start + size)
        stop = cut.end() if cut else len(text)
        try:
            yield text[start:stop].decode()
        except UnicodeDecodeError as error:
            at = start + error.start
            raise UserError(f"text is not valid UTF-8: byte 0x{text[at]:02x} at offset {at}; give UTF-8") from error
        start = stop
