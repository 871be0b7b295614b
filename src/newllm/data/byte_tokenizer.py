"""One token a byte, and one id more that stands before every document. Nothing to train, nothing lost."""

import json
from collections.abc import Sequence
from typing import final

import numpy as np

from newllm.data.tokenizer import Tokenizer

SCHEMA = 1


@final
class ByteTokenizer(Tokenizer):
    """Ids 0 to 255 are the bytes, 256 is begin and end."""

    name = "bytes"
    vocab_size = 257
    begin = 256
    end = 256
    pad = None
    unknown = None
    lossless = True

    def encode(self, text: bytes) -> np.ndarray:
        """Return the bytes as ids, int32 [len(text)]. Any bytes will do, UTF-8 or not."""
        return np.frombuffer(text, dtype=np.uint8).astype(np.int32)

    def decode(self, ids: Sequence[int]) -> bytes:
        """Return the bytes; other ids give nothing."""
        return bytes(token for token in ids if 0 <= token < 256)

    def token_bytes(self) -> np.ndarray:
        """Return 1 for every byte and 0 for begin, int64 [257]."""
        return np.array([1] * 256 + [0], dtype=np.int64)

    def to_json(self) -> str:
        """Return the file's content: the schema and the type are all there is."""
        return json.dumps({"schema": SCHEMA, "type": "bytes"}) + "\n"
