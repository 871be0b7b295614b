"""The next tokens of many texts at once: what `next_token` chooses for each, to the bit, in one pass.

Shapes: B rows, D rows whose token is drawn, V vocabulary.
"""

from collections.abc import Sequence
from itertools import chain
from typing import final

import numpy as np

from newllm.generation.sampling import (
    FORBIDDEN,
    SMALLEST_TEMPERATURE,
    Sampling,
    drawn,
    keep_min_p,
    keep_top_k,
    keep_top_p,
)
from newllm.generation.text_chance import TextChance

DIVERGED = -1
"""In the place of a token, where a prediction is not finite."""


@final
class BatchSampling:
    """Chooses a token for each of some rows. Made once for as long as the rows stay the same.

    Args:
        samplings: of each row, checked.
        seeds: of each row, of the stream "sampling".
        forbidden: tokens that must not be chosen.

    Attributes:
        penalised: the rows whose recent tokens are asked for.
    """

    def __init__(self, samplings: Sequence[Sampling], seeds: Sequence[int], forbidden: np.ndarray) -> None:
        self._samplings, self._forbidden = list(samplings), forbidden
        drawing = [row for row, sampling in enumerate(samplings) if sampling.temperature > 0.0]
        self._chance = TextChance([seeds[row] for row in drawing])
        self.penalised = [
            row for row, one in enumerate(samplings) if one.repetition_penalty != 1.0 and int(one.repetition_window)
        ]
        self._all_drawn, self._drawing = len(drawing) == len(samplings), np.array(drawing, dtype=np.int64)
        self._greedy = np.setdiff1d(np.arange(len(samplings)), self._drawing)
        own = [samplings[row] for row in drawing]
        self._temperature_D1 = np.array([max(one.temperature, SMALLEST_TEMPERATURE) for one in own])[:, None]
        top_k, top_p = np.array([int(one.top_k) for one in own]), np.array([one.top_p for one in own])
        min_p = np.array([one.min_p for one in own])
        wanted = (keep_top_k, top_k, top_k > 0), (keep_top_p, top_p, top_p < 1.0), (keep_min_p, min_p, min_p > 0.0)
        self._filters = [(keep, np.flatnonzero(rows), setting[rows]) for keep, setting, rows in wanted if rows.any()]

    def choose(self, logits_BV: np.ndarray, tokens_read: Sequence[int], recent: Sequence[Sequence[int]]) -> list[int]:
        """Return a token for each row, `DIVERGED` where its prediction is not finite.

        Args:
            logits_BV: the predictions.
            tokens_read: of each row, how many tokens its text has.
            recent: of each row in `penalised` the tokens read last, the newest at the end.
        """
        values_BV = logits_BV.astype(np.float64)
        if len(self._forbidden):
            values_BV[:, self._forbidden] = FORBIDDEN
        best_B = values_BV.max(axis=1)
        finite_B = np.isfinite(best_B)
        if not (are_finite := bool(finite_B.all())):
            values_BV[~finite_B], best_B[~finite_B] = 0.0, 0.0
        if self.penalised:
            self._penalise(values_BV, recent)
            best_B = values_BV.max(axis=1)
        token_B = np.empty(len(values_BV), dtype=np.int64)
        if len(self._greedy):
            token_B[self._greedy] = values_BV[self._greedy].argmax(axis=1)
        if self._all_drawn:
            token_B = self._drawn(values_BV, best_B, tokens_read)
        elif len(rows := self._drawing):
            token_B[rows] = self._drawn(values_BV[rows], best_B[rows], [tokens_read[row] for row in rows])
        if not are_finite:
            token_B[~finite_B] = DIVERGED
        return token_B.tolist()

    def _drawn(self, values_DV: np.ndarray, best_D: np.ndarray, tokens_read: Sequence[int]) -> np.ndarray:
        values_DV -= best_D[:, None]
        values_DV /= self._temperature_D1
        for keep, rows, setting in self._filters:
            if len(rows) == len(values_DV):
                values_DV = keep(values_DV, setting)
            else:
                values_DV[rows] = keep(values_DV[rows], setting)
        return drawn(np.exp(values_DV, out=values_DV), self._chance(tokens_read))

    def _penalise(self, values_BV: np.ndarray, recent: Sequence[Sequence[int]]) -> None:
        """Do to each row what `penalise` does to one."""
        own = [self._samplings[row] for row in self.penalised]
        some = [tokens[-int(one.repetition_window) :] for one, tokens in zip(own, recent, strict=True)]
        lengths = list(map(len, some))
        if not any(lengths):
            return
        # A token that occurs twice is given its one new value twice.
        places = np.repeat(self.penalised, lengths), np.array(list(chain.from_iterable(some)))
        penalty = np.repeat([one.repetition_penalty for one in own], lengths)
        chosen = values_BV[places]
        values_BV[places] = np.where(chosen > 0, chosen / penalty, chosen * penalty)
