"""Among how many things a model chooses: in training among a few, say, that were drawn, and in evaluations among all.

The loss of such a choice grows with the logarithm of their number, so that training and validation do not compare.
"""

from typing import Any

from newllm.recorder.outputs import main_output
from newllm.recorder.pending import Row


class Choices:
    """Is shown outputs, and counts the numbers of their last axis."""

    def __init__(self) -> None:
        self._trained = self._evaluated = 0

    def trained(self, output: Any) -> None:
        """The model returned this for an update."""
        self._trained = _count(output)

    def evaluated(self, output: Any) -> None:
        """The model returned this without gradients."""
        self._evaluated = _count(output)

    def put_evaluation(self, row: Row) -> None:
        """Record both numbers at an evaluation, where they differ."""
        if min(self._trained, self._evaluated) > 1 and self._trained != self._evaluated:
            row.put("choices", self._trained)
            row.put("validation_choices", self._evaluated)
        self._evaluated = 0


def _count(output: Any) -> int:
    result = main_output(output)
    return result.shape[-1] if result is not None and not result.is_nested and result.dim() in (2, 3) else 0
