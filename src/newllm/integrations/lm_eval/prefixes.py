"""What many contexts have in common, as a tree: a prefix that several begin with is a node that is read once."""

import dataclasses
from collections.abc import Sequence

import numpy as np

FEWEST_SHARED = 16
"""Tokens that two contexts must share beyond what is shared already: fewer are read again, which costs less."""


@dataclasses.dataclass
class Node:
    """A piece of a context.

    Attributes:
        ids: tokens to read after those of the parent, at least one.
        requests: which contexts end with it.
        children: what follows it.
    """

    ids: np.ndarray
    requests: list[int] = dataclasses.field(default_factory=list)
    children: list["Node"] = dataclasses.field(default_factory=list)


def prefix_tree(contexts: Sequence[Sequence[int]]) -> list[Node]:
    """Return the nodes that contexts begin with.

    Args:
        contexts: token ids, at least one each.
    """
    requests: dict[bytes, list[int]] = {}
    for number, context in enumerate(contexts):
        requests.setdefault(np.asarray(context, dtype=">u4").tobytes(), []).append(number)
    root = Node(np.zeros(0, dtype=np.int64))
    path = [(root, 0)]  # of the context before: its nodes, and where each ends
    before = root.ids
    for key in sorted(requests):  # big-endian: in the order of the tokens
        ids = np.frombuffer(key, dtype=">u4").astype(np.int64)
        shared, below = _shared(before, ids), None
        while path[-1][1] > shared:
            below = path.pop()[0]
        parent, end = path[-1]
        if below is not None and shared - end >= FEWEST_SHARED:
            parent, end = _split(parent, below, shared - end), shared
            path.append((parent, end))
        node = Node(ids[end:], requests[key])
        parent.children.append(node)
        path.append((node, len(ids)))
        before = ids
    return root.children


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many tokens two contexts begin with alike."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def _split(parent: Node, node: Node, length: int) -> Node:
    """Put a node of so many tokens between a node and its last child, and return it."""
    between = Node(node.ids[:length], children=[node])
    node.ids = node.ids[length:]
    parent.children[-1] = between
    return between
