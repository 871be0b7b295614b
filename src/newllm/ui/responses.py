"""Data as the server sends them: JSON in ASCII, numbers in few digits, words for what is not finite.

ASCII, so that no text of a run can fail to be sent: a name of bytes that are no UTF-8, or half a surrogate pair in a
message, is text that cannot be encoded. Strict JSON has no numbers for what is not finite.
"""

import json
import math
from typing import Any

from starlette.responses import JSONResponse

from newllm.trace import Series

_DIGITS = 7  # of a float32


class Data(JSONResponse):
    """A response of JSON, whatever its texts hold."""

    def render(self, content: Any) -> bytes:
        """Return its bytes."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def listed(series: Series) -> dict[str, list[Any]]:
    """Return a signal as JSON holds it: x and y; a value that is not finite is "NaN", "Infinity" or "-Infinity"."""
    return {"x": series.step.tolist(), "y": [number(value) for value in series.value.tolist()]}


def number(value: float) -> float | str:
    """Return a number as JSON holds it."""
    if math.isfinite(value):
        return float(f"{value:.{_DIGITS}g}")
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
