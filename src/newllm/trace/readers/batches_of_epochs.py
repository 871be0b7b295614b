"""Which step a row is of, where it says its epoch and which batch of it: "Epoch: [3][ 120/5004]".

So print PyTorch's ImageNet example, torchvision's references, mmengine ("Epoch(train) [1][50/7330]"), Swin ("Train:
[0/300][10/1251]") and timm ("Train: 0 [ 50/500 ( 10%)]"). PyTorch's MNIST example counts the rows of the data
("Train Epoch: 1 [640/60000 (1%)]"), which tells no step.
"""

import re

_BATCH = re.compile(
    r"(?:\bepoch(?:\(train\))?:? *\[|\btrain: *\[?)(\d{1,9})(?:/\d{1,9})?\]?\s*"
    r"\[ *(\d{1,9})/(\d{1,9})(?: *\( *\d+%\))?\]",
    re.IGNORECASE,
)


class BatchesOfEpochs:
    """Rows with the epoch and the batch that they say."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int]] = []  # row, epoch, batch
        self._of: set[int] = set()  # batches of an epoch, as the rows say

    def take(self, row: int, line: str) -> bool:
        """Take in a row; return whether its line says an epoch and a batch of it."""
        found = _BATCH.search(line)
        if found is None:
            return False
        epoch, batch, of = map(int, found.groups())
        self._rows.append((row, epoch, batch))
        self._of.add(of)
        return True

    def told(self) -> dict[int, int]:
        """Return the step of each row, none where epochs differ in length or a batch is beyond its epoch."""
        of = self._of.pop() if len(self._of) == 1 else 0
        if any(batch > of for _, _, batch in self._rows):
            return {}
        first = min(1, min((epoch for _, epoch, _ in self._rows), default=0))  # epochs are counted from 0 or from 1
        return {row: (epoch - first) * of + batch for row, epoch, batch in self._rows}
