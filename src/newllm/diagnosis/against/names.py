"""Layers that are called otherwise in another run of the same program: after a refactoring, say."""

from dataclasses import replace
from typing import Any

from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.roles import is_layered
from newllm.trace import Trace


def aligned(facts: Facts, trace: Trace, other: Facts) -> dict[str, Any]:
    """Return trace and facts of another run with its layers called as in a run, where they differ in names alone.

    That is where, class by class and size by size, both have as many; of those that are alike the order decides.

    Args:
        facts: of the run.
        trace: of the other one.
        other: its facts.
    """
    own = [layer.name for layer in facts.layers]
    strange = [layer for layer in other.layers if layer.name not in own]
    known = {layer.name for layer in other.layers}
    waiting = [layer for layer in facts.layers if layer.name not in known]
    if not strange or sorted(map(_like, strange)) != sorted(map(_like, waiting)):
        return {}
    names = {}
    for layer in strange:
        same = next(one for one in waiting if _like(one) == _like(layer))
        waiting.remove(same)
        names[layer.name] = same.name
    signals = {}
    for signal, series in trace.signals.items():
        statistic, slash, name = signal.partition("/")
        signals[f"{statistic}{slash}{names[name]}" if is_layered(signal) and name in names else signal] = series
    layers = tuple(replace(layer, name=names.get(layer.name, layer.name)) for layer in other.layers)
    return {"trace": replace(trace, signals=signals), "facts": replace(other, layers=layers)}


def _like(layer: Layer) -> tuple[str, int]:
    return layer.kind, layer.parameters
