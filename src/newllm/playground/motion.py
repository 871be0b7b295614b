"""What tokens did to the contexts, as plain data that is light enough to be sent with every token.

A heat map has at most `MOST_ROWS` rows a layer, float16 in base64; a row of several neighbouring channels shows the
one farthest from zero, so that no channel's excursion is lost. All else is computed from the whole contexts.

Shapes: T tokens, L layers, C channels, R rows.
"""

import base64
from typing import Any

import numpy as np

MOST_ROWS = 256
"""Of one layer's heat map."""

OCTAVES = 16
"""Of a histogram of time scales: from 1, 2, 4 ... tokens up, from 16,384 up, and without an end."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the time scales of a layer's channels."""

_LARGEST = 60000.0  # float16 ends at 65504


def rows(channels: int) -> int:
    """Return how many rows a layer's heat map has."""
    return 0 if channels == 0 else -(-channels // _together(channels))


def motion(before_LC: np.ndarray, contexts_TLC: np.ndarray, decays_TLC: np.ndarray) -> list[dict[str, Any]]:
    """Return of each token, by layer: `norm` of the context after it, `change`, `relative`, `scales` and `octaves`.

    `change` is the Euclidean length of the context's difference, `relative` is that over the norm before (None where
    that is 0). The time scale of a channel is `1 / (1 - decay)`: in so many tokens its past falls to 1/e, nearly.
    `scales` are its `QUANTILES` over the channels (None where a channel never forgets), `octaves` its histogram.

    Args:
        before_LC: the contexts before the first token.
        contexts_TLC: after each token.
        decays_TLC: what each token kept of them.
    """
    wide_TLC = np.concatenate([before_LC[None], contexts_TLC]).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        norms_TL = np.sqrt(np.square(wide_TLC).sum(axis=-1))
        changes_TL = np.sqrt(np.square(np.diff(wide_TLC, axis=0)).sum(axis=-1))
        relative_TL = np.where(norms_TL[:-1] > 0, changes_TL / norms_TL[:-1], np.nan)
        scales_TLC = 1 / (1 - decays_TLC.astype(np.float64))
    quantiles_TLQ = np.moveaxis(np.quantile(scales_TLC, QUANTILES, axis=-1, method="nearest"), 0, -1)
    columns = {
        "norm": _short(norms_TL[1:]), "change": _short(changes_TL), "relative": _short(relative_TL),
        "scales": _short(quantiles_TLQ), "octaves": octaves(scales_TLC).tolist(),
    }  # fmt: skip
    return [{name: values[at] for name, values in columns.items()} for at in range(len(contexts_TLC))]


def octaves(scales_TLC: np.ndarray) -> np.ndarray:
    """Return how many channels have a time scale in each octave, `[T, L, OCTAVES]`."""
    ends = 2.0 ** np.arange(OCTAVES - 1)
    bin_TLC = np.where(np.isposinf(scales_TLC), OCTAVES - 1, np.searchsorted(ends, scales_TLC, side="right") - 1)
    return (np.clip(bin_TLC, 0, OCTAVES - 1)[..., None] == np.arange(OCTAVES)).sum(axis=-2)


def packed_rows(contexts_TLC: np.ndarray) -> dict[str, Any]:
    """Return heat map columns: `data`, base64 of little-endian float16 `[T, L, R]`, each to be multiplied by `factor`.

    The factor is 1 unless a value is too large for float16.
    """
    rows_TLR = _extremes(contexts_TLC)
    finite = np.abs(rows_TLR[np.isfinite(rows_TLR)])
    factor = max(1.0, float(finite.max(initial=0.0)) / _LARGEST)
    data = (rows_TLR / factor).astype("<f2")
    return {"factor": factor, "rows": data.shape[-1], "data": base64.b64encode(data.tobytes()).decode()}


def _extremes(contexts_TLC: np.ndarray) -> np.ndarray:
    """Return of each group of neighbouring channels the value farthest from zero, NaN where one is NaN."""
    together = _together(contexts_TLC.shape[-1])
    if together == 1:
        return contexts_TLC
    missing = -contexts_TLC.shape[-1] % together
    padded = np.pad(contexts_TLC, ((0, 0), (0, 0), (0, missing)))
    groups = padded.reshape(*padded.shape[:2], -1, together)
    farthest = np.argmax(np.abs(groups), axis=-1, keepdims=True)  # NaN counts as the largest
    return np.take_along_axis(groups, farthest, axis=-1)[..., 0]


def _together(channels: int) -> int:
    return -(-channels // MOST_ROWS)


def _short(values: np.ndarray) -> Any:
    """Return nested lists of numbers of five digits; None for what is not finite."""
    if values.ndim > 1:
        return [_short(part) for part in values]
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
