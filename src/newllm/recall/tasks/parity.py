"""Parity: is the number of ones so far odd? Asked at each position.

The smallest task of state tracking: one bit decides, and every token may turn it. Hahn 2020, arXiv:1906.06755, on why
attention of fixed depth fails; Grazzi et al. 2024, "Unlocking State-Tracking in Linear RNNs Through Negative
Eigenvalues", arXiv:2411.12537, on why a linear recurrence whose decays are all positive does too.

    tokens   1  0  1  1
    targets  1  1  0  1

Shapes: B rows, T positions.
"""

import numpy as np

from newllm.recall.tasks.task import Rows, Task, as_rows, at_least, one_item, sizes


def parity(generator: np.random.Generator, rows: int, length: int) -> Rows:
    """Draw rows of random bits.

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
    bits_BT = generator.integers(2, size=(rows, length))
    return as_rows(bits_BT, np.cumsum(bits_BT, axis=1) % 2)


PARITY = Task(
    "parity",
    2,
    lambda generator, rows, size: parity(generator, rows, one_item("parity", size)),
    lambda _: 1 / 2,
    trained=sizes((1, 8), (1, 16), (1, 32), (1, 64)),
    evaluated=sizes((1, 32), (1, 64), (1, 256), (1, 1024)),
)
