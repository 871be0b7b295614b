"""Whether one place of the inputs alone tells the class, over the first sampled steps: a label among the features.

Shapes: N rows, D places of a row.
"""

import torch
from torch import Tensor

_ENOUGH = 128  # rows, and so many of each class as of `_EACH`
_MOST = 1024  # rows
MOST_PLACES = 1024
_EACH = 5


class TellingInputs:
    """Gathers rows until there are enough, and looks once."""

    def __init__(self) -> None:
        self._rows: list[Tensor] | None = []
        self._targets: list[Tensor] = []

    @property
    def is_done(self) -> bool:
        """Whether it has looked."""
        return self._rows is None

    def add(self, inputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Add rows `[N, D]` with their classes `[N]`; return how many places tell the class, once it is known."""
        if self._rows is None:
            return {}
        self._rows.append(inputs.double().cpu())
        self._targets.append(targets.cpu())
        count = sum(map(len, self._rows))
        x, y = self._rows, torch.cat(self._targets)
        classes, sizes = y.unique(return_counts=True)
        if count < _ENOUGH or (int(sizes.min()) < _EACH and count < _MOST):
            return {}
        self._rows = None
        if len(classes) < 2 or len({one.shape[1] for one in x}) > 1:
            return {}
        kept = [int(each) for each, size in zip(classes, sizes, strict=True) if size >= _EACH]
        return {"inputs_telling": float(_telling(torch.cat(x), y, kept))} if len(kept) > 1 else {}


def _telling(x_ND: Tensor, y_N: Tensor, classes: list[int]) -> int:
    """Return at how many places the values of the classes do not overlap: as intervals, or one value for each class."""
    low = torch.stack([x_ND[y_N == each].amin(0) for each in classes])
    high = torch.stack([x_ND[y_N == each].amax(0) for each in classes])
    order = low.argsort(0)
    low, high = low.gather(0, order), high.gather(0, order)
    return int((high[:-1] < low[1:]).all(0).sum())
