"""What speaks for a cause at the first update: what it was computed with, no update has made.

Weights as initialised, or as a checkpoint left them, are all that a first forward and backward pass hold.
"""

import math

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.kinds import FROM_START, STILL
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.harm import RISES
from newllm.diagnosis.layers import by_layer
from newllm.diagnosis.losses import finite
from newllm.trace import Finding

FADED, IDLE, AT_BOUNDS = 3e-4, 0.95, 0.9  # of the largest layer's gradient; of the units; of a tanh's bound
STEEP = 1000.0  # gradient times weights over the loss: about one a layer, in networks that are sound
USUAL = 100.0
GROWN = 30.0  # times that of the last layer
SHARP = 2.0  # nats by which log Z is above that of equal logits
ABOVE = 1.0  # nats by which a first loss is above that of guessing
SANE = (0.01, 10.0)  # standard deviation of inputs; their mean lies within the same bounds
SOON, FEW = 0.05, 3  # of the run, behind a resume; points
CHANGED, BACK = 0.03, 0.3  # of the first norm, until the resume; of that change, behind it
MOSTLY, AS_HIGH = 0.8, 0.8  # of the layers; times the first loss
NORMED = 0.02  # by so much weights of a norm may differ from one
OF_LAYERS = ("vanishing-gradient", "saturated-gates")


def layers_idle(case: Case) -> Seen:
    """Layers fade or are saturated, or a layer's own units are dead, in the first pass already; inputs are of one size.

    It explains a loss that stands or is bad from the start, beside these findings themselves.
    """
    kinds = STILL | FROM_START | {*OF_LAYERS, "dead-units", "update-ratio"}
    if case.finding.kind not in kinds or not _begins_here(case):
        return NOTHING
    of = [case.own_or_any(kind) for kind in OF_LAYERS] + [case.finding if case.finding.kind == "dead-units" else None]
    return next((_named(one) for one in of if one is not None and _at_first(case, one)), NOTHING)


def units_off(case: Case) -> Seen:
    """The loss stands or is bad from the start, or all rows get one output; a layer's units were dead before that."""
    found = case.own_or_any("dead-units")
    if case.finding.kind not in STILL | FROM_START | {"constant-output"} or found is None or not _begins_here(case):
        return NOTHING
    return {"layer": str(found.evidence["worst"])} if _at_first(case, found) else NOTHING


def _named(found: Finding) -> Seen:
    return {"layer": str(found.evidence["worst"]), "what": found.kind}


def _at_first(case: Case, found: Finding) -> bool:
    series = finite(case.trace.series(found.signal or ""))
    if found.severity == "note" or not len(series.value) or series.step[0] > 1:
        return False
    first = float(series.value[0])
    if found.kind == "vanishing-gradient":
        others = by_layer(case.trace, "gradient_norm", case.facts).values()
        if len(found.evidence["layers"]) < 2:
            return False  # one alone is what it is, as the keys of an attention are, or the slope of a PReLU
        return 0 < first < FADED * max(float(one.value[0]) for one in others)
    bounded = (found.signal or "").startswith("activation_rms")
    return first >= (AT_BOUNDS if bounded else IDLE)


def gradient_steep(case: Case) -> Seen:
    """The first gradient is thousands of times what loss and weights let expect, and grows on its way to the inputs.

    Gradient norm times weight norm over the loss does not depend on what the loss is multiplied by. Where the last
    layer's is as large, the loss itself is steep. The inputs are of one size.
    """
    kinds = STILL | FROM_START | {"update-ratio", "gradient-explosion", "saturated-gates", "always-clipped"}
    norm, loss = finite(case.trace.series("gradient_norm")), finite(case.trace.series("loss"))
    if case.finding.kind not in kinds or not _begins_here(case):
        return NOTHING
    steep = _steepness(case)
    if len(steep) < 2 or max(steep) < max(STEEP, GROWN * steep[-1]):
        return NOTHING
    return {"gradient": float(norm.value[0]), "loss": float(loss.value[0])}


def is_usual(case: Case) -> bool:
    """Whether the first gradient is what weights, loss and inputs of a usual size let expect."""
    steep = _steepness(case)
    return bool(steep) and max(steep) < USUAL and _begins_here(case)


def _steepness(case: Case) -> list[float]:
    """Return the first gradient norm times weight norm over the loss, by layer; empty where it was not seen."""
    norm, loss = finite(case.trace.series("gradient_norm")), finite(case.trace.series("loss"))
    if not len(norm.value) or not len(loss.value) or norm.step[0] > 1 or loss.value[0] <= 0:
        return []
    weights, slopes = (by_layer(case.trace, name, case.facts) for name in ("weight_norm", "gradient_norm"))
    return [
        float(slopes[name].value[0] * weight.value[0] / loss.value[0])
        for name, weight in weights.items()
        if name in slopes
    ]


def logits_wide(case: Case) -> Seen:
    """The first loss is far above that of guessing, as the logits of weights that no update has touched lie far apart.

    Norms whose weights are all one tell that the model was not trained before.
    """
    kinds = FROM_START | {"early-standstill", "attention-collapse", "bad-start"}
    classes = case.facts.vocabulary or _last(case, "target_classes_seen")
    if case.finding.kind not in kinds or not _begins_here(case) or not classes or classes < 2:
        return NOTHING
    log_z, loss = finite(case.trace.series("log_z")), finite(case.trace.series("loss"))
    form = case.trace.series("cross_entropy").value
    if not (len(log_z.value) and len(loss.value) and len(form)) or not form[0] or not _is_fresh(case):
        return NOTHING
    uniform = math.log(classes)
    wide = log_z.step[0] <= 1 and log_z.value[0] > uniform + SHARP and loss.value[0] > uniform + ABOVE
    return {"loss": float(loss.value[0]), "uniform": uniform} if wide else NOTHING


def begun_anew(case: Case) -> Seen:
    """Behind a resume the weights of nearly all layers are as long as at the very start, and so is the loss.

    Layers whose norm had hardly changed until then tell nothing.
    """
    near = max(2.0, SOON * case.length)
    before = [step for step in case.facts.resumed if 0 <= case.onset - step <= near]
    loss = finite(case.trace.series("loss"))
    if case.finding.kind not in RISES | {"resume-jump"} or not before or not len(loss.value):
        return NOTHING
    step = before[-1]
    again = loss.value[loss.step > step][:FEW]
    back = []
    for weight in by_layer(case.trace, "weight_norm", case.facts).values():
        earlier, later = weight.value[weight.step <= step], weight.value[weight.step > step]
        if len(earlier) > 1 and len(later) and abs(earlier[-1] / earlier[0] - 1) > CHANGED:
            back.append(abs(later[0] - earlier[0]) < BACK * abs(earlier[-1] - earlier[0]))
    if len(back) < 2 or np.mean(back) < MOSTLY or not len(again) or np.median(again) < AS_HIGH * loss.value[0]:
        return NOTHING
    return {"axis": case.trace.axis, "step": step, "loss": float(np.median(again)), "first": float(loss.value[0])}


def _begins_here(case: Case) -> bool:
    """Whether the training begins with the recording, and what the model is given has a usual size."""
    if case.facts.resumed or case.facts.origin is None or case.trace.axis != "step":
        return False
    std, mean = finite(case.trace.series("input_std")).value, finite(case.trace.series("input_mean")).value
    if not len(std) or not len(mean):
        return True  # tokens
    return SANE[0] <= float(np.median(std)) <= SANE[1] and abs(float(np.median(mean))) <= SANE[1]


def _is_fresh(case: Case) -> bool:
    """Whether the weights of all norms are one, as before a training, up to one update."""
    sizes = {layer.name: layer.parameters for layer in case.facts.layers if "Norm" in layer.kind and layer.parameters}
    squares = []
    for name, size in sizes.items():
        weight = finite(case.trace.series(f"weight_norm/{name}"))
        if len(weight.value):
            squares.append(float(weight.value[0]) ** 2 / size)
    return bool(squares) and all(min(abs(one - 1), abs(one - 0.5)) < NORMED for one in squares)


def _last(case: Case, name: str) -> float:
    value = finite(case.trace.series(name)).value
    return float(value[-1]) if len(value) else 0.0
