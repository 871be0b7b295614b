"""What one run of the founding study comes to, beside what every study asks: classes, accuracy, mechanism."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from newllm.diagnosis.spike import Spike
from newllm.study import outcomes as general
from newllm.study.design import Record, Row
from newllm.study.outcomes import numbers, spikes_of

_PLATEAU = 10  # epochs before the onset that count as before the spike


def outcomes(record: Record, control: Record | None) -> Row:
    """Return the outcomes of one run.

    Args:
        record: from `newllm.study.record.read_record`.
        control: that of the document's run of the same seed and sentences, if this is not one itself.
    """
    spikes = spikes_of(record)
    onset = spikes["probe"][0].onset if spikes["probe"] else None
    row = general.outcomes(record, control) | _at_end(record) | _at_peak(record, spikes["validation"])
    return row | _accuracy(record) | _mechanism(record, onset)


def _at_end(record: Record) -> Row:
    """Return the losses of each token class at the end, and what unknown words carry of the gap."""
    validation, probe = record["validation"], record["probe"]["loss"]
    names = ("unknown", "end", "seen")
    tokens = {name: validation[f"{name}_tokens"][-1] for name in names}
    row: Row = {f"last_{name}": validation[name][-1] for name in names}
    row["unknown_share"] = tokens["unknown"] / sum(tokens.values())
    return row | {"gap_share_unknown": None if record["diverged"] else _gap_share(validation, probe, -1)}


def _at_peak(record: Record, spikes: Sequence[Spike]) -> Row:
    """Return how much of the first validation spike's height each token class carries."""
    names = ("unknown", "end", "seen")
    if not spikes or not math.isfinite(spikes[0].height) or record["diverged"]:
        return {f"peak_share_{name}": None for name in names}
    epochs, validation = record["epoch"], record["validation"]
    peak = epochs.index(spikes[0].peak)
    before = int(np.argmin(numbers(validation["loss"])[: epochs.index(spikes[0].onset)]))
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
    n = sum(validation[f"{name}_tokens"][-1] for name in ("unknown", "end", "seen"))
    usual, epochs = k.most_common(1)[0]
    all_correct = sum(validation["correct"][1:])
    return {
        "targets": n,
        "usual_correct": usual,
        "usual_correct_share": epochs / sum(k.values()),
        "correct_that_are_end": sum(validation["end_correct"][1:]) / all_correct if all_correct else None,
    }


def _mechanism(record: Record, onset: float | None) -> Row:
    """Return what context, gradients and updates did before the first probe spike, at it, and in all.

    Without a spike the values "at onset" are those of the last epoch.
    """
    at = record["epoch"].index(onset) if onset is not None else len(record["epoch"]) - 1
    norms = [(norms or [None])[-1] for norms in record["probe"].get("context_norm", [])]
    context = numbers(norms, missing=math.nan)
    gradient = numbers(record["train"]["gradient"], missing=math.nan)
    ratio = np.array([_middle(layers) for layers in record["train"]["layer_update"]], dtype=float)
    exponent = numbers(record["lyapunov"], missing=math.nan)
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


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
