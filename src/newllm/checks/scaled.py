"""What a step of the training's own loop multiplies weights by, besides its updates: a decay by hand."""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from newllm.checks.bench import Bench, set_seed
from newllm.checks.kept import put_back
from newllm.checks.trees import same

_ROUNDED = 1e-6  # of a tensor: what single precision rounds
_ALIKE = 0.02  # of the way from 1 to the factor


class _Undone:
    """Hooks on all optimizers: each update is undone at once."""

    def __init__(self) -> None:
        self._before: dict[int, list[tuple[Tensor, Tensor]]] = {}
        self._handles = [
            register_optimizer_step_pre_hook(self._note),
            register_optimizer_step_post_hook(self._undo),
        ]

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _note(self, optimizer: Optimizer, arguments: Any, options: Any) -> None:  # noqa: ARG002 (a hook's form)
        held = [each for group in optimizer.param_groups for each in group["params"]]
        self._before[id(optimizer)] = [(each, each.detach().clone()) for each in held]

    def _undo(self, optimizer: Optimizer, arguments: Any, options: Any) -> None:  # noqa: ARG002 (a hook's form)
        with torch.no_grad():
            for each, before in self._before.pop(id(optimizer), []):
                each.copy_(before)


def scaled_alike(bench: Bench, frozen: list[str]) -> tuple[list[str], float]:
    """Return which frozen tensors a call of the step multiplies, and by what, as it does what is trained.

    The updates of all optimizers are undone in that call, so that what a trained weight moves by is written by hand.
    One factor for both is no average and no table that the step fills: it is a decay over all weights. A tensor of a
    few numbers may be something that is annealed, and a copy of a trained one goes where that goes.

    Returns:
        No names where there is none.
    """
    step, parameters = bench.parts.step, dict(bench.model.named_parameters())
    assert step is not None
    before = {name: each.detach().clone() for name, each in parameters.items() if each.numel() > 2}
    with ExitStack() as stack:
        stack.enter_context(put_back(step, besides=(bench.model, bench.optimizer)))
        stack.enter_context(bench.untouched())
        set_seed(0)
        undone = _Undone()
        stack.callback(undone.remove)
        step(bench.batch)
        factors = {name: _factor(one, parameters[name].detach()) for name, one in before.items()}
    trained = [name for name in before if parameters[name].requires_grad]
    of_trained = [factor for name in trained if (factor := factors[name]) is not None]
    own = [
        name for name in frozen if name in before and not any(same(before[name], before[other]) for other in trained)
    ]
    found = {name: factor for name in own if (factor := factors[name]) is not None}
    names = [
        name for name, one in found.items() if any(abs(one - other) <= _ALIKE * abs(1 - one) for other in of_trained)
    ]
    return names, found[names[0]] if names else 1.0


def _factor(before: Tensor, now: Tensor) -> float | None:
    """Return the number by which all of a tensor was multiplied; None where it was not, or none of it is another."""
    one, other = before.double(), now.double()
    size = float(one.norm())
    if not size or not before.is_floating_point() or torch.equal(before, now):
        return None
    factor = float((one * other).sum() / (one * one).sum())
    apart = float((other - factor * one).norm())
    # What is left of it is rounding, and far less than what it was multiplied by.
    return factor if apart <= _ROUNDED * size and apart < abs(1 - factor) * size / 10 else None
