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
        self._moving = self._find_moving()

    def __call__(self, step: int) -> list[float]:
        """Return the rate of each group in the update that leads on from a step."""
        return self._rates[self._at(step)]

    def put_cycled(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set what the schedule changes beside the rates, and only what it changes, in another optimizer."""
        for group, now, moving in zip(optimizer.param_groups, self._cycled[self._at(step)], self._moving, strict=False):
            for name, moves in moving.items():
                if name in group and isinstance(moves, tuple):  # betas: the second may be an intervention's
                    pairs = zip(moves, now[name], group[name], strict=True)
                    group[name] = tuple(new if is_moved else own for is_moved, new, own in pairs)
                elif name in group:
                    group[name] = now[name]

    def _find_moving(self) -> list[dict[str, Any]]:
        """Return of each group what the schedule changes: True, or for a tuple which of its elements."""
        found: list[dict[str, Any]] = []
        for rows in zip(*self._cycled, strict=True):
            moving: dict[str, Any] = {}
            for name, first in rows[0].items():
                if isinstance(first, tuple):
                    moves = tuple(any(row[name][at] != one for row in rows) for at, one in enumerate(first))
                    moving |= {name: moves} if any(moves) else {}
                elif any(row[name] != first for row in rows):
                    moving[name] = True
            found.append(moving)
        return found

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
