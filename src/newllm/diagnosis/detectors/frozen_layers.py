"""Layers that never move: frozen, out of the loss's reach, unknown to torch, or with updates too small for 16 bits."""

import math
from dataclasses import replace

import numpy as np

from newllm.diagnosis.detectors.optimizer import BEHIND, SMALL
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import ROOT, and_more, by_layer, enough, typical
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# A layer that is said to be trained and does not move.
GUESSING = (0.95, 1.3)  # of ln K, where the loss of a model that knows nothing begins
UNREGISTERED, UNFROZEN = "unregistered/", "unfrozen/"
HEAD_BEHIND, MOST_REACHED = 2, 0.9  # layers with a gradient before a head that has none, and of all that are trained
ROW = 2  # others in a list of layers
ADDS_UP = 3.0  # times what a layer's gradient was at first: it is never cleared
STILL = 0.95  # of the sampled steps at which others moved


def detect_frozen_layer(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers that never moved.

    False alarms: none by chance; an update of exactly nothing at every sampled step while other layers move is no
    accident. A layer that the optimizer was never given and that asks for no gradient is frozen on purpose: a note,
    unless it is the last one and knew nothing at the start. So is one that no gradient can reach, as nothing that comes
    of it is in the loss; and one that moves between the updates is another optimizer's. The recording says which layers
    are frozen at its end: one that had moved until then was frozen on the way, which is a note. So is one that it saw
    unfrozen while others had moved for a while. So are normalisations
    that the optimizer was not given: the layers around them can learn what their scales would. Where weights have 16
    bits, one that has gradients is not frozen: its updates are lost.
    """
    updates = by_layer(trace, "update_norm", facts)
    layers = {name: one for name, one in updates.items() if enough(one, 3)}
    still = [name for name, one in layers.items() if np.mean(one.value == 0) >= STILL and not _moves(trace, name)]
    if _most_are_tiny(trace, facts, still):
        return []
    given = {layer.name: layer.trained for layer in facts.layers}
    bare = [layer.name for layer in facts.layers if not layer.trained and layer.parameters > 0]
    meant = [name for name in still if not given.get(name, True) and not _has_gradient(trace, name)]
    moved = {name: one.step[np.flatnonzero(one.value)[-1]] for name, one in updates.items() if one.value.any()}
    left = [*meant, *(name for name in bare if name not in {*still, *moved} and not _moves(trace, name))]
    unused = [name for name in still if name not in meant and _is_unused(trace, facts, name)]
    wrong = [name for name in still if name not in meant + unused]
    if len(wrong) == len(layers):
        return []  # nothing moves at all: the learning rate is nothing, or every update is skipped
    head = _new_head(trace, facts, left)
    late = [name for name in wrong if name in {layer.name for layer in facts.layers if not layer.given}]
    wrong = [name for name in wrong if name not in late]
    rounded = [name for name in wrong if "weights_still" in trace.signals and _has_gradient(trace, name)]
    wrong = [name for name in wrong if name not in rounded]
    groups = ((wrong, "asked"), ([one for one in left if one != head], "not-given"), (unused, "unused"))
    found = [_frozen_late(trace, facts, late)] if late else []
    found += [_rounded(trace, rounded)] if rounded else []
    found += [_frozen(trace, names, why) for names, why in groups if names]
    ended = [name for name in bare if name in moved and _go_on(layers, moved[name])]
    found += [_frozen_on_the_way(trace, ended, max(float(moved[name]) for name in ended))] if ended else []
    found += _unfrozen(trace, updates)
    return [_frozen_head(trace, head), *found] if head else found


def detect_unregistered_layers(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the layers that get gradients and that the model keeps in plain lists, where torch does not know them.

    False alarms: none by chance. Who keeps a layer there on purpose, as a teacher, computes no gradient for it, and who
    gives its parameters to the optimizer has it trained.
    """
    names = [name.removeprefix(UNREGISTERED) for name in trace.signals if name.startswith(UNREGISTERED)]
    if not names:
        return []
    sentence = message("finding-frozen-layer.unregistered", layers=and_more(names), count=len(names))
    first = float(trace.series(UNREGISTERED + names[0]).step[0])
    found = replace(_frozen(trace, names, "asked"), sentence=sentence, first_step=first, last_step=trace.last_step)
    evidence = {"layers": names, "gradient": True}
    return [replace(found, evidence=evidence, alternatives=(), test=message("finding-frozen-layer.register"))]


def _new_head(trace: Trace, facts: Facts, left: list[str]) -> str | None:
    """Return the last layer of a classifier, if it is frozen and knew nothing: the loss began at that of guessing.

    A head that was trained before would begin below it, or above, where it is confident of other classes than these.
    One within a layer that is trained is what an adapter stands beside.
    """
    holding = [layer.name for layer in facts.layers if layer.parameters > 0]
    classes = trace.series("target_classes_seen").value
    loss = finite(trace.series("loss")).value
    if not holding or holding[-1] not in left or not len(classes) or classes[-1] < 2 or len(loss) < 3:
        return None
    least, most = (share * math.log(classes[-1]) for share in GUESSING)
    beside = {layer.name for layer in facts.layers if layer.trained and layer.parameters > 0}
    is_adapted = holding[-1].rpartition(".")[0] in beside
    return holding[-1] if least < float(np.median(loss[:3])) < most and not is_adapted else None


def _most_are_tiny(trace: Trace, facts: Facts, still: list[str]) -> bool:
    """Whether most layers that move do so by so little that rounding lets any stand: that is another finding."""
    moving = [one for name, one in by_layer(trace, "update_ratio", facts).items() if name not in still and enough(one)]
    return bool(moving) and float(np.median([typical(one, BEHIND) for one in moving])) < SMALL


def _moves(trace: Trace, name: str) -> bool:
    """Whether a layer's weights change although the recorded optimizer does not change them."""
    norm = finite(trace.series(f"weight_norm/{name}")).value
    seen = len(trace.series(f"frozen_changed/{name}").step) > 0  # the recorder saw it, of some tensors in turn
    return seen or (len(norm) > 1 and bool(np.mean(np.diff(norm) != 0) >= 0.5))


def _is_unused(trace: Trace, facts: Facts, name: str) -> bool:
    """Whether nothing that comes of a layer is in the loss.

    It was not called, or no layer behind it has a gradient. Or it is one of several heads: it has none itself, and all
    others before it have one, which reaches them around it. (A first layer that is tied to the last has one anyway.)
    Or it is the last of layers in a row, and all before it in the row have one.
    """
    if _has_gradient(trace, name) or not any(signal.startswith("gradient_norm/") for signal in trace.signals):
        return False
    names = [layer.name for layer in facts.layers]
    before, behind = (names[: names.index(name)], names[names.index(name) + 1 :]) if name in names else ([], names)
    called = f"activation_rms/{name}" in trace.signals
    others = any(signal.startswith("activation_rms/") for signal in trace.signals)
    if name == ROOT:  # a parameter of the model itself, which is in no layer that could be seen to be called
        return True
    reached = [_has_gradient(trace, layer.name) for layer in facts.layers if layer.trained and layer.name in before]
    is_head = sum(reached) >= max(HEAD_BEHIND, MOST_REACHED * len(reached))
    if (others and not called) or is_head or _ends_a_row(trace, names, name):
        return True
    return not any(_has_gradient(trace, other) for other in behind)


def _ends_a_row(trace: Trace, names: list[str], name: str) -> bool:
    """Whether a layer is the last of three and more in a list ("norms.7"), of which all others have a gradient."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part.isdigit():
            alike = [".".join([*parts[:place], str(at), *parts[place + 1 :]]) for at in range(int(part))]
            after = ".".join([*parts[:place], str(int(part) + 1), *parts[place + 1 :]])
            before = [other for other in alike if other in names]
            if len(before) >= ROW and after not in names and all(_has_gradient(trace, one) for one in before):
                return True
    return False


def _has_gradient(trace: Trace, name: str) -> bool:
    """Whether gradients are computed for a layer: one that is frozen on purpose needs none."""
    return bool(np.any(trace.series(f"gradient_norm/{name}").value > 0))


def _frozen_head(trace: Trace, head: str) -> Finding:
    found = _frozen(trace, [head], "not-given")
    start, classes = float(np.median(finite(trace.series("loss")).value[:3])), trace.series("target_classes_seen").value
    sentence = message("finding-frozen-layer.new-head", layers=head, start=start, classes=int(classes[-1]))
    return replace(found, severity="warning", sentence=sentence)


def _frozen_late(trace: Trace, facts: Facts, names: list[str]) -> Finding:
    norms = [trace.series(f"gradient_norm/{name}") for name in names]
    pulled = [Series(one.step[one.value > 0], one.value[one.value > 0]) for one in norms if np.any(one.value > 0)]
    firsts = [int(one.step[0]) for one in pulled]
    first, last = min(firsts), max(firsts)
    said = {"layers": and_more(names), "count": len(names), "axis": trace.axis, "first": first}
    sentence = message("finding-frozen-layer.late", **said)
    if first < last:
        sentence = message("finding-frozen-layer.one-by-one", **said, last=last)
    # The optimizer clears no gradient that it was not given.
    adds_up = any(one.value[-1] > ADDS_UP * one.value[0] for one in pulled)
    found = replace(
        _frozen(trace, names, "asked"),
        first_step=float(first),
        sentence=sentence,
        evidence={"layers": names, "first": first, **({"adds_up": True} if adds_up else {})},
        alternatives=(message("finding-frozen-layer.for-another"),),
        test=message("finding-frozen-layer.give"),
    )
    kinds = [layer.kind for layer in facts.layers if layer.name in names]
    are_scales = bool(kinds) and all(kind.rstrip("123d").endswith("Norm") for kind in kinds)
    severity = "note" if are_scales else found.severity  # what they would learn the layers around them can
    return replace(found, severity=severity)


def _go_on(layers: dict[str, Series], last: float) -> bool:
    """Whether other layers moved in three sampled updates, or more, behind a step."""
    return any(int(np.sum(one.value[one.step > last] > 0)) >= 3 for one in layers.values())


def _frozen_on_the_way(trace: Trace, names: list[str], last: float) -> Finding:
    said = {"layers": and_more(names), "count": len(names), "axis": trace.axis, "last": int(last)}
    found = replace(_frozen(trace, names, "not-given"), sentence=message("finding-frozen-layer.ended", **said))
    found = replace(found, first_step=float(last), last_step=trace.last_step, evidence={"layers": names, "last": last})
    return replace(found, alternatives=(), test=None, candidate_causes=())


def _unfrozen(trace: Trace, updates: dict[str, Series]) -> list[Finding]:
    """Return the layers that were frozen while others moved in three sampled updates or more, and move since."""
    begun = {name: one.step[0] for name in updates if len((one := trace.series(UNFROZEN + name)).step)}
    since = {
        name: int(step)
        for name, step in begun.items()
        if np.any(updates[name].value[updates[name].step >= step] > 0)
        and any(int(np.sum(one.value[one.step < step] > 0)) >= 3 for one in updates.values())
    }
    if not since:
        return []
    names, first, last = list(since), min(since.values()), max(since.values())
    said = {"layers": and_more(names), "count": len(names), "axis": trace.axis, "first": first}
    sentence = message("finding-frozen-layer.begun", **said, last=last if last > first else None)
    found = replace(_frozen(trace, names, "not-given"), sentence=sentence, first_step=float(first))
    found = replace(found, last_step=float(last), evidence={"layers": names, "first": first, "last": last})
    return [replace(found, alternatives=(), test=None, candidate_causes=())]


def _rounded(trace: Trace, names: list[str]) -> Finding:
    sentence = message("finding-lost-updates.layers", layers=and_more(names), count=len(names))
    return replace(
        _frozen(trace, names, "asked"),
        kind="lost-updates",
        sentence=sentence,
        alternatives=(message("finding-lost-updates.tiny"),),
        test=message("finding-lost-updates.test"),
        candidate_causes=("lost-updates",),
    )


def _frozen(trace: Trace, names: list[str], why: str) -> Finding:
    series = trace.series(f"update_norm/{names[0]}")
    return Finding(
        kind="frozen-layer",
        severity="warning" if why == "asked" else "note",
        sentence=message("finding-frozen-layer.sentence", layers=and_more(names), count=len(names), why=why),
        first_step=float(series.step[0]) if len(series.step) else None,
        last_step=float(series.step[-1]) if len(series.step) else None,
        confidence=0.95,
        signal=f"update_norm/{names[0]}" if len(series.step) else None,
        evidence={"layers": names, "gradient": any(_has_gradient(trace, name) for name in names)},
        alternatives=tuple(message(f"finding-frozen-layer.{one}") for one in ("on-purpose", "left-out", "unused")),
        test=message("finding-frozen-layer.test"),
        candidate_causes=("frozen-layer",),
    )
