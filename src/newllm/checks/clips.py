"""Calls of torch's clipping by norm, watched: whether there was anything to clip."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.nn.utils import clip_grad

from newllm.checks.trees import dense

_INNER = "_clip_grads_with_norm_"  # what clip_grad_norm_ calls, by whatever name a loop has imported that


class Clips:
    """Listens to clip_grad_norm_ until it is removed.

    Args:
        parameters: that are trained; a call for others alone is not looked at.
        is_early: whether no backward pass came since the last update.

    Attributes:
        calls: for these parameters, by a finite norm.
        idle: of these, the calls before a backward pass at which no parameter had a gradient, or all were zero.
    """

    def __init__(self, parameters: Iterable[Tensor], is_early: Callable[[], bool]) -> None:
        self.calls = self.idle = 0
        self._held, self._is_early = {id(each) for each in parameters}, is_early
        self._own = getattr(clip_grad, _INNER, None)
        if self._own is not None:
            setattr(clip_grad, _INNER, self._clip)

    def remove(self) -> None:
        """Listen no more."""
        if self._own is not None:
            setattr(clip_grad, _INNER, self._own)

    def _clip(self, parameters: Any, max_norm: Any, *arguments: Any, **options: Any) -> None:
        given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        held = [each.grad for each in given if id(each) in self._held]
        if held and float(max_norm) < float("inf"):  # an endless one only measures
            self.calls += 1
            self.idle += self._is_early() and not any(each is not None and bool(dense(each).any()) for each in held)
        assert self._own is not None
        self._own(given, max_norm, *arguments, **options)
