"""S5: the product so far of permutations of five elements, asked at each position.

State tracking: the word problem of the group S5 is complete for NC1, and attention and linear recurrences with diagonal
decays are in TC0, so that (unless the two are the same) no such model of fixed depth does it at every length. Merrill
et al. 2024, "The Illusion of State in State-Space Models", arXiv:2404.08819. A token is the number of a permutation in
lexicographic order, 0 the identity; an answer is the number of the permutation that applies all tokens so far, the
earliest first.

Shapes: B rows, T positions, G = 120 permutations.
"""

import functools
import itertools

import numpy as np

from newllm.recall.tasks.task import Rows, Task, as_rows, at_least, one_item, sizes

PERMUTATIONS = tuple(itertools.permutations(range(5)))
"""By number: the element at place i goes to place `PERMUTATIONS[number][i]`."""


def s5(generator: np.random.Generator, rows: int, length: int) -> Rows:
    """Draw rows of random permutations.

    Args:
        generator: of the random numbers.
        rows: B.
        length: T, at least 1.

    Returns:
        `tokens_BT` and `targets_BT`, all positions asked.

    Raises:
        UserError: a size is below 1.
    """
    at_least("rows", rows, 1)
    at_least("length", length, 1)
    tokens_BT = generator.integers(len(PERMUTATIONS), size=(rows, length))
    return as_rows(tokens_BT, _running_product(tokens_BT))


def _running_product(tokens_BT: np.ndarray) -> np.ndarray:
    """Multiply the products of the last 1, 2, 4, ... tokens, until they reach back to the first (Hillis, Steele)."""
    product_BT, reach = tokens_BT.copy(), 1
    while reach < tokens_BT.shape[1]:
        product_BT[:, reach:] = _products()[product_BT[:, :-reach], product_BT[:, reach:]]
        reach *= 2
    return product_BT


@functools.cache
def _products() -> np.ndarray:
    """Return `[G, G]`: the number of the permutation that applies the first, then the second."""
    number = {permutation: index for index, permutation in enumerate(PERMUTATIONS)}
    return np.array(
        [[number[tuple(then[place] for place in first)] for then in PERMUTATIONS] for first in PERMUTATIONS]
    )


S5 = Task(
    "s5",
    len(PERMUTATIONS),
    lambda generator, rows, size: s5(generator, rows, one_item("s5", size)),
    lambda _: 1 / len(PERMUTATIONS),
    trained=sizes((1, 4), (1, 8), (1, 16), (1, 32)),
    evaluated=sizes((1, 8), (1, 16), (1, 32), (1, 64), (1, 256)),
)
