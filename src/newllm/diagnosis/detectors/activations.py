"""Signals within the layers: vanished, dead, saturated, growing, collapsed."""

import math
import re

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import BOUNDED, ROOT, and_more, by_layer, enough, typical
from newllm.diagnosis.levels import for_good, has_learnt
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# A gradient, or a signal, that fades with depth.
GRADIENT = 3e-4  # of the largest layer's
SIGNAL = 1e-3
FEWEST = 3  # layers
LOOKUPS = frozenset({"Embedding", "EmbeddingBag", "NGramTable"})  # kinds of layers that nothing comes before
ATTENDS = re.compile(r"(?i)^(to_|w_?|fc_?)?(q|k|query|key)(_?proj|_?lin(ear)?)?$")
GONE = 1e-6  # of the largest layer's: what was so faint was none at all
GROWN = 10
LAST = 0.75  # of the run: behind it is its end


def detect_vanishing(trace: Trace, facts: Facts) -> list[Finding]:
    """Return layers whose gradient, or whose output, has all but vanished.

    False alarms: layers differ in their norms by a factor of ten or so in sound models. A layer counts where its median
    over the run, or its value at the first sampled step, is below `GRADIENT` (`SIGNAL`) of the largest layer's; exactly
    nothing is another finding's (frozen layer). Adapters (LoRA) begin at nothing on purpose and are left out. So are
    attention's queries and keys, while its values have a gradient, and a model's own parameters, which are no layer.
    What an embedding gives is the beginning of a signal, which nothing before it can have weakened: where it is too
    faint for what follows, the layers behind it are faint too.
    Where no layer is so any more in the last quarter, and it was so at the first step alone while the last layer did
    give something, or the loss has been learnt, training has come over it: a note. Where a layer's output has grown
    out of range (`detect_growth`), outputs are held against each other up to there. And nothing is said where only
    outputs were so, at the first step alone and beside a signal that reached the end, that are `GROWN` times as large
    in the end: a branch may begin at zero (ReZero, adapters, tables of n-grams).
    """
    found = []
    lookups = {layer.name for layer in facts.layers if layer.kind in LOOKUPS}
    for kind, statistic, least in (
        ("vanishing-gradient", "gradient_norm", GRADIENT),
        ("vanishing-signal", "activation_rms", SIGNAL),
    ):
        series = {
            name: one
            for name, one in by_layer(trace, statistic, facts).items()
            if enough(one) and name != ROOT and not any(part.startswith("lora_") for part in name.split("."))
        }
        if kind == "vanishing-signal":
            series = _before_growth(series)
        faded, is_first = _faded(series, least)
        beginnings = lookups if kind == "vanishing-signal" else set()
        faded = {
            name: one for name, one in faded.items() if name not in beginnings and not _is_beside(name, series, least)
        }
        if faded:
            at_end = {name: typical(one, LAST) for name, one in series.items()}
            came_back = min(at_end[name] for name in faded) >= least * max(at_end.values())
            is_output = kind == "vanishing-signal" and list(faded) == list(series)[-1:]  # may begin at nothing
            faint = min(share for share, _ in faded.values())
            beside = is_first and _reaches_the_end(trace, facts)
            grown = all(at_end[name] >= GROWN * float(one.value[0]) for name, (_, one) in faded.items())
            if kind == "vanishing-signal" and beside and came_back and grown:
                continue  # tables or a branch that begin at zero
            reaches = beside or (faint > GONE and has_learnt(trace))
            found.append(_vanished(kind, statistic, faded, is_over=came_back and (is_output or reaches)))
    return found


def _before_growth(series: dict[str, Series]) -> dict[str, Series]:
    """Return outputs by layer up to where one of them has grown out of range: beside that, all others look faint."""
    grown = [one for name, one in series.items() if enough(one, 8) and _growth(name, one)]
    until = min(map(_grown_since, grown), default=math.inf)
    cut = {name: Series(one.step[one.step < until], one.value[one.step < until]) for name, one in series.items()}
    return {name: one for name, one in cut.items() if enough(one)}


def _reaches_the_end(trace: Trace, facts: Facts) -> bool:
    """Whether the last layer gives something, held against the first, at the first step: what fades is a branch."""
    layers = by_layer(trace, "activation_rms", facts)
    sizes = [float(one.value[0]) for name, one in layers.items() if name != ROOT and len(one.value)]
    return not sizes or sizes[-1] >= SIGNAL * sizes[0]


def _is_beside(name: str, series: dict[str, Series], least: float) -> bool:
    """Whether a query or key fades while another layer of the same attention does not: what is behind it is reached."""
    parent, _, last = name.rpartition(".")
    if not ATTENDS.search(last):
        return False
    beside = [typical(one) for other, one in series.items() if other != name and other.rpartition(".")[0] == parent]
    return bool(beside) and max(beside) >= least * max(typical(one) for one in series.values())


def _faded(series: dict[str, Series], least: float) -> tuple[dict[str, tuple[float, Series]], bool]:
    """Return the share of the largest layer's value by layer, with the series, where it is below `least`.

    And whether it is so at the first sampled step alone.
    """
    for is_first, level in (
        (False, {n: typical(one) for n, one in series.items()}),
        (True, {n: float(one.value[0]) for n, one in series.items()}),
    ):
        largest = max(level.values(), default=0.0)
        faded = {name: (value / largest, series[name]) for name, value in level.items() if 0 < value < least * largest}
        if len(level) >= FEWEST and faded:
            return faded, is_first
    return {}, False


def _vanished(kind: str, statistic: str, faded: dict[str, tuple[float, Series]], *, is_over: bool) -> Finding:
    worst = min(faded, key=lambda name: faded[name][0])
    share, series = faded[worst]
    return Finding(
        kind=kind,
        severity="note" if is_over else "warning",
        sentence=message(f"finding-{kind}.sentence", layers=and_more(list(faded)), worst=worst, share=share),
        first_step=float(series.step[0]),
        last_step=float(series.step[-1]),
        confidence=0.85,
        signal=f"{statistic}/{worst}",
        evidence={"layers": list(faded), "worst": worst, "share_of_largest": share},
        alternatives=(message("finding-vanishing-gradient.zero-branch"),),
        test=message("finding-vanishing-gradient.test", signal=statistic),
        candidate_causes=("initialisation", "frozen-layer"),
    )


# Units that are zero for everything, and gates that are all open or shut.
DEAD = 0.8
SATURATED = 0.8
AT_BOUNDS = 0.95
LASTING = 0.9  # of the points behind an onset


def detect_idle_units(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers with dead units and those with saturated gates.

    False alarms: with a batch of one or two a rectified unit is often zero throughout by chance, so the share must be
    above `DEAD` in the median of the run's second half. A trained LSTM has some of its gates saturated, hardly above
    half. What a recurrent layer hands on lies between -1 and 1: a root mean square of `AT_BOUNDS` leaves no unit that
    is not nearly at one of them.
    """
    found = []
    for kind, statistic, limit in (
        ("dead-units", "activation_zero", DEAD),
        ("saturated-gates", "gate_saturation", SATURATED),
    ):
        layers = {name: one for name, one in by_layer(trace, statistic, facts).items() if enough(one)}
        level = {name: typical(one, 0.5) for name, one in layers.items()}
        bad = [name for name, share in level.items() if share >= limit]
        if bad:
            worst = max(bad, key=lambda name: level[name])
            found.append(_idle(kind, f"{statistic}/{worst}", layers[worst], (worst, bad, level[worst], limit)))
    layers = by_layer(trace, "activation_rms", facts)
    bounded = {one.name for one in facts.layers if one.kind in BOUNDED}
    level = {name: typical(one) for name, one in layers.items() if name in bounded and enough(one)}
    bad = [name for name, size in level.items() if size >= AT_BOUNDS]
    if bad:
        worst = max(bad, key=lambda name: level[name])
        what = (worst, bad, level[worst], AT_BOUNDS)
        found.append(_idle("saturated-gates", f"activation_rms/{worst}", layers[worst], what, "bounded"))
    return found


def _idle(
    kind: str, signal: str, series: Series, what: tuple[str, list[str], float, float], how: str = "sentence"
) -> Finding:
    worst, bad, share, limit = what
    at_once = float(np.median(series.value[:2])) >= 0.8 * share  # so from the start: nothing that training did
    return Finding(
        kind=kind,
        severity="warning",
        sentence=message(f"finding-{kind}.{how}", share=share, worst=worst, layers=and_more(bad)),
        first_step=float(series.step[_onset(series.value >= limit)]),
        last_step=float(series.step[-1]),
        confidence=0.85,
        signal=signal,
        evidence={"layers": bad, "worst": worst, "share": share},
        alternatives=(message("finding-dead-units.small-batch"), message("finding-dead-units.sparsity")),
        test=message("finding-dead-units.test"),
        candidate_causes=("initialisation", "learning-rate") if at_once else ("learning-rate", "initialisation"),
    )


def _onset(idle: np.ndarray) -> int:
    """Return the first point from which on nine tenths of all points are idle, itself among them."""
    share_behind = np.cumsum(idle[::-1])[::-1] / np.arange(len(idle), 0, -1)
    return int(np.argmax(idle & (share_behind >= LASTING)))


# Activations, contexts or logits that grow and grow.
FACTOR = 10.0
LARGE = 30.0
LARGE_LOGIT = 200.0
SETTLED = 1.5  # times the level right behind the growth: at the end no more
FEWEST_EVALUATIONS, SOLVED = 3, 0.1  # of the validation loss at the first of them


def detect_growth(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what has grown out of range: layers, the context, or the logits.

    False alarms: every network grows away from its initial scale. A layer counts where its level at the end is `FACTOR`
    times that of its first tenth, larger than `LARGE`, and still at its highest: settled growth is learning. Of a
    policy, whose values grow with its rewards, it is a note. So it is where validation is at its best at the end, and a
    small part of what it was: whatever has grown serves.
    """
    layers = {f"activation_rms/{name}": one for name, one in by_layer(trace, "activation_rms", facts).items()}
    whole = {name: finite(trace.series(name)) for name in ("context_norm", "logit_max")}
    grown = {name: _growth(name, one) for name, one in {**layers, **whole}.items() if enough(one, 8)}
    bad = {name: growth for name, growth in grown.items() if growth is not None}
    if not bad:
        return []
    worst = max(bad, key=lambda name: bad[name])
    series = finite(trace.series(worst))
    is_usual = training_kind(trace, facts).name == "reinforcement" or _serves(trace)
    onset = int(np.searchsorted(series.step, _grown_since(series)))
    level = [float(np.median(part)) for part in np.array_split(np.abs(series.value[onset:]), 3) if len(part)]
    is_over = onset > 0 and level[-1] < SETTLED * level[0]
    return [
        Finding(
            kind="activation-growth",
            severity="note" if is_usual else "warning",
            sentence=message(
                f"finding-activation-growth.{'stays' if is_over else 'sentence'}",
                worst=worst,
                factor=bad[worst],
                last=float(series.value[-1]),
                signals=and_more(list(bad)),
            ),
            first_step=float(series.step[onset]),
            last_step=float(series.step[-1]),
            confidence=0.8,
            signal=worst,
            evidence={"signals": list(bad), "factor": bad[worst], "last": float(series.value[-1])},
            alternatives=(message("finding-activation-growth.normalised-later"),),
            test=message("finding-activation-growth.test"),
            candidate_causes=("unbounded-recurrence", "learning-rate", "exploding-embedding"),
        )
    ]


def _grown_since(series: Series) -> float:
    """Return the step from which on a value (n,) is `FACTOR` times its first level and more."""
    value = np.abs(series.value)
    since = for_good(series, value >= FACTOR * float(np.median(value[: max(2, len(value) // 10)])))
    return since[0] if since else float(series.step[0])


def _serves(trace: Trace) -> bool:
    validation = finite(trace.series("validation_loss")).value
    if len(validation) < FEWEST_EVALUATIONS or validation[0] <= 0:
        return False
    return has_learnt(trace) and bool(validation[-1] <= min(SOLVED * validation[0], validation.min()))


def _growth(name: str, series: Series) -> float | None:
    value = np.abs(series.value)
    few = max(2, len(value) // 10)
    first, last = float(np.median(value[:few])), float(np.median(value[-few:]))
    large = LARGE_LOGIT if name == "logit_max" else LARGE
    if first <= 0 or last < FACTOR * first or last < large:
        return None
    return last / first if last >= 0.9 * float(np.quantile(value, 0.95)) else None


def _collapsed_from(series: Series, *, by_entropy: bool) -> float:
    """Return the step from which on the entropy is below half of its start, or the logit above `COLLAPSED_LOGIT`."""
    half = float(np.median(series.value[:2])) / 2
    inside = series.value > half if by_entropy else series.value < COLLAPSED_LOGIT
    sound = np.flatnonzero(inside)
    return float(series.step[min(sound[-1] + 1, len(series.step) - 1) if len(sound) else 0])


# Attention whose every row has gone to one position, or whose logits have run away.
ENTROPY = 0.1  # nats
FELL = 5.0
COLLAPSED_LOGIT = 80.0


def detect_attention_collapse(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose attention has collapsed.

    False alarms: single heads do attend to one position (the one before); a whole layer's mean entropy below `ENTROPY`
    nats in the last quarter of the run, having been `FELL` times higher, is not usual, nor are logits above
    `COLLAPSED_LOGIT`.
    """
    entropy = {name: one for name, one in by_layer(trace, "attention_entropy", facts).items() if enough(one)}
    logit = {name: one for name, one in by_layer(trace, "attention_logit", facts).items() if enough(one)}
    low = {name: typical(one, 0.75) for name, one in entropy.items()}
    low = {
        name: level
        for name, level in low.items()
        if level < ENTROPY and np.median(entropy[name].value[:2]) > FELL * level
    }
    high = {name: typical(one, 0.75) for name, one in logit.items() if typical(one, 0.75) > COLLAPSED_LOGIT}
    if not low and not high:
        return []
    names = list(dict.fromkeys([*low, *high]))
    worst = names[0]
    signal = f"attention_entropy/{worst}" if worst in low else f"attention_logit/{worst}"
    series = trace.series(signal)
    return [
        Finding(
            kind="attention-collapse",
            severity="warning",
            sentence=message(
                "finding-attention-collapse.sentence",
                layers=and_more(names),
                measure="entropy" if worst in low else "logit",
                value=low[worst] if worst in low else high[worst],
                worst=worst,
            ),
            first_step=_collapsed_from(series, by_entropy=worst in low),
            last_step=float(series.step[-1]),
            confidence=0.8,
            signal=signal,
            evidence={"layers": names, "entropy": low, "logit": high},
            alternatives=(message("finding-attention-collapse.short-rows"),),
            test=message("finding-attention-collapse.test"),
            candidate_causes=("learning-rate", "no-warm-up", "initialisation"),
        )
    ]
