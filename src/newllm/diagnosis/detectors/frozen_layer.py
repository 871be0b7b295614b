"""A layer that is said to be trained and does not move.

False alarms: none by chance; an update of exactly nothing at every sampled step while other layers move is no
accident. A layer that the optimizer was never given and that asks for no gradient is frozen on purpose: a note.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer, enough
from newllm.messages import message
from newllm.trace import Finding, Trace

SHARE = 0.95  # of the sampled steps at which others moved


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers that never moved."""
    layers = {name: one for name, one in by_layer(trace, "update_norm", facts).items() if enough(one, 3)}
    still = [name for name, one in layers.items() if np.mean(one.value == 0) >= SHARE]
    given = {layer.name: layer.trained for layer in facts.layers}
    bare = [layer.name for layer in facts.layers if not layer.trained and layer.parameters > 0]
    meant = [name for name in still if not given.get(name, True) and not _has_gradient(trace, name)]
    left = [*meant, *(name for name in bare if name not in still)]
    wrong = [name for name in still if name not in meant]
    if len(wrong) == len(layers):
        return []  # nothing moves at all: the learning rate is nothing, or every update is skipped
    return [_finding(trace, names, bad) for names, bad in ((wrong, True), (left, False)) if names]


def _has_gradient(trace: Trace, name: str) -> bool:
    """Whether gradients are computed for a layer: one that is frozen on purpose needs none."""
    return bool(np.any(trace.series(f"gradient_norm/{name}").value > 0))


def _finding(trace: Trace, names: list[str], wrong: bool) -> Finding:
    series = trace.series(f"update_norm/{names[0]}")
    return Finding(
        kind="frozen-layer",
        severity="warning" if wrong else "note",
        sentence=message("finding-frozen-layer.sentence", layers=and_more(names), count=len(names), trained=wrong),
        first_step=float(series.step[0]) if len(series.step) else None,
        last_step=float(series.step[-1]) if len(series.step) else None,
        confidence=0.95,
        signal=f"update_norm/{names[0]}" if len(series.step) else None,
        evidence={"layers": names},
        alternatives=tuple(message(f"finding-frozen-layer.{one}") for one in ("on-purpose", "left-out", "unused")),
        test=message("finding-frozen-layer.test"),
        candidate_causes=("frozen-layer",),
    )
