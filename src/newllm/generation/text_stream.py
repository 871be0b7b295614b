"""Bytes that come token by token, as text that can be shown at once.

A character whose bytes have not all come yet is held back; bytes that are no UTF-8 become U+FFFD.
"""

import codecs


class TextStream:
    """Decodes UTF-8 piece by piece. The pieces together are the decoded whole, however it was cut.

    Args:
        undecoded: the beginning of a character, from an earlier stream's `undecoded`.
    """

    def __init__(self, undecoded: bytes = b"") -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder.setstate((undecoded, 0))

    def feed(self, piece: bytes) -> str:
        """Return the text that is whole now; it may be empty."""
        return self._decoder.decode(piece)

    @property
    def undecoded(self) -> bytes:
        """The bytes of a character that is not whole yet, at most three."""
        return self._decoder.getstate()[0]
