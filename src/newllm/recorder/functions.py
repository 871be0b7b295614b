"""Looks at the torch functions that a model calls, modules or not; on sampled steps, for it costs a call a function."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

Look = Callable[..., None]
"""`look(output, *args, **kwargs)`: what a function returned, and what it was given."""


class FunctionWatch(TorchFunctionMode):
    """Calls every function as it is, and looks at some of them afterwards.

    Args:
        looks: by function.
    """

    def __init__(self, looks: Mapping[Any, Look]) -> None:
        super().__init__()
        self._looks = looks

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, then look."""
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        look = None if torch.compiler.is_compiling() else self._looks.get(func)
        if look is not None:
            look(output, *args, **kwargs)
        return output
