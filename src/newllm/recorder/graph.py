"""The graph that autograd keeps of how a tensor was made."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor


def nodes(tensor: Tensor, most: int) -> Iterator[Any]:
    """Yield the nodes that made a tensor, each once, the last one first, and not more than `most`."""
    waiting: list[Any] = [tensor.grad_fn]
    known: set[Any] = set()
    while waiting and len(known) < most:
        node = waiting.pop()
        if node is None or node in known:
            continue
        known.add(node)
        yield node
        waiting += [before for before, _ in node.next_functions]


def is_hooked(saved: Any) -> bool:
    """Whether what a node saved (`_raw_saved_...`), one tensor or several, comes from a hook: it may run once only."""
    each = saved if isinstance(saved, tuple | list) else (saved,)
    return any(getattr(one, "unpack_hook", one) is not None for one in each)
