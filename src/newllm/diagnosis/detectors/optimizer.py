"""Updates that do not fit the weights: a lagging second moment, a wrong size, decay that is most of them."""

import numpy as np

from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.layers import and_more, by_layer, enough, starts_at_nothing, typical
from newllm.diagnosis.levels import has_learnt, start_level
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# A second moment that lags behind the gradient: g / sqrt(v) far above one, and so do the updates.
MISMATCH = 5.0
HUGE_MISMATCH = 20.0
TIMES = 3


def detect_second_moment(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose second moment lags.

    False alarms: the root mean square of g / sqrt(v) is about one in a steady run and up to a few in a noisy one; it
    must exceed `MISMATCH` in a layer for `TIMES` sampled steps in a row, behind the first of them, or once by
    `HUGE_MISMATCH`. Of two opponents each one's loss leaves gradients in the other, which its optimizer never reads.
    """
    if training_kind(trace, facts).name == "adversarial":
        return []
    layers = by_layer(trace, "second_moment_mismatch", facts)
    places = {name: _mismatch(one) for name, one in layers.items() if enough(one)}
    bad = {name: place for name, place in places.items() if place is not None}
    if not bad:
        return []
    worst = max(bad, key=lambda name: float(layers[name].value[bad[name]].max()))
    series, place = layers[worst], bad[worst]
    first, last = int(series.step[place.start]), int(series.step[place.stop - 1])
    largest = float(series.value[place].max())
    return [
        Finding(
            kind="second-moment",
            severity="warning",
            sentence=message(
                "finding-second-moment.sentence",
                worst=worst,
                times=largest,
                axis=trace.axis,
                first=first,
                last=last,
                layers=and_more(list(bad)),
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.85,
            signal=f"second_moment_mismatch/{worst}",
            evidence={"layers": list(bad), "worst": worst, "largest": largest, "limit": MISMATCH},
            alternatives=(message("finding-gradient-explosion.unlike-batch"),),
            test=message("finding-second-moment.test"),
            candidate_causes=("beta2", "corrupted-batch", "moments-lost"),
        )
    ]


def _mismatch(series: Series) -> slice | None:
    """Return the longest stretch above the limit, or None where it is neither long nor huge."""
    above = np.concatenate([[False], series.value[1:] > MISMATCH, [False]])
    edges = np.flatnonzero(np.diff(above.astype(int)))
    stretches = [slice(int(a) + 1, int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    counted = [one for one in stretches if one.stop - one.start >= TIMES or series.value[one].max() >= HUGE_MISMATCH]
    return max(counted, key=lambda one: float(series.value[one].max()), default=None)


# Updates that are far too large, or far too small, for the weights they change.
LARGE = 0.1
FIRST = 0.5  # in the first sampled update, which Adam makes full size whatever the gradient is
SMALL = 1e-7
BEHIND = 0.2  # of the run
BORNE_FIRST, BORNE = (
    2.0,
    0.2,
)  # such a first update by itself, such a level, where the loss has been learnt all the same
BLOWN = 5.0  # times the weights' norm at the start


def detect_update_ratio(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose update ratio is out of range.

    A usual ratio is about a thousandth. False alarms: small models bear a twentieth, and weights that start at nothing
    have large ratios at first, so only the run behind its first fifth counts, by its median. The first update by itself
    counts where the weights did not start at nothing and have grown many times since. Where the loss has been learnt
    all the same, a first update up to `BORNE_FIRST` is a note, and so is a level up to `BORNE`.
    """
    layers = {name: one for name, one in by_layer(trace, "update_ratio", facts).items() if enough(one)}
    level = {name: typical(one, BEHIND) for name, one in layers.items()}
    large = [name for name, ratio in level.items() if ratio > LARGE]
    if not large and (first := _first_updates(trace, layers, facts)):
        worst = max(first, key=lambda name: first[name])
        return [_wrong_size(trace, list(first), worst, level | first, True, at_first=True)]
    small = [name for name, ratio in level.items() if 0 < ratio < SMALL]
    found = [_wrong_size(trace, large, max(large, key=lambda name: level[name]), level, True)] if large else []
    if small:
        found.append(_wrong_size(trace, small, min(small, key=lambda name: level[name]), level, False))
    return found


def _first_updates(trace: Trace, layers: dict[str, Series], facts: Facts) -> dict[str, float]:
    """Return the first ratio of the layers whose weights the first updates blew up."""
    found = {}
    for name, one in layers.items():
        weight = trace.series(f"weight_norm/{name}")
        if one.value[0] <= FIRST or not len(weight.value) or starts_at_nothing(weight, name, facts):
            continue
        if np.nanmax(weight.value) > BLOWN * weight.value[0]:
            found[name] = float(one.value[0])
    return found


def _wrong_size(
    trace: Trace, layers: list[str], worst: str, level: dict[str, float], large: bool, *, at_first: bool = False
) -> Finding:
    series, loss = trace.series(f"update_ratio/{worst}"), finite(trace.series("loss")).value
    # Of a loss below zero nobody knows how much of it has been learnt: a first update that others bear is no alarm.
    is_borne = has_learnt(trace) or (at_first and loss.min(initial=0.0) < 0)
    return Finding(
        kind="update-ratio",
        severity="note" if large and level[worst] < (BORNE_FIRST if at_first else BORNE) and is_borne else "warning",
        sentence=message(
            "finding-update-ratio.sentence",
            at_first=at_first,
            worst=worst,
            ratio=level[worst],
            large=large,
            layers=and_more(layers),
        ),
        first_step=float(series.step[0]),
        last_step=float(series.step[0 if at_first else -1]),
        confidence=0.8,
        signal=f"update_ratio/{worst}",
        evidence={"layers": layers, "worst": worst, "ratio": level[worst], "limit": LARGE if large else SMALL},
        alternatives=(message(f"finding-update-ratio.{'start-at-nothing' if large else 'hardly-used'}"),),
        test=message("finding-update-ratio.test", worst=worst, large=large),
        candidate_causes=_causes(layers, worst, level) if large else ("initialisation", "learning-rate"),
    )


def _causes(layers: list[str], worst: str, level: dict[str, float]) -> tuple[str, ...]:
    """Return the likeliest causes of large updates: the rate where all layers have them, else that layer's own."""
    if 2 * len(layers) > len(level):
        return ("learning-rate", "no-warm-up")
    own = ("exploding-embedding", "initialisation") if "emb" in worst.lower() else ("initialisation",)
    return (*own, "learning-rate", "no-warm-up")


# Weights that decay more than they learn.
OUTWEIGHS = 0.5  # of an update
NOTHING_LEFT = 0.1  # of the loss at the start
SHRUNK = 0.4  # of its length at the start: decay has eaten most of a layer
MOST_LAYERS = 2 / 3  # of those that decay
LESS = 0.01  # of the decay is tried: where it is most of each update a tenth may still be


def detect_decay(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that decay is most of what updates do to the weights.

    False alarms: it is arithmetic, of decay that is no part of the gradient (AdamW): rate times decay times weight,
    held against the whole update; or, where decay is added to the gradient, decay times weight against gradient. In
    sound trainings it is a hundredth.
    Without a gradient decay is all that is left, which other findings say; so the layer must have one, at most updates,
    and only those count at which something of the loss was left to learn. Rows of an embedding that a batch does not
    use only decay: what is so in some layers alone is a note where the loss is learnt.
    """
    shares, learnt = {}, _learnt_steps(trace)
    for layer in facts.layers:
        update, weight = (trace.series(f"{name}/{layer.name}") for name in ("update_norm", "weight_norm"))
        both = np.intersect1d(update.step, weight.step)
        rate = trace.series("learning_rate")
        both = both[np.isin(both, rate.step) & ~np.isin(both, learnt)]
        if layer.penalty > 0 and (share := _penalty_share(trace, layer, learnt)) is not None:
            shares[layer.name] = share
        gradient = trace.series(f"gradient_norm/{layer.name}").value
        if layer.weight_decay <= 0 or len(both) < 4 or not len(gradient) or np.median(gradient) <= 0:
            continue
        u, w, r = (one.value[np.isin(one.step, both)] for one in (update, weight, rate))
        behind = slice(int(BEHIND * len(both)), None)
        share = r[behind] * layer.weight_decay * w[behind] / np.where(u[behind] > 0, u[behind], np.inf)
        shares[layer.name] = float(np.median(share))
    large = [name for name, share in shares.items() if share > OUTWEIGHS]
    if not large or 2 * len(large) < len(shares):
        return []
    worst = max(large, key=lambda name: shares[name])
    series = trace.series(f"weight_norm/{worst}")
    said = {"worst": worst, "share": min(1.0, shares[worst]), "layers": and_more(large)}
    values = {layer.weight_decay or layer.penalty for layer in facts.layers if layer.name in large}
    less = message("finding-weight-decay.test")
    sentence = message("finding-weight-decay.sentence", **said)
    if len(values) == 1:
        decay = values.pop()
        sentence = message("finding-weight-decay.one-value", decay=decay, **said)
        less = message("finding-weight-decay.less", decay=LESS * decay)
    return [
        Finding(
            kind="weight-decay",
            severity="note" if has_learnt(trace) and len(large) < MOST_LAYERS * len(shares) else "warning",
            sentence=sentence,
            first_step=float(series.step[0]),
            last_step=float(series.step[-1]),
            confidence=0.95,
            signal=f"weight_norm/{worst}",
            evidence={"layers": large, "worst": worst, "share": shares[worst]},
            alternatives=(message("finding-weight-decay.on-purpose"),),
            test=less,
            candidate_causes=("weight-decay",),
        )
    ]


def _learnt_steps(trace: Trace) -> np.ndarray:
    """Return the steps at which next to nothing of the loss was left: (n,)."""
    loss = finite(trace.series("loss"))
    if not len(loss.value) or loss.value.min() < 0:
        return np.zeros(0)
    return loss.step[loss.value < NOTHING_LEFT * start_level(loss)]


def _penalty_share(trace: Trace, layer: Layer, learnt: np.ndarray) -> float | None:
    """Return which share of what the optimizer is given for a layer is decay that is added to the gradient."""
    gradient, weight = (trace.series(f"{name}/{layer.name}") for name in ("gradient_norm", "weight_norm"))
    both = np.setdiff1d(np.intersect1d(gradient.step, weight.step), learnt)
    g, w = (one.value[np.isin(one.step, both)] for one in (gradient, weight))
    if len(both) < 4 or not g.any():
        return None
    share = layer.penalty * w / (layer.penalty * w + g)
    behind = float(np.median(share[int(BEHIND * len(both)) :]))
    if has_learnt(trace) or np.median(w[len(w) // 2 :]) > SHRUNK * w[0]:
        return behind
    # What is left of such a layer is held up by noise, so that the gradient is as large as the decay. It shrank before.
    return max(behind, float(np.median(share[: int(np.argmax(w < SHRUNK * w[0]))])))
