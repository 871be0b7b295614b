"""From the prediction of the next token to one token: filters and one draw.

The order is that of the field: repetition penalty, temperature, top-k, top-p, min-p, draw. All of it
runs on the CPU in float64, so that a token depends on the prediction and the seed, not on the device.

The filters and the draw take one row or several, each with settings of its own; a row's bits do not depend on the
others. `next_token` chooses for one row, `batch_sampling` for many.

Shapes: V vocabulary, `...` nothing or rows.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from newllm.errors import UserError

LONGEST_WINDOW = 1024
"""The most tokens that a repetition penalty may look back over: as many are remembered."""

FORBIDDEN = -math.inf
SMALLEST_TEMPERATURE = 1e-200
"""Takes the likeliest, and is no division by what may be 0."""

_BOUNDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (lambda value: 0.0 <= value < math.inf, "0 (always the likeliest token) or above"),
    "top_k": (lambda value: value == int(value) >= 0, "a whole number, 0 for no limit"),
    "top_p": (lambda value: 0.0 < value <= 1.0, "above 0 and at most 1, which is no limit"),
    "min_p": (lambda value: 0.0 <= value <= 1.0, "between 0, which is no limit, and 1"),
    "repetition_penalty": (lambda value: 0.01 <= value <= 100.0, "between 0.01 and 100; 1 is no penalty"),
    "repetition_window": (
        lambda value: 0 <= value == int(value) <= LONGEST_WINDOW,
        f"a whole number from 0 to {LONGEST_WINDOW}",
    ),
}


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Args:
        temperature: divides the logits; 0 always takes the likeliest token.
        top_k: only the k likeliest tokens; 0 for all.
        top_p: only the smallest set of likeliest tokens whose probability reaches p (Holtzman et al.
            2020, arXiv:1904.09751); 1 for all.
        min_p: only tokens at least this many times as likely as the likeliest (Nguyen et al. 2024,
            arXiv:2407.01082); 0 for all.
        repetition_penalty: divides the positive logits of recent tokens and multiplies the negative ones
            (Keskar et al. 2019, arXiv:1909.05858); 1 for none.
        repetition_window: how many tokens are recent, those of the prompt included.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64

    def check(self) -> None:
        """Raise UserError for the first value that cannot be."""
        for name, (holds, wanted) in _BOUNDS.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not holds(value):
                raise UserError(f"{name} is {value!r}: it must be {wanted}")


def next_token(
    logits_V: Tensor,
    sampling: Sampling,
    recent: Sequence[int],
    generator: torch.Generator,
    forbidden: Sequence[int] | np.ndarray = (),
) -> int:
    """Choose one token.

    Args:
        logits_V: the prediction, -inf for a token that must not be chosen.
        sampling: how to choose, checked.
        recent: the tokens read last, the newest at the end.
        generator: of the CPU; one number is drawn from it, none at temperature 0.
        forbidden: more tokens that must not be chosen.

    Raises:
        UserError: the prediction is not finite; the model has diverged.
    """
    values_V = logits_V.detach().cpu().numpy().astype(np.float64)  # a copy: the prediction stays
    if len(forbidden):
        values_V[forbidden] = FORBIDDEN
    best = float(values_V.max())  # NaN if any is
    if not math.isfinite(best):
        raise diverged(best)
    values_V = penalise(values_V, recent, sampling)
    if sampling.temperature == 0.0:
        return int(values_V.argmax())
    # The maximum goes first: divided by a tiny temperature it would overflow. So would the rest by a tinier one.
    values_V = (values_V - values_V.max()) / max(sampling.temperature, SMALLEST_TEMPERATURE)
    if sampling.top_k:
        values_V = keep_top_k(values_V, int(sampling.top_k))
    if sampling.top_p < 1.0:
        values_V = keep_top_p(values_V, sampling.top_p)
    if sampling.min_p > 0.0:
        values_V = keep_min_p(values_V, sampling.min_p)
    return draw(np.exp(values_V), generator)


def diverged(best: float) -> UserError:
    """Return what is said of a prediction whose largest number is not finite."""
    return UserError(f"the model predicts {best}, it has diverged: take an earlier --snapshot")


def penalise(logits_V: np.ndarray, recent: Sequence[int], sampling: Sampling) -> np.ndarray:
    """Make each recent token less likely, once however often it occurred."""
    window = int(sampling.repetition_window)
    if sampling.repetition_penalty == 1.0 or not window or not recent:
        return logits_V
    ids = sorted(set(recent[-window:]))
    chosen, penalty = logits_V[ids], sampling.repetition_penalty
    logits_V = logits_V.copy()
    logits_V[ids] = np.where(chosen > 0, chosen / penalty, chosen * penalty)
    return logits_V


def keep_top_k(logits: np.ndarray, k: int | np.ndarray) -> np.ndarray:
    """Forbid all but the k largest of `[..., V]`, k as `[...]`; of equals the smaller id stays. 0 keeps all."""
    k = np.asarray(k)
    return _largest(logits, _descending(logits), np.where(k > 0, np.minimum(k, logits.shape[-1]), logits.shape[-1]))


def keep_top_p(logits: np.ndarray, p: float | np.ndarray) -> np.ndarray:
    """Forbid all but the smallest set of largest whose probability reaches p, as `[...]`. 1 keeps all."""
    p, descending = np.asarray(p), _descending(logits)
    best = descending[..., :1]
    # Summed in the order of the ids, whatever the order of their values: so it was always, and bits depend on it.
    reached = (np.exp(descending - best) / np.exp(logits - best).sum(axis=-1, keepdims=True)).cumsum(axis=-1)
    count = np.minimum(1 + (reached < p[..., None]).sum(axis=-1), logits.shape[-1])
    return _largest(logits, descending, np.where(p < 1.0, count, logits.shape[-1]))


def keep_min_p(logits: np.ndarray, min_p: float | np.ndarray) -> np.ndarray:
    """Forbid what is less than `min_p`, as `[...]`, times as likely as the likeliest. 0 keeps all."""
    # By math: numpy's logarithm of several numbers may have other bits than that of one.
    log = np.array([math.log(value) if value > 0.0 else -math.inf for value in np.ravel(min_p)])
    least = logits.max(axis=-1) + log.reshape(np.shape(min_p))
    return np.where(logits < least[..., None], FORBIDDEN, logits)


def draw(share_V: np.ndarray, generator: torch.Generator) -> int:
    """Draw an id by inverting the cumulative distribution at one uniform number; shares need not sum to 1.

    One number in the order of the ids: a prediction that differs in its last bits, as that of another
    device does, almost always gives the same token.
    """
    number = torch.rand(1, generator=generator, dtype=torch.float64).item()
    return int(drawn(share_V[None], np.array([number]))[0])


def drawn(share_BV: np.ndarray, number_B: np.ndarray) -> np.ndarray:
    """Return the id that `draw` takes of each row with its uniform number."""
    cumulative_BV = share_BV.cumsum(axis=-1)
    is_behind_BV = cumulative_BV > (number_B * cumulative_BV[:, -1])[:, None]
    token_B, rows_B = is_behind_BV.argmax(axis=-1), np.arange(len(share_BV))
    # Rounding may put the number on the very end, behind the last token that is possible.
    for row in np.flatnonzero(~is_behind_BV[:, -1] | (share_BV[rows_B, token_B] <= 0)):
        token_B[row] = share_BV[row].nonzero()[0][-1]
    return token_B


def _descending(logits: np.ndarray) -> np.ndarray:
    return -np.sort(-logits, axis=-1)


def _largest(logits: np.ndarray, descending: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the logits with all forbidden but the `count` largest, as `[...]`; of equals the smaller ids stay."""
    least = np.take_along_axis(descending, count[..., None] - 1, axis=-1)
    is_kept, is_least = logits >= least, logits == least
    too_many = is_kept.sum(axis=-1, keepdims=True) - count[..., None]
    if too_many.any():
        is_kept &= ~is_least | (is_least.cumsum(axis=-1) <= is_least.sum(axis=-1, keepdims=True) - too_many)
    return np.where(is_kept, logits, FORBIDDEN)
