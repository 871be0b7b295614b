"""A scheduler as a function of the step: what it sets in an optimizer's groups, read off once.

A scheduler changes its optimizer in place, update after update. Here it does so on an optimizer that trains nothing:
its parameters are taken away, so that it holds no memory.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch

_CYCLED = ("momentum", "betas")
"""What a schedule changes beside the rate: OneCycleLR and CyclicLR do."""


class RateTable:
    """The rates of an optimizer's groups by step.

    Args:
        optimizer: fresh, with its schedulers attached; it is emptied and must be used for nothing else.
        advance: called with the number of updates that are done, counted from 1, after each: it steps the schedulers.
        steps: of the training. What comes after is asked of the schedulers too; where they refuse, the last rates stay.

    Raises:
        Exception: what a scheduler raises within the training.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, advance: Callable[[int], object], steps: int) -> None:
        self._optimizer, self._advance, self._steps = optimizer, advance, steps
        for group in optimizer.param_groups:
            group["params"] = []
        optimizer.state.clear()
        self._rates = [self._now()]
        self._cycled = [self._beside()]
        self._at(steps - 1)

    def __call__(self, step: int) -> list[float]:
        """Return the rate of each group in the update that leads on from a step."""
        return self._rates[self._at(step)]

    def put_cycled(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set what the schedule changes beside the rates, and only what it changes, in another optimizer."""
        for group, first, now in zip(
            optimizer.param_groups, self._cycled[0], self._cycled[self._at(step)], strict=False
        ):
            for name, value in now.items():
                if value == first[name] or name not in group:
                    continue
                if isinstance(value, tuple):  # betas: the second may be an intervention's
                    pairs = zip(value, first[name], group[name], strict=True)
                    value = tuple(new if new != old else own for new, old, own in pairs)
                group[name] = value

    def _at(self, step: int) -> int:
        """Step the schedulers as far as is needed, and return which row is meant."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the optimizer is not stepped, that last_lr is to be asked
            while len(self._rates) <= step:
                done = len(self._rates)
                try:
                    self._advance(done)
                except Exception:
                    if done < self._steps:
                        raise
                    return len(self._rates) - 1
                self._rates.append(self._now())
                self._cycled.append(self._beside())
        return step

    def _now(self) -> list[float]:
        return [float(group["lr"]) for group in self._optimizer.param_groups]

    def _beside(self) -> list[dict[str, Any]]:
        return [{name: group[name] for name in _CYCLED if name in group} for group in self._optimizer.param_groups]
