"""Updates that are far too large, or far too small, for the weights they change.

A usual ratio is about a thousandth. False alarms: small models bear a twentieth, and weights that start at nothing have
large ratios at first, so only the run behind its first fifth counts, by its median. The first update by itself counts
where the weights did not start at nothing and have grown many times since.
"""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough, typical
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

LARGE = 0.1
FIRST = 0.5  # in the first sampled update, which Adam makes full size whatever the gradient is
SMALL = 1e-7
BEHIND = 0.2  # of the run
NOTHING = 1e-3  # root mean square of weights that start at nothing
BLOWN = 5.0  # times the weights' norm at the start


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose update ratio is out of range."""
    layers = {name: one for name, one in by_layer(trace, "update_ratio", facts).items() if enough(one)}
    level = {name: typical(one, BEHIND) for name, one in layers.items()}
    large = [name for name, ratio in level.items() if ratio > LARGE]
    if not large and (first := _first(trace, layers, facts)):
        worst = max(first, key=lambda name: first[name])
        return [_finding(trace, list(first), worst, level | first, True, at_first=True)]
    small = [name for name, ratio in level.items() if 0 < ratio < SMALL]
    found = [_finding(trace, large, max(large, key=lambda name: level[name]), level, True)] if large else []
    if small:
        found.append(_finding(trace, small, min(small, key=lambda name: level[name]), level, False))
    return found


def _first(trace: Trace, layers: dict[str, Series], facts: Facts) -> dict[str, float]:
    """Return the first ratio of the layers whose weights the first updates blew up."""
    sizes = {layer.name: layer.parameters for layer in facts.layers}
    found = {}
    for name, one in layers.items():
        weight = trace.series(f"weight_norm/{name}").value
        if one.value[0] <= FIRST or not len(weight):
            continue
        is_nothing = weight[0] < NOTHING * math.sqrt(sizes.get(name) or 1)
        if not is_nothing and np.nanmax(weight) > BLOWN * weight[0]:
            found[name] = float(one.value[0])
    return found


def _finding(
    trace: Trace, layers: list[str], worst: str, level: dict[str, float], large: bool, *, at_first: bool = False
) -> Finding:
    series = trace.series(f"update_ratio/{worst}")
    return Finding(
        kind="update-ratio",
        severity="warning",
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
