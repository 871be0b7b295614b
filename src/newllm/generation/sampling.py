"""From the prediction of the next token to one token: filters and one draw.

The order is that of the field: repetition penalty, temperature, top-k, top-p, min-p, draw. All of it
runs on the CPU in float64, so that a token depends on the prediction and the seed, not on the device.

Shapes: V vocabulary.
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

_FORBIDDEN = -math.inf
_SMALLEST_TEMPERATURE = 1e-200  # takes the likeliest, and is no division by what may be 0

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
        values_V[forbidden] = _FORBIDDEN
    best = float(values_V.max())  # NaN if any is
    if not math.isfinite(best):
        raise UserError(f"the model predicts {best}, it has diverged: take an earlier --snapshot")
    values_V = penalise(values_V, recent, sampling)
    if sampling.temperature == 0.0:
        return int(values_V.argmax())
    # The maximum goes first: divided by a tiny temperature it would overflow. So would the rest by a tinier one.
    values_V = (values_V - values_V.max()) / max(sampling.temperature, _SMALLEST_TEMPERATURE)
    values_V = keep_top_k(values_V, int(sampling.top_k))
    values_V = keep_top_p(values_V, sampling.top_p)
    return draw(np.exp(keep_min_p(values_V, sampling.min_p)), generator)


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


def keep_top_k(logits_V: np.ndarray, k: int) -> np.ndarray:
    """Forbid all but the k largest; of equals the smaller id stays. 0 keeps all."""
    if not 0 < k < len(logits_V):
        return logits_V
    return _without(logits_V, np.argsort(-logits_V, kind="stable")[k:])


def keep_top_p(logits_V: np.ndarray, p: float) -> np.ndarray:
    """Forbid all but the smallest set of largest whose probability reaches p. 1 keeps all."""
    if p >= 1.0:
        return logits_V
    order_V = np.argsort(-logits_V, kind="stable")
    power_V = np.exp(logits_V - logits_V.max())
    reached_V = (power_V / power_V.sum())[order_V].cumsum()
    return _without(logits_V, order_V[1 + int((reached_V < p).sum()) :])


def keep_min_p(logits_V: np.ndarray, min_p: float) -> np.ndarray:
    """Forbid what is less than `min_p` times as likely as the likeliest. 0 keeps all."""
    if min_p <= 0.0:
        return logits_V
    return _without(logits_V, logits_V < logits_V.max() + math.log(min_p))


def draw(share_V: np.ndarray, generator: torch.Generator) -> int:
    """Draw an id by inverting the cumulative distribution at one uniform number; shares need not sum to 1.

    One number in the order of the ids: a prediction that differs in its last bits, as that of another
    device does, almost always gives the same token.
    """
    cumulative_V = share_V.cumsum()
    at = torch.rand(1, generator=generator, dtype=torch.float64).item() * cumulative_V[-1]
    token = int(cumulative_V.searchsorted(at, side="right"))
    # Rounding may put the number on the very end, behind the last token that is possible.
    return token if token < len(cumulative_V) and share_V[token] > 0 else int(share_V.nonzero()[0][-1])


def _without(logits_V: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return the logits with some forbidden."""
    logits_V = logits_V.copy()
    logits_V[which] = _FORBIDDEN
    return logits_V
