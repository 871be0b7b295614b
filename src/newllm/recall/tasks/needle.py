"""Needle: one pair of key and value early in a long text of fillers; at its end the key, asked for the value.

After "Needle in a Haystack" (Kamradt 2023, https://github.com/gkamradt/LLMTest_NeedleInAHaystack) and RULER's single
needle (Hsieh et al. 2024, arXiv:2404.06654), in numbers. Keys, values and fillers are three kinds of token, so that
nothing competes with the pair: the task asks only how long a context keeps it while fillers pass.

    tokens   .  .  K  V  .  .  .  .  .  .  .  .  .  K
    targets                                         V

Shapes: B rows, T positions.
"""

import numpy as np

from newllm.recall.tasks.task import Rows, Task, as_rows, at_least, nothing_asked, one_item, sizes

KINDS = 256
FIRST_KEY, FIRST_VALUE, VOCABULARY = KINDS, 2 * KINDS, 3 * KINDS
EARLY = 4  # the pair begins in the first quarter


def needle(generator: np.random.Generator, rows: int, length: int) -> Rows:
    """Draw rows of fillers (tokens 0 to 255) with a key (256 to 511) and its value (512 to 767).

    Args:
        generator: of the random numbers.
        rows: B.
        length: T, at least 4.

    Returns:
        `tokens_BT` and `targets_BT`; the last position alone is asked.

    Raises:
        UserError: a size is too small.
    """
    at_least("rows", rows, 1)
    at_least("length", length, EARLY)
    tokens_BT, targets_BT = generator.integers(KINDS, size=(rows, length)), nothing_asked(rows, length)
    row_B, place_B = np.arange(rows), generator.integers(length // EARLY, size=rows)
    key_B, value_B = generator.integers(FIRST_KEY, FIRST_VALUE, rows), generator.integers(FIRST_VALUE, VOCABULARY, rows)
    tokens_BT[row_B, place_B] = tokens_BT[:, -1] = key_B
    tokens_BT[row_B, place_B + 1] = targets_BT[:, -1] = value_B
    return as_rows(tokens_BT, targets_BT)


NEEDLE = Task(
    "needle",
    VOCABULARY,
    lambda generator, rows, size: needle(generator, rows, one_item("needle", size)),
    lambda _: 1 / KINDS,
    trained=sizes((1, 32), (1, 128), (1, 256)),
    evaluated=sizes((1, 64), (1, 256), (1, 1024), (1, 4096)),
)
