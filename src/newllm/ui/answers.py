"""Data as an answer: JSON in ASCII, so that no text of a run can fail to be sent.

A name of bytes that are no UTF-8, or half a surrogate pair in a message, is text that cannot be encoded.
"""

import json
from typing import Any

from starlette.responses import JSONResponse


class Data(JSONResponse):
    """An answer of JSON, whatever its texts hold."""

    def render(self, content: Any) -> bytes:
        """Return its bytes."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
