"""The graph that autograd keeps of how a tensor was made."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor


def nodes(tensor: Tensor, most: int) -> Iterator[Any]:
    """Yield the nodes that made a tensor, each once, the last one first, and not more than `most`."""
    yield from nodes_from(tensor.grad_fn, most)


def nodes_from(last: Any, most: int) -> Iterator[Any]:
    """Yield a node and those before it, each once, and not more than `most`; nothing of None."""
    waiting: list[Any] = [last]
    known: set[Any] = set()
    while waiting and len(known) < most:
        node = waiting.pop()
        if node is None or node in known:
            continue
        known.add(node)
        yield node
        waiting += [before for before, _ in node.next_functions]


_SHAPES = ("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Clone", "ToCopy")
_ACTIVATIONS = {"SigmoidBackward": "sigmoid", "TanhBackward": "tanh"}


def last_activation(tensor: Tensor) -> str | None:
    """Return "sigmoid" or "tanh" of a tensor that one of them made, in whatever shape it came on; None of others."""
    node: Any = tensor.grad_fn
    while node is not None:
        name = node.name().rstrip("0123456789")
        if name in _ACTIVATIONS:
            return _ACTIVATIONS[name]
        if name.removesuffix("Backward") not in _SHAPES:
            return None
        node = node.next_functions[0][0]
    return None


def is_hooked(saved: Any) -> bool:
    """Whether what a node saved (`_raw_saved_...`), one tensor or several, comes from a hook: it may run once only."""
    each = saved if isinstance(saved, tuple | list) else (saved,)
    return any(getattr(one, "unpack_hook", one) is not None for one in each)
