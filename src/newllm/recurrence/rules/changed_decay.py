"""A rule whose decay is changed from outside: bounded, or made larger. For replays, which change one thing."""

from collections.abc import Callable, Sequence

from torch import Tensor

from newllm.recurrence.rules.rule import Rule


def change_decay(rule: Rule, change: Callable[[Tensor], Tensor]) -> None:
    """Let every decay of a rule pass through a function; its input stays.

    Every path there is (a loop over positions, the cell as one function, a scan) takes decay and input from the
    rule's `combine`, so that none passes the change by.

    Args:
        rule: changed in place.
        change: from decays `[..., channels]` to decays of the same shape, element by element.
    """
    own = rule.combine

    def combine(delta: Tensor, gates: Sequence[Tensor], constant: Tensor | None) -> tuple[Tensor, Tensor]:
        decay, added = own(delta, gates, constant)
        return change(decay), added

    rule.combine = combine  # type: ignore[method-assign]
