"""Kernels as operators of torch, `torch.ops.newllm`, so that whatever captures operations sees them.

torch.compile, export, fake tensors and modes that record see operators of torch and no Python function. An operator
costs 40 to 120 microseconds a call more than the function (forwards and backwards), which a step of a small model
feels: so the function is called directly where nothing captures.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.kernels.memory import new

Outputs = Any  # a tensor, a tuple of tensors, or one that ends in a list of tensors

_LIBRARY = torch.library.Library("newllm", "FRAGMENT")
_PLAIN = {Tensor, torch.nn.Parameter, type(None), int, float, bool, str, torch.dtype}


class Operator:
    """A function, and the same as an operator `newllm::NAME`.

    Args:
        schema: of the operator, with its name: "scale(Tensor x, float by) -> Tensor".
        run: computes the outputs, all in new memory.
        fake: returns the same outputs with nothing in them, made by torch alone from tensors without memory.
        device: the dispatch key of where it runs.
    """

    def __init__(
        self, schema: str, run: Callable[..., Outputs], fake: Callable[..., Outputs], device: str = "CPU"
    ) -> None:
        name = _LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
        _LIBRARY.impl(name, run, device)
        _LIBRARY.impl(name, fake, "Meta")  # `register_fake` does it too, and takes 4 ms to see where it is called
        self.run, self.name = run, name
        self.captured: Any = getattr(torch.ops.newllm, name).default


def like(*numbers: int) -> Callable[..., Outputs]:
    """Return a `fake` whose outputs are like these inputs, each by its number."""

    def fake(*given: Any) -> Outputs:
        made = tuple(new(given[number]) for number in numbers)
        return made[0] if len(made) == 1 else made

    return fake


class Differentiable:
    """An operator and the operator of its gradient.

    Args:
        forward: its first outputs are the result, the others only saved for the gradient.
        backward: what `formula` calls.
        save: `save(ctx, inputs, outputs)` keeps what `formula` needs, as in `torch.library.register_autograd`.
        formula: `formula(ctx, backward, *gradients)` returns the gradient of each input, from those of the results.
        results: how many outputs are the result.
    """

    def __init__(
        self,
        forward: Operator,
        backward: Operator,
        save: Callable[[Any, tuple[Any, ...], Any], None],
        formula: Callable[..., Any],
        results: int = 1,
    ) -> None:
        self._captured, self._results = forward.captured, results
        compute, compute_gradients = forward.run, backward.run

        def run(ctx: Any, *given: Any) -> Any:
            made = compute(*given)
            save(ctx, given, made)
            return _result(made, results)

        def back(ctx: Any, *gradients: Tensor) -> Any:
            return formula(ctx, compute_gradients, *gradients)

        once = torch.autograd.function.once_differentiable(back)
        self._direct: Any = _function(forward.name, forward=run, backward=once)

        def save_captured(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, tuple):
                ctx.mark_non_differentiable(*output[results:])
            save(ctx, inputs, output)

        def back_captured(ctx: Any, *gradients: Tensor) -> Any:
            return formula(ctx, backward.captured, *gradients[:results])

        torch.library.register_autograd(
            f"newllm::{forward.name}", back_captured, setup_context=save_captured, lib=_LIBRARY
        )
        methods = {"forward": forward.captured.__call__, "setup_context": save_captured, "backward": back_captured}
        self._transformed: Any = _function(forward.name, **methods)

    def __call__(self, *given: Any) -> Any:
        """Return the result, as the function gives it or, where something captures, the operator."""
        if not is_captured(*given):
            return self._direct.apply(*given)
        if is_transformed():  # torch gives operators no gradient there, and functions one
            return _result(self._transformed.apply(*given), self._results)
        return _result(self._captured(*given), self._results)


def _result(made: Outputs, results: int) -> Any:
    if isinstance(made, Tensor):
        return made
    return made[0] if results == 1 else made[:results]


def _function(name: str, **methods: Callable[..., Any]) -> Any:
    return type(name, (torch.autograd.Function,), {key: staticmethod(method) for key, method in methods.items()})


def is_transformed() -> bool:
    """Return whether a function transform of torch is at work (`torch.func`)."""
    return torch._C._are_functorch_transforms_active()


def is_captured(*given: Any) -> bool:
    """Return whether something looks at operations on these: a compiler, a mode, a transform, a tensor's subclass."""
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._are_functorch_transforms_active()
        or not _PLAIN.issuperset(map(type, given))
    )


def run_loop(loop: Callable[..., Any], length: int, *given: Any) -> Any:
    """Return `loop(*given)`, a loop over positions: outside of a graph that torch.compile makes.

    The graph would be as long as the text, and another one for each length. An exported graph is.

    Raises:
        UserError: the length is to be any in an exported graph.
    """
    if isinstance(length, torch.SymInt) and torch.compiler.is_exporting():
        raise UserError("a loop over positions cannot be exported for any length: export it for a fixed one")
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        return torch.compiler.disable(loop, reason="a loop over positions is no graph: it runs as it is")(*given)
    return loop(*given)
