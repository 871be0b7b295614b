"""What one run of the founding study comes to: its record in some thirty numbers.

Spikes are found on the validation loss (what the document looks at) and on the probe loss (training sentences
in evaluation mode: what the model itself does, without words it never saw). Progress is the probe loss, its
median over the last five epochs; "by equal progress" is up to the first epoch at which an arm is as far as
its control was at the control's end, or, where it never gets there, to the arm's own end.
"""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from newllm.diagnosis import Spike, find_spikes
from newllm.study.design import Record, Row

SIGNALS = ("validation", "probe")
_SMOOTHING = 5
_HIGHEST = 100.0  # nats: what a loss that is not finite counts as, so that it can be averaged
_PLATEAU = 10  # epochs before the onset that count as before the spike


def outcomes(record: Record, control: Record | None) -> Row:
    """Return the outcomes of one run.

    Args:
        record: from `newllm.study.trial.measure`.
        control: that of the document's run of the same seed and sentences, if this is not one itself.
    """
    epochs = record["epoch"]
    spikes = {name: find_spikes(epochs, _numbers(record[name]["loss"])) for name in SIGNALS}
    until = equal_progress(record, control)
    row: Row = {"epochs": epochs[-1], "diverged": record["diverged"], "reached": until}
    for name, found in spikes.items():
        row |= _spike_outcomes(name, found, until if until is not None else epochs[-1])
    row |= _losses(record, spikes["validation"])
    row |= _accuracy(record)
    onset = spikes["probe"][0].onset if spikes["probe"] else None
    row |= _mechanism(record, onset)
    return row


def equal_progress(record: Record, control: Record | None) -> int | None:
    """Return the epoch at which a run is as far as its control at the control's end; None if it never is."""
    if control is None:
        return int(record["epoch"][-1])
    target = smoothed(control["probe"]["loss"])[-1]
    there = np.flatnonzero(smoothed(record["probe"]["loss"]) <= target)
    return int(record["epoch"][there[0]]) if len(there) else None


def smoothed(loss: Sequence[float | None]) -> np.ndarray:
    """Return the median of each value and the four before it."""
    values = np.array(_numbers(loss))
    return np.array([np.median(values[max(0, i - _SMOOTHING + 1) : i + 1]) for i in range(len(values))])


def _spike_outcomes(name: str, spikes: Sequence[Spike], until: float) -> Row:
    first = spikes[0] if spikes else None
    return {
        f"{name}_spikes": len(spikes),
        f"{name}_spiked": bool(spikes),
        f"{name}_spiked_by_equal_progress": any(spike.onset <= until for spike in spikes),
        f"{name}_onset": first and first.onset,
        f"{name}_peak": first and first.peak,
        f"{name}_height": first.height if first else 0.0,
        f"{name}_tallest": max((spike.height for spike in spikes), default=0.0),
        f"{name}_jump": first and first.jump,
        f"{name}_recovery": first and first.recovery,
    }


def _losses(record: Record, spikes: Sequence[Spike]) -> Row:
    """Return validation and probe losses at the best epoch and at the end, and what carries gap and spike."""
    validation, probe = record["validation"], _numbers(record["probe"]["loss"]).tolist()
    loss = _numbers(validation["loss"]).tolist()
    best = int(np.argmin(loss))
    row: Row = {
        "best_validation": loss[best],
        "best_epoch": record["epoch"][best],
        "last_validation": loss[-1],
        "last_train": _numbers(record["train"]["loss"])[-1],
        "lowest_probe": min(probe),
        "probe_at_best": probe[best],
        "last_probe": probe[-1],
        "gap_at_end": loss[-1] - probe[-1],
        "gap_share_unknown": None if record["diverged"] else _gap_share(validation, probe, -1),
    }
    for part in ("unknown", "end", "seen"):
        row[f"last_{part}"] = validation[part][-1]
    return row | _at_peak(record, spikes)


def _at_peak(record: Record, spikes: Sequence[Spike]) -> Row:
    """Return how much of the first validation spike's height each token class carries."""
    names = ("unknown", "end", "seen")
    if not spikes or not math.isfinite(spikes[0].height) or record["diverged"]:
        return {f"peak_share_{name}": None for name in names}
    epochs, validation = record["epoch"], record["validation"]
    peak = epochs.index(spikes[0].peak)
    before = int(np.argmin(_numbers(validation["loss"])[: epochs.index(spikes[0].onset)]))
    total = sum(validation[f"{name}_tokens"][-1] for name in names)
    shares = {}
    for name in names:
        tokens, series = validation[f"{name}_tokens"][-1], validation[name]
        rise = tokens / total * (series[peak] - series[before]) if tokens else 0.0
        shares[f"peak_share_{name}"] = rise / spikes[0].height
    return shares


def _gap_share(validation: dict[str, Any], probe: Sequence[float], at: int) -> float | None:
    """Return the share of the gap between validation and probe that unknown words carry."""
    tokens = {name: validation[f"{name}_tokens"][at] for name in ("unknown", "end", "seen")}
    gap = validation["loss"][at] - probe[at]
    if not tokens["unknown"] or gap <= 0:
        return None
    return tokens["unknown"] / sum(tokens.values()) * (validation["unknown"][at] - probe[at]) / gap


def _accuracy(record: Record) -> Row:
    """Return the exact k of n over all measured epochs, and how many of the correct predictions were the end."""
    validation = record["validation"]
    k = Counter(validation["correct"][1:])  # before the first update no prediction means anything
    tokens: Counter[str] = Counter()
    for correct in validation["correct_tokens"][1:]:
        tokens.update(correct)
    n = sum(validation[f"{name}_tokens"][-1] for name in ("unknown", "end", "seen"))
    usual, epochs = k.most_common(1)[0]
    all_correct = sum(tokens.values())
    return {
        "targets": n,
        "usual_correct": usual,
        "usual_correct_share": epochs / sum(k.values()),
        "correct_that_are_end": tokens["3"] / all_correct if all_correct else None,
    }


def _mechanism(record: Record, onset: float | None) -> Row:
    """Return what context, gradients and updates did before the first probe spike, at it, and in all.

    Without a spike the values "at onset" are those of the last epoch.
    """
    at = record["epoch"].index(onset) if onset is not None else len(record["epoch"]) - 1
    norms = [(norms or [None])[-1] for norms in record["probe"].get("context_norm", [])]
    context = _numbers(norms, missing=math.nan)
    gradient = _numbers(record["train"]["gradient"], missing=math.nan)
    ratio = np.array([_middle(layers) for layers in record["train"]["layer_update"]], dtype=float)
    exponent = _numbers(record["lyapunov"], missing=math.nan)
    before = slice(max(1, at - _PLATEAU), max(2, at - 2))
    return {
        "context_norm_before": _mean(context[before]),
        "context_norm_at_onset": _known(context[at]),
        "context_norm_at_end": _known(context[-1]),
        "context_norm_highest": _known(np.nanmax(context)) if not np.isnan(context).all() else None,
        "lyapunov_at_onset": _known(exponent[at]),
        "lyapunov_highest": _known(np.nanmax(exponent)) if not np.isnan(exponent).all() else None,
        "gradient_before": _mean(gradient[before]),
        "gradient_at_onset": _known(gradient[at]),
        "gradient_highest": _known(np.nanmax(gradient)),
        "update_before": _mean(ratio[before]),
        "update_at_onset": _known(ratio[at]),
        "update_context_correlation": _correlation(context[1 : at + 1], ratio[1 : at + 1]),
        "activation_growth": _growth(record["probe"]["activation"], at),
        "first_layer_to_grow": _steepest_layer(record["train"]["layer_gradient"], at),
    }


def _middle(layers: dict[str, float | None] | None) -> float:
    known = [value for value in (layers or {}).values() if value is not None]
    return statistics.median(known) if known else math.nan


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return Spearman's rank correlation, None where there is too little to correlate."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 5 or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return None
    return float(stats.spearmanr(a[known], b[known]).statistic)


def _growth(activation: Sequence[dict[str, float]], at: int) -> float | None:
    """Return how many times the largest layer's activation grew in the ten epochs up to `at`."""
    before, now = activation[max(0, at - _PLATEAU)], activation[at]
    growth = [now[name] / before[name] for name in now if before.get(name)]
    return max(growth) if growth else None


def _steepest_layer(gradients: Sequence[dict[str, float] | None], at: int) -> str | None:
    """Return the layer whose gradient grew the most, relative to itself, in the ten epochs up to `at`."""
    before, now = gradients[max(1, at - _PLATEAU)], gradients[at]
    if not before or not now:
        return None
    growth = {name: now[name] / before[name] for name in now if before.get(name)}
    return max(growth, key=growth.__getitem__) if growth else None


def _numbers(values: Sequence[float | None], missing: float = _HIGHEST) -> np.ndarray:
    """Return floats; a record keeps what is not finite as null."""
    return np.array([missing if value is None else value for value in values], dtype=float)


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
