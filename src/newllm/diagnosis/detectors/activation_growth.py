"""Activations, contexts or logits that grow and grow.

False alarms: every network grows away from its initial scale. A layer counts where its level at the end is `FACTOR`
times that of its first tenth, larger than `LARGE`, and still at its highest: settled growth is learning.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FACTOR = 10.0
LARGE = 30.0
LOGIT = 200.0


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what has grown out of range: layers, the context, or the logits."""
    layers = {f"activation_rms/{name}": one for name, one in by_layer(trace, "activation_rms", facts).items()}
    whole = {name: finite(trace.series(name)) for name in ("context_norm", "logit_max")}
    grown = {name: _growth(name, one) for name, one in {**layers, **whole}.items() if enough(one, 8)}
    bad = {name: growth for name, growth in grown.items() if growth is not None}
    if not bad:
        return []
    worst = max(bad, key=lambda name: bad[name])
    series = finite(trace.series(worst))
    return [
        Finding(
            kind="activation-growth",
            severity="warning",
            sentence=message(
                "finding-activation-growth.sentence",
                worst=worst,
                factor=bad[worst],
                last=float(series.value[-1]),
                signals=and_more(list(bad)),
            ),
            first_step=float(series.step[0]),
            last_step=float(series.step[-1]),
            confidence=0.8,
            signal=worst,
            evidence={"signals": list(bad), "factor": bad[worst], "last": float(series.value[-1])},
            alternatives=(message("finding-activation-growth.normalised-later"),),
            test=message("finding-activation-growth.test"),
            candidate_causes=("unbounded-recurrence", "learning-rate", "exploding-embedding"),
        )
    ]


def _growth(name: str, series: Series) -> float | None:
    value = np.abs(series.value)
    few = max(2, len(value) // 10)
    first, last = float(np.median(value[:few])), float(np.median(value[-few:]))
    large = LOGIT if name == "logit_max" else LARGE
    if first <= 0 or last < FACTOR * first or last < large:
        return None
    return last / first if last >= 0.9 * float(np.quantile(value, 0.95)) else None
