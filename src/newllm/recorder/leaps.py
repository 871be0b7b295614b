"""Which updates are looked at beside every N-th: those right after a leap of the loss, while they still show its cause.

A model that is suddenly asked for something else has learnt it by the next sampled step.
"""

import math
from collections import deque
from statistics import median

from torch import Tensor

_RECENT = 20  # losses
_FEWEST = 8  # of them
_FAR = 4.0  # times as far above their middle as the highest of them
_LOOKS = 2  # updates


class Leaps:
    """Is told each loss that is known at once, and says whether the next update is to be sampled.

    A loss that lies on another device would have to be waited for: there nothing leaps.

    Args:
        every: how many steps lie between sampled ones; after a leap five times as many pass before the next one counts.
    """

    def __init__(self, every: int) -> None:
        self._rest = 5 * every
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._looks = self._wait = 0

    @property
    def asks(self) -> bool:
        """Whether the next update is to be sampled."""
        return self._looks > 0

    def see(self, loss: float | Tensor | None) -> None:
        """Take the loss of the update that has just ended; None where it has none."""
        self._looks, self._wait = max(0, self._looks - 1), max(0, self._wait - 1)
        if loss is None or (isinstance(loss, Tensor) and loss.device.type != "cpu"):
            return
        value = float(loss)
        if len(self._recent) >= _FEWEST and not self._wait:
            middle, highest = median(self._recent), max(self._recent)
            if value > middle + _FAR * (highest - middle):
                self._looks, self._wait = _LOOKS, self._rest
        if math.isfinite(value):
            self._recent.append(value)
