"""Batches and arguments of any shape: tensors within tuples, lists, dictionaries and objects like dictionaries."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor with its path: "[0]", "['labels']"."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif isinstance(tree, list | tuple):
        for at, value in enumerate(tree):
            yield from leaves(value, f"{path}[{at}]")
    elif hasattr(tree, "__dict__"):
        for key, value in vars(tree).items():
            if isinstance(value, Tensor):
                yield f"{path}.{key}", value


def mapped(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a copy of a tree with its tensors changed; what holds no tensor is copied as it is."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, Mapping):
        made = {key: mapped(value, change) for key, value in tree.items()}
        if type(tree) is dict:
            return made
        other = copy.copy(tree)
        for key, value in made.items():
            other[key] = value  # type: ignore[index] (a mapping that is written to, as transformers' BatchEncoding)
        return other
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(value, change) for value in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(value, change) for value in tree)
    if hasattr(tree, "__dict__") and any(isinstance(value, Tensor) for value in vars(tree).values()):
        other = copy.copy(tree)
        for key, value in vars(tree).items():
            if isinstance(value, Tensor):
                setattr(other, key, change(value))
        return other
    return copy.deepcopy(tree)


def changed_at(tree: Any, path: str, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a copy of a tree whose tensor at a path (of `leaves`) is changed."""
    paths = iter([name for name, _ in leaves(tree)])
    return mapped(tree, lambda tensor: change(tensor) if next(paths, None) == path else tensor.clone())


def copied(tree: Any) -> Any:
    """Return a copy whose tensors share no memory with the original's."""
    return mapped(tree, lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad))


def integers(tree: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of whole numbers."""
    return ((path, tensor) for path, tensor in leaves(tree) if is_integer(tensor))


def is_integer(tensor: Tensor) -> bool:
    """Say whether a tensor holds whole numbers, as tokens are."""
    return tensor.dtype in (torch.int64, torch.int32, torch.int16, torch.uint8)


def chosen_rows(tree: Any, count: int, chosen: Tensor) -> Any:
    """Return a tree with only the chosen rows of every tensor whose first axis has `count` of them."""

    def some(tensor: Tensor) -> Tensor:
        if not tensor.ndim or tensor.shape[0] != count:
            return tensor.clone()
        return tensor[chosen] if tensor.layout == torch.strided else tensor.index_select(0, chosen.to(tensor.device))

    return mapped(tree, some)


def reordered(tree: Any, order: Tensor) -> Any:
    """Return a tree whose rows, of tensors and of plain lists as long as these, stand in another order `[B]`."""
    count = len(order)
    if type(tree) is dict:
        return {key: reordered(value, order) for key, value in tree.items()}
    if isinstance(tree, list | tuple) and not hasattr(tree, "_fields"):
        if len(tree) == count and not any(leaves(tree)):
            return type(tree)(tree[at] for at in order.tolist())
        return type(tree)(reordered(value, order) for value in tree)
    return chosen_rows(tree, count, order)


def same(tensor: Tensor, other: Tensor) -> bool:
    """Say whether two tensors hold the same bits; False where that cannot be seen, as of sparse ones."""
    if tensor.is_quantized:  # a view of it as bytes ends the process
        tensor, other = tensor.int_repr(), other.int_repr()
    try:
        if tensor.shape != other.shape or tensor.dtype != other.dtype:
            return False
        one, two = tensor.reshape(-1), other.reshape(-1)
        # Bytes are compared one by one: by eights it takes a fifth of the time.
        sizes = (each.element_size() * count for each in (one, two) for count in (each.numel(), each.storage_offset()))
        bits = torch.uint8 if any(size % 8 for size in sizes) else torch.int64
        return torch.equal(one.view(bits), two.view(bits))
    except (RuntimeError, TypeError):
        return False


def dense(gradient: Tensor) -> Tensor:
    """Return a gradient as all its numbers, as of an embedding whose gradient is sparse."""
    return gradient if gradient.layout == torch.strided else gradient.to_dense()
