"""Units that are zero for everything, and gates that are all open or shut.

False alarms: with a batch of one or two a rectified unit is often zero throughout by chance, so the share must be
above `DEAD` in the median of the run's second half. A trained LSTM has some of its gates saturated, hardly above half.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough, typical
from newllm.messages import message
from newllm.trace import Finding, Trace

DEAD = 0.8
SATURATED = 0.8


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers with dead units and those with saturated gates."""
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
            found.append(_finding(trace, kind, statistic, (worst, bad, level[worst])))
    return found


def _finding(trace: Trace, kind: str, statistic: str, what: tuple[str, list[str], float]) -> Finding:
    worst, bad, share = what
    series = trace.series(f"{statistic}/{worst}")
    at_once = float(np.median(series.value[:2])) >= 0.8 * share  # so from the start: nothing that training did
    return Finding(
        kind=kind,
        severity="warning",
        sentence=message(f"finding-{kind}.sentence", share=share, worst=worst, layers=and_more(bad)),
        first_step=float(series.step[0]),
        last_step=float(series.step[-1]),
        confidence=0.85,
        signal=f"{statistic}/{worst}",
        evidence={"layers": bad, "worst": worst, "share": share},
        alternatives=(message("finding-dead-units.small-batch"), message("finding-dead-units.sparsity")),
        test=message("finding-dead-units.test"),
        candidate_causes=("initialisation", "learning-rate") if at_once else ("learning-rate", "initialisation"),
    )
