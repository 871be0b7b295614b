"""Copying: a string, blanks, a delimiter, then the string again, each of its symbols asked.

Without blanks the task of Jelassi et al. 2024, "Repeat After Me: Transformers are Better than State Space Models at
Copying", arXiv:2402.01032; with them the copying memory of Arjovsky et al. 2016, arXiv:1511.06464, after Hochreiter and
Schmidhuber 1997. With the string 5 3 9, where 0 is the blank and 1 the delimiter:

    tokens   5  3  9  0  0  1  5  3
    targets                 5  3  9

The last symbol is asked and not read again, so that a string of S symbols without blanks takes 2 S positions.

Shapes: B rows, T positions, S symbols of the string.
"""

import numpy as np

from newllm.recall.tasks.task import Rows, Task, as_rows, at_least, nothing_asked, sizes

BLANK, DELIMITER, FIRST_SYMBOL = 0, 1, 2
ALPHABET = 26


def copying(generator: np.random.Generator, rows: int, symbols: int, length: int, *, alphabet: int = ALPHABET) -> Rows:
    """Draw rows of copying.

    Args:
        generator: of the random numbers.
        rows: B.
        symbols: S.
        length: T, at least twice the symbols; what is more is blanks.
        alphabet: how many different symbols there are.

    Returns:
        `tokens_BT` and `targets_BT`.

    Raises:
        UserError: the string does not fit into the row twice.
    """
    at_least("rows", rows, 1)
    at_least("symbols", symbols, 1)
    at_least(f"length with {symbols} symbols", length, 2 * symbols)
    at_least("alphabet", alphabet, 1)
    string_BS = generator.integers(FIRST_SYMBOL, FIRST_SYMBOL + alphabet, (rows, symbols))
    tokens_BT, targets_BT = np.full((rows, length), BLANK, dtype=np.int64), nothing_asked(rows, length)
    tokens_BT[:, :symbols] = string_BS
    tokens_BT[:, length - symbols] = DELIMITER
    tokens_BT[:, length - symbols + 1 :] = string_BS[:, :-1]
    targets_BT[:, length - symbols :] = string_BS
    return as_rows(tokens_BT, targets_BT)


COPYING = Task(
    "copying",
    FIRST_SYMBOL + ALPHABET,
    lambda generator, rows, size: copying(generator, rows, size.items, size.length),
    lambda _: 1 / ALPHABET,
    trained=sizes((4, 8), (8, 16), (16, 32), (32, 64), (32, 128)),
    evaluated=sizes((8, 16), (16, 32), (32, 64), (64, 128), (128, 256), (32, 1024)),
)
