"""The chance by which the tokens of many texts are chosen."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch

from newllm.chance import stream_seed
from newllm.kernels.processor import has_numba


@final
class TextChance:
    """Draws one uniform number for each of some texts, those that `Engine.choose` draws: of its seed and its place.

    Args:
        seeds: of each text.
        compiled: False never takes the compiled call.
    """

    def __init__(self, seeds: Sequence[int], *, compiled: bool = True) -> None:
        self._seeds, self._fill, self._table = seeds, None, np.empty(0)
        prefixes = [f"({seed}, 'sampling', ".encode() for seed in seeds]  # as `stream_seed` writes an address
        if compiled and seeds and has_numba():
            from newllm.generation.compiled_chance import LONGEST_PREFIX, WORDS, fill, prefix_table  # numba is an extra

            if max(map(len, prefixes)) <= LONGEST_PREFIX:
                self._fill, self._table = fill, prefix_table(prefixes)
                self._words = np.empty((WORDS, len(seeds)), np.uint32)

    def __call__(self, tokens_read: Sequence[int]) -> np.ndarray:
        """Return the number of each text after so many tokens, float64."""
        numbers = np.empty(len(self._seeds))
        if self._fill is not None:
            self._fill(self._table, np.array(tokens_read, dtype=np.int64), self._words, numbers)
            return numbers
        generator = torch.Generator()
        for row, (seed, place) in enumerate(zip(self._seeds, tokens_read, strict=True)):
            generator.manual_seed(stream_seed(seed, "sampling", place))
            numbers[row] = torch.rand(1, generator=generator, dtype=torch.float64).item()
        return numbers
