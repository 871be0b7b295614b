"""A gradient, or a signal, that fades with depth.

False alarms: layers differ in their norms by a factor of ten or so in sound models. A layer counts where its median
over the run, or its value at the first sampled step, is below `GRADIENT` (`SIGNAL`) of the largest layer's; exactly
nothing is another finding's (frozen layer).
"""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough, typical
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

GRADIENT = 3e-4  # of the largest layer's
SIGNAL = 1e-3
FEWEST = 3  # layers


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return layers whose gradient, or whose output, has all but vanished."""
    gradient = _faded(trace, facts, "gradient_norm", GRADIENT)
    signal = _faded(trace, facts, "activation_rms", SIGNAL)
    found = [
        _finding("vanishing-gradient", "gradient_norm", gradient) if gradient else None,
        _finding("vanishing-signal", "activation_rms", signal) if signal else None,
    ]
    return [one for one in found if one]


def _faded(trace: Trace, facts: Facts, statistic: str, least: float) -> dict[str, tuple[float, Series]]:
    """Return the share of the largest layer's value by layer, with the series, where it is below `least`."""
    series = {name: one for name, one in by_layer(trace, statistic, facts).items() if enough(one)}
    for level in (
        {n: typical(one) for n, one in series.items()},
        {n: float(one.value[0]) for n, one in series.items()},
    ):
        largest = max(level.values(), default=0.0)
        faded = {name: (value / largest, series[name]) for name, value in level.items() if 0 < value < least * largest}
        if len(level) >= FEWEST and faded:
            return faded
    return {}


def _finding(kind: str, statistic: str, faded: dict[str, tuple[float, Series]]) -> Finding:
    worst = min(faded, key=lambda name: faded[name][0])
    share, series = faded[worst]
    return Finding(
        kind=kind,
        severity="warning",
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
