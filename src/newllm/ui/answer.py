"""Data as an answer: JSON in ASCII, which no text of a file and no directory's name can break."""

import json
from typing import Any

from starlette.responses import JSONResponse


class Answer(JSONResponse):
    """JSON; a lone surrogate, which no UTF-8 can hold, is written as an escape."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
