"""Multi-query associative recall: pairs of key and value first, later the keys again, each asked for its value.

Arora et al. 2023, "Zoology: Measuring and Improving Recall in Efficient Language Models", arXiv:2312.04927; written
anew from zoology/data/multiquery_ar.py of https://github.com/HazyResearch/zoology at d88d6f5. With pairs (2, 8) and
(4, 7), where `.` is a filler and each query is answered at its own position:

    tokens   2  8  4  7  .  .  4  .  .  .  .  .  2  .
    targets                    7                 8

As there: keys are distinct tokens of the lower half without 0, values distinct tokens of the upper half, and queries
stand an even number of tokens after the pairs, drawn without repeats from the power law p(g) ~ g^(a - 1) over the gap g
= 1, 2, ... in steps of two tokens, so that most come soon. Otherwise than there: a filler is never a key of its own
row. Zoology draws fillers from the whole vocabulary, so that a key may come again without being asked, before some
other token that then looks like its value (its issue 29 is about that). Other rows' keys, and values, do occur.

Shapes: B rows, T positions, P pairs, N choices, V vocabulary.
"""

import numpy as np

from newllm.errors import UserError
from newllm.recall.tasks.task import Rows, Size, Task, as_rows, at_least, nothing_asked, sizes

VOCABULARY = 8192
FILLER = 0  # of rows without random fillers; no key


def mqar(
    generator: np.random.Generator,
    rows: int,
    pairs: int,
    length: int,
    *,
    vocabulary: int = VOCABULARY,
    power: float = 0.01,
    random_fillers: bool = True,
) -> Rows:
    """Draw rows of multi-query associative recall.

    Args:
        generator: of the random numbers.
        rows: B.
        pairs: P, each asked once.
        length: T, even, at least four times the pairs.
        vocabulary: V.
        power: a of the power law; 1 spreads the queries evenly.
        random_fillers: fill what is neither pair nor query with random tokens, else with 0 (zoology's
            random_non_queries).

    Returns:
        `tokens_BT` and `targets_BT`.

    Raises:
        UserError: the sizes do not fit each other.
    """
    _check(rows, pairs, length, vocabulary)
    keys_BP = 1 + without_repeats(generator, rows, pairs, np.ones(vocabulary // 2 - 1))
    values_BP = vocabulary // 2 + without_repeats(generator, rows, pairs, np.ones(vocabulary - vocabulary // 2))
    steps = length // 2 - pairs
    gaps_BP = without_repeats(generator, rows, pairs, np.arange(1.0, steps + 1) ** (power - 1))
    row_B1, asked_BP = np.arange(rows)[:, None], 2 * pairs + 2 * gaps_BP

    tokens_BT, targets_BT = np.full((rows, length), FILLER, dtype=np.int64), nothing_asked(rows, length)
    tokens_BT[:, 0 : 2 * pairs : 2], tokens_BT[:, 1 : 2 * pairs : 2] = keys_BP, values_BP
    tokens_BT[row_B1, asked_BP], targets_BT[row_B1, asked_BP] = keys_BP, values_BP
    if random_fillers:
        _fill(generator, tokens_BT, keys_BP, vocabulary)
    return as_rows(tokens_BT, targets_BT)


def without_repeats(generator: np.random.Generator, rows: int, count: int, weights_N: np.ndarray) -> np.ndarray:
    """Draw `count` of N choices without repeats, for each row, in the order in which they are drawn.

    The least of exponential times with these rates come first (Efraimidis and Spirakis 2006): the same as drawing one
    after another by weight from those that are left.

    Returns:
        Indices `[B, count]`.
    """
    times_BN = generator.standard_exponential((rows, len(weights_N))) / weights_N
    first = np.argpartition(times_BN, count - 1, axis=1)[:, :count]
    return np.take_along_axis(first, np.take_along_axis(times_BN, first, 1).argsort(axis=1), 1)


def _fill(generator: np.random.Generator, tokens_BT: np.ndarray, keys_BP: np.ndarray, vocabulary: int) -> None:
    """Put random tokens where fillers are; a key of the row is drawn again."""
    is_key_BV = np.zeros((len(keys_BP), vocabulary), dtype=bool)
    np.put_along_axis(is_key_BV, keys_BP, True, axis=1)
    row, place = np.nonzero(tokens_BT == FILLER)
    while len(row):
        drawn = generator.integers(vocabulary, size=len(row))
        again = is_key_BV[row, drawn]
        tokens_BT[row[~again], place[~again]] = drawn[~again]
        row, place = row[again], place[again]


def _check(rows: int, pairs: int, length: int, vocabulary: int) -> None:
    at_least("rows", rows, 1)
    at_least("pairs", pairs, 1)
    if length % 2 or length < 4 * pairs:
        raise UserError(f"length is {length} with {pairs} pairs: give an even number of at least {4 * pairs}")
    if vocabulary // 2 - 1 < pairs:
        raise UserError(f"vocabulary is {vocabulary} with {pairs} pairs: give at least {2 * pairs + 2}")


def mqar_task(vocabulary: int = VOCABULARY, *, random_fillers: bool = True) -> Task:
    """Return the task, trained on the sizes of zoology's own experiments."""

    def draw(generator: np.random.Generator, rows: int, size: Size) -> Rows:
        return mqar(generator, rows, size.items, size.length, vocabulary=vocabulary, random_fillers=random_fillers)

    trained = sizes((4, 64), (8, 128), (16, 256), (32, 256), (64, 256))
    asked = sizes((4, 64), (8, 64), (16, 64), (32, 128), (64, 256), (128, 512), (64, 2048))
    name = "mqar" if random_fillers else "mqar-zero-fillers"
    return Task(name, vocabulary, draw, lambda size: 1 / size.items, trained, asked)
