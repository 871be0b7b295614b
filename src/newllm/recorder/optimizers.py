"""The optimizers of a training, seen as one: Muon for the matrices and AdamW for the rest, say."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle


class Optimizers:
    """What several optimizers hold together.

    Args:
        each: of them, without wrappers; at least one.
    """

    def __init__(self, each: Sequence[Optimizer]) -> None:
        self.each = tuple(each)

    @property
    def name(self) -> str:
        """Return their names."""
        return " + ".join(type(one).__name__ for one in self.each)

    @property
    def groups(self) -> Iterator[tuple[Optimizer, dict[str, Any]]]:
        """Yield the parameter groups, each with its optimizer."""
        return ((one, group) for one in self.each for group in one.param_groups)

    def held(self, by: Optimizer | None = None) -> set[int]:
        """Return the ids of the parameters that they, or one of them, were given."""
        return {id(one) for owner, group in self.groups if by in (None, owner) for one in group["params"]}

    def state(self, parameter: Tensor) -> dict[Any, Any]:
        """Return what they keep of a parameter, such as its moments."""
        found: dict[Any, Any] = {}
        for one in self.each:
            found |= one.state.get(parameter, {})
        return found

    def hook(self, begins: Callable[..., Any], ends: Callable[..., Any]) -> list[RemovableHandle]:
        """Call these before and after each step of each of them; return what takes the hooks away."""
        return [
            handle
            for one in self.each
            for handle in (one.register_step_pre_hook(begins), one.register_step_post_hook(ends))
        ]
