"""Induction: which token came after the special one, when that comes again?

The synthetic task of Fu et al. 2022 ("Hungry Hungry Hippos", arXiv:2212.14052) in the form of Gu and Dao 2023
("Mamba", arXiv:2312.00752, section 4.1.2: a vocabulary of 16, trained at 256, asked at far longer rows), after the
induction heads of Olsson et al. 2022, arXiv:2209.11895. With 0 as the special token:

    tokens   7  3  0  9  4  4  1  0
    targets                       9

Shapes: B rows, T positions.
"""

import numpy as np

from newllm.recall.tasks.task import Rows, Task, as_rows, at_least, nothing_asked, one_item, sizes

SPECIAL = 0
VOCABULARY = 16


def induction(generator: np.random.Generator, rows: int, length: int, *, vocabulary: int = VOCABULARY) -> Rows:
    """Draw rows of random tokens with the special one twice: anywhere, and at the end.

    Args:
        generator: of the random numbers.
        rows: B.
        length: T, at least 3.
        vocabulary: how many tokens there are, the special one among them.

    Returns:
        `tokens_BT` and `targets_BT`; the last position alone is asked.

    Raises:
        UserError: a size is too small.
    """
    at_least("rows", rows, 1)
    at_least("length", length, 3)
    at_least("vocabulary", vocabulary, 2)
    tokens_BT, targets_BT = generator.integers(1, vocabulary, (rows, length)), nothing_asked(rows, length)
    row_B, place_B = np.arange(rows), generator.integers(length - 2, size=rows)
    tokens_BT[row_B, place_B] = tokens_BT[:, -1] = SPECIAL
    targets_BT[:, -1] = tokens_BT[row_B, place_B + 1]
    return as_rows(tokens_BT, targets_BT)


INDUCTION = Task(
    "induction",
    VOCABULARY,
    lambda generator, rows, size: induction(generator, rows, one_item("induction", size)),
    lambda _: 1 / (VOCABULARY - 1),
    trained=sizes((1, 16), (1, 64), (1, 256)),
    evaluated=sizes((1, 64), (1, 256), (1, 1024), (1, 4096)),
)
