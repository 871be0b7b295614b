"""A rule whose decay is changed from outside: bounded, or made larger. For replays, which change one thing."""

from collections.abc import Callable, Sequence

from torch import Tensor

from newllm.recurrence.matrix_rules import MatrixRule
from newllm.recurrence.matrix_scan import Steps
from newllm.recurrence.rules import Rule


def change_decay(rule: Rule | MatrixRule, change: Callable[[Tensor], Tensor]) -> None:
    """Let every decay of a rule pass through a function; its input stays.

    Every path there is (a loop over positions, the cell as one function, a scan) takes decay and input from the
    rule's `combine`, or what a matrix does from the rule itself, so that none passes the change by.

    Args:
        rule: changed in place.
        change: from decays of any shape to decays of the same shape, element by element.
    """
    if isinstance(rule, MatrixRule):
        _change_matrices(rule, change)
        return
    own = rule.combine

    def combine(delta: Tensor, gates: Sequence[Tensor], constant: Tensor | None) -> tuple[Tensor, Tensor]:
        decay, added = own(delta, gates, constant)
        return change(decay), added

    rule.combine = combine  # type: ignore[method-assign]


def _change_matrices(rule: MatrixRule, change: Callable[[Tensor], Tensor]) -> None:
    own = rule.forward

    def forward(projected: Tensor, source: Tensor) -> Steps:
        steps = own(projected, source)
        return steps._replace(log_decay=change(steps.log_decay.exp()).log())

    rule.forward = forward  # type: ignore[method-assign]
