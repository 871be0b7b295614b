"""A second moment that lags behind the gradient: g / sqrt(v) far above one, and so do the updates.

False alarms: the root mean square of g / sqrt(v) is about one in a steady run and up to a few in a noisy one; it must
exceed `LEAST` in a layer for `TIMES` sampled steps in a row, behind the first of them, or once by `HUGE`.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

LEAST = 5.0
HUGE = 20.0
TIMES = 3


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose second moment lags."""
    layers = by_layer(trace, "second_moment_mismatch", facts)
    places = {name: _place(one) for name, one in layers.items() if enough(one)}
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
            evidence={"layers": list(bad), "worst": worst, "largest": largest, "limit": LEAST},
            alternatives=(message("finding-gradient-explosion.unlike-batch"),),
            test=message("finding-second-moment.test"),
            candidate_causes=("beta2", "corrupted-batch", "moments-lost"),
        )
    ]


def _place(series: Series) -> slice | None:
    """Return the longest stretch above the limit, or None where it is neither long nor huge."""
    above = np.concatenate([[False], series.value[1:] > LEAST, [False]])
    edges = np.flatnonzero(np.diff(above.astype(int)))
    stretches = [slice(int(a) + 1, int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    counted = [one for one in stretches if one.stop - one.start >= TIMES or series.value[one].max() >= HUGE]
    return max(counted, key=lambda one: float(series.value[one].max()), default=None)
