"""Updates that do not fit the weights: a lagging second moment, a wrong size, none at all."""

import math
from dataclasses import replace

import numpy as np

from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.layers import ROOT, and_more, by_layer, enough, starts_at_nothing, typical
from newllm.diagnosis.levels import has_learnt, start_level
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# A second moment that lags behind the gradient: g / sqrt(v) far above one, and so do the updates.
MISMATCH = 5.0
HUGE_MISMATCH = 20.0
TIMES = 3


def detect_second_moment(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose second moment lags.

    False alarms: the root mean square of g / sqrt(v) is about one in a steady run and up to a few in a noisy one; it
    must exceed `MISMATCH` in a layer for `TIMES` sampled steps in a row, behind the first of them, or once by
    `HUGE_MISMATCH`. Of two opponents each one's loss leaves gradients in the other, which its optimizer never reads.
    """
    if training_kind(trace, facts).name == "adversarial":
        return []
    layers = by_layer(trace, "second_moment_mismatch", facts)
    places = {name: _mismatch(one) for name, one in layers.items() if enough(one)}
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
            evidence={"layers": list(bad), "worst": worst, "largest": largest, "limit": MISMATCH},
            alternatives=(message("finding-gradient-explosion.unlike-batch"),),
            test=message("finding-second-moment.test"),
            candidate_causes=("beta2", "corrupted-batch", "moments-lost"),
        )
    ]


def _mismatch(series: Series) -> slice | None:
    """Return the longest stretch above the limit, or None where it is neither long nor huge."""
    above = np.concatenate([[False], series.value[1:] > MISMATCH, [False]])
    edges = np.flatnonzero(np.diff(above.astype(int)))
    stretches = [slice(int(a) + 1, int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    counted = [one for one in stretches if one.stop - one.start >= TIMES or series.value[one].max() >= HUGE_MISMATCH]
    return max(counted, key=lambda one: float(series.value[one].max()), default=None)


# Updates that are far too large, or far too small, for the weights they change.
LARGE = 0.1
FIRST = 0.5  # in the first sampled update, which Adam makes full size whatever the gradient is
SMALL = 1e-7
BEHIND = 0.2  # of the run
BORNE_FIRST, BORNE = (
    2.0,
    0.2,
)  # such a first update by itself, such a level, where the loss has been learnt all the same
BLOWN = 5.0  # times the weights' norm at the start


def detect_update_ratio(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers whose update ratio is out of range.

    A usual ratio is about a thousandth. False alarms: small models bear a twentieth, and weights that start at nothing
    have large ratios at first, so only the run behind its first fifth counts, by its median. The first update by itself
    counts where the weights did not start at nothing and have grown many times since. Where the loss has been learnt
    all the same, a first update up to `BORNE_FIRST` is a note, and so is a level up to `BORNE`.
    """
    layers = {name: one for name, one in by_layer(trace, "update_ratio", facts).items() if enough(one)}
    level = {name: typical(one, BEHIND) for name, one in layers.items()}
    large = [name for name, ratio in level.items() if ratio > LARGE]
    if not large and (first := _first_updates(trace, layers, facts)):
        worst = max(first, key=lambda name: first[name])
        return [_wrong_size(trace, list(first), worst, level | first, True, at_first=True)]
    small = [name for name, ratio in level.items() if 0 < ratio < SMALL]
    found = [_wrong_size(trace, large, max(large, key=lambda name: level[name]), level, True)] if large else []
    if small:
        found.append(_wrong_size(trace, small, min(small, key=lambda name: level[name]), level, False))
    return found


def _first_updates(trace: Trace, layers: dict[str, Series], facts: Facts) -> dict[str, float]:
    """Return the first ratio of the layers whose weights the first updates blew up."""
    found = {}
    for name, one in layers.items():
        weight = trace.series(f"weight_norm/{name}")
        if one.value[0] <= FIRST or not len(weight.value) or starts_at_nothing(weight, name, facts):
            continue
        if np.nanmax(weight.value) > BLOWN * weight.value[0]:
            found[name] = float(one.value[0])
    return found


def _wrong_size(
    trace: Trace, layers: list[str], worst: str, level: dict[str, float], large: bool, *, at_first: bool = False
) -> Finding:
    series, loss = trace.series(f"update_ratio/{worst}"), finite(trace.series("loss")).value
    # Of a loss below zero nobody knows how much of it has been learnt: a first update that others bear is no alarm.
    is_borne = has_learnt(trace) or (at_first and loss.min(initial=0.0) < 0)
    return Finding(
        kind="update-ratio",
        severity="note" if large and level[worst] < (BORNE_FIRST if at_first else BORNE) and is_borne else "warning",
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


# A layer that is said to be trained and does not move.
GUESSING = (0.95, 1.3)  # of ln K, where the loss of a model that knows nothing begins
UNREGISTERED = "unregistered/"
HEAD_BEHIND, MOST_REACHED = 2, 0.9  # layers with a gradient before a head that has none, and of all that are trained
ROW = 2  # others in a list of layers
ADDS_UP = 3.0  # times what a layer's gradient was at first: it is never cleared
STILL = 0.95  # of the sampled steps at which others moved


# Weights that decay more than they learn.
OUTWEIGHS = 0.5  # of an update
NOTHING_LEFT = 0.1  # of the loss at the start
SHRUNK = 0.4  # of its length at the start: decay has eaten most of a layer
MOST_LAYERS = 2 / 3  # of those that decay


def detect_decay(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that decay is most of what updates do to the weights.

    False alarms: it is arithmetic, of decay that is no part of the gradient (AdamW): rate times decay times weight,
    held against the whole update; or, where decay is added to the gradient, decay times weight against gradient. In
    sound trainings it is a hundredth.
    Without a gradient decay is all that is left, which other findings say; so the layer must have one, at most updates,
    and only those count at which something of the loss was left to learn. Rows of an embedding that a batch does not
    use only decay: what is so in some layers alone is a note where the loss is learnt.
    """
    shares, learnt = {}, _learnt_steps(trace)
    for layer in facts.layers:
        update, weight = (trace.series(f"{name}/{layer.name}") for name in ("update_norm", "weight_norm"))
        both = np.intersect1d(update.step, weight.step)
        rate = trace.series("learning_rate")
        both = both[np.isin(both, rate.step) & ~np.isin(both, learnt)]
        if layer.penalty > 0 and (share := _penalty_share(trace, layer, learnt)) is not None:
            shares[layer.name] = share
        gradient = trace.series(f"gradient_norm/{layer.name}").value
        if layer.weight_decay <= 0 or len(both) < 4 or not len(gradient) or np.median(gradient) <= 0:
            continue
        u, w, r = (one.value[np.isin(one.step, both)] for one in (update, weight, rate))
        behind = slice(int(BEHIND * len(both)), None)
        share = r[behind] * layer.weight_decay * w[behind] / np.where(u[behind] > 0, u[behind], np.inf)
        shares[layer.name] = float(np.median(share))
    large = [name for name, share in shares.items() if share > OUTWEIGHS]
    if not large or 2 * len(large) < len(shares):
        return []
    worst = max(large, key=lambda name: shares[name])
    series = trace.series(f"weight_norm/{worst}")
    return [
        Finding(
            kind="weight-decay",
            severity="note" if has_learnt(trace) and len(large) < MOST_LAYERS * len(shares) else "warning",
            sentence=message(
                "finding-weight-decay.sentence", worst=worst, share=min(1.0, shares[worst]), layers=and_more(large)
            ),
            first_step=float(series.step[0]),
            last_step=float(series.step[-1]),
            confidence=0.95,
            signal=f"weight_norm/{worst}",
            evidence={"layers": large, "worst": worst, "share": shares[worst]},
            alternatives=(message("finding-weight-decay.on-purpose"),),
            test=message("finding-weight-decay.test"),
            candidate_causes=("weight-decay",),
        )
    ]


def _learnt_steps(trace: Trace) -> np.ndarray:
    """Return the steps at which next to nothing of the loss was left: (n,)."""
    loss = finite(trace.series("loss"))
    if not len(loss.value) or loss.value.min() < 0:
        return np.zeros(0)
    return loss.step[loss.value < NOTHING_LEFT * start_level(loss)]


def _penalty_share(trace: Trace, layer: Layer, learnt: np.ndarray) -> float | None:
    """Return which share of what the optimizer is given for a layer is decay that is added to the gradient."""
    gradient, weight = (trace.series(f"{name}/{layer.name}") for name in ("gradient_norm", "weight_norm"))
    both = np.setdiff1d(np.intersect1d(gradient.step, weight.step), learnt)
    g, w = (one.value[np.isin(one.step, both)] for one in (gradient, weight))
    if len(both) < 4 or not g.any():
        return None
    share = layer.penalty * w / (layer.penalty * w + g)
    behind = float(np.median(share[int(BEHIND * len(both)) :]))
    if has_learnt(trace) or np.median(w[len(w) // 2 :]) > SHRUNK * w[0]:
        return behind
    # What is left of such a layer is held up by noise, so that the gradient is as large as the decay. It shrank before.
    return max(behind, float(np.median(share[: int(np.argmax(w < SHRUNK * w[0]))])))


def detect_frozen_layer(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the layers that never moved.

    False alarms: none by chance; an update of exactly nothing at every sampled step while other layers move is no
    accident. A layer that the optimizer was never given and that asks for no gradient is frozen on purpose: a note,
    unless it is the last one and knew nothing at the start. So is one that no gradient can reach, as nothing that comes
    of it is in the loss; and one that moves between the updates is another optimizer's. The recording says which layers
    are frozen at its end: one that had moved until then was frozen on the way, which is a note. So are normalisations
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
