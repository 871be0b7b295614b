"""Losses that no sound training has: not finite, or worse than knowing nothing."""

import math
from typing import Any

import numpy as np

from newllm.diagnosis.excursion import SHORT, find_excursions, noise_of
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more, by_layer
from newllm.diagnosis.levels import longest
from newllm.diagnosis.losses import comparable, finite, is_validation, loss_names, rolling_median
from newllm.diagnosis.lost_gradient import LostGradient, lost_gradient
from newllm.diagnosis.outliers import FIRST, NEAR, outlier_points, overshot
from newllm.diagnosis.sums import other_losses
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# Losses and gradients that are not finite.
SCALER = 0.05  # a loss scaler overflows in so small a share of the steps at most


def detect_not_finite(trace: Trace, facts: Facts) -> list[Finding]:
    """Return one finding for each loss, and for the gradient norm, that has values that are not finite.

    False alarms: none by chance; a number is finite or not. Under mixed precision a loss scaler tries a scale until the
    gradient overflows and skips that step: single non-finite gradient norms beside a finite loss are a note. So is the
    first number of a printed loss alone: a mean before there was anything to take it of.
    """
    losses = loss_names(trace)
    names = [*losses, *(name for name in ("gradient_norm",) if name in trace.signals)]
    bad = {name: np.flatnonzero(~np.isfinite(trace.series(name).value)) for name in names}
    loss_is_bad = any(len(bad[name]) for name in losses)
    return [
        _not_finite(trace, name, where, loss_is_bad, facts)
        for name, where in bad.items()
        if len(where) and not (name == "gradient_norm" and loss_is_bad)
    ]


def _not_finite(trace: Trace, name: str, where: np.ndarray, loss_is_bad: bool, facts: Facts) -> Finding:
    series = trace.series(name)
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    for_good = bool(where[-1] == len(series.value) - 1)
    scaler = not loss_is_bad and not for_good and len(where) <= max(1, SCALER * len(series.value))
    before = float(series.value[where[0] - 1]) if where[0] > 0 else None
    nothing_yet = facts.origin != "record" and where.tolist() == [0] and len(series.value) > FEW
    lost = lost_gradient(trace, facts)
    lost = lost if lost is not None and lost.step <= first and lost.lost else None
    other = "nothing-yet" if nothing_yet else "scaler" if scaler else "no-target"
    return Finding(
        kind="not-finite",
        severity="note" if scaler or nothing_yet else "fault",
        sentence=message(
            "finding-not-finite.sentence" if lost is None else "finding-not-finite.begun",
            signal=name,
            count=len(where),
            of=len(series.value),
            axis=trace.axis,
            first=first,
            before=before,
            to_the_end=for_good and len(where) > 1,
            **({} if lost is None else _place(lost)),
        ),
        first_step=float(first),
        last_step=float(last),
        signal=name,
        evidence={"count": len(where), "of": len(series.value), "for_good": for_good, "before": before}
        | _leading(trace, first, series),
        alternatives=(message(f"finding-not-finite.{other}"),),
        test=message("finding-not-finite.test"),
    )


def _place(lost: LostGradient) -> dict[str, Any]:
    some = lost.lost if lost.kept else ()  # else every layer
    return {"since": int(lost.step)} | {
        name: and_more([*layers]) if layers else None for name, layers in (("lost", some), ("kept", lost.kept))
    }


def _leading(trace: Trace, first: int, series: Series) -> dict[str, float | bool]:
    """Return what the gradient did before: growth tells an overflow from a bad batch."""
    norm = trace.series("gradient_norm")
    earlier = norm.value[(norm.step < first) & np.isfinite(norm.value)]
    if series is norm or len(earlier) < 20:
        return {}
    usual = float(np.median(earlier[:-5]))
    return {"gradient_growth_before": float(np.median(earlier[-3:]) / usual)} if usual > 0 else {}


# A loss worse than knowing nothing: above ln V, or, where V is not known, above the untrained model's.
MARGIN = 1.1  # times ln V
FEWEST_MULTIPLES = 5  # sampled updates
START = 1.5  # times the reference, at the start of the run
UNTRAINED = 1.25  # times the loss before training, which the first value only approximates
START_NOISE = 2.5  # standard deviations of a point; the first value is that noisy
SETTLED = 1.1  # times the loss before training, over the whole second half of the run
LATER = 10  # points of it
SMOOTH = 9  # points
FEW = 3  # points, on a short curve
TURNS = 20  # points at the start that tell whether two losses take turns
STRAY = 10  # times as long as they are: so far before the rest lie points that have nothing to do with it
NEARLY = 0.01  # of the run: a first evaluation by then is of a model that is hardly trained


def detect_worse_than_chance(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the stretch of each loss that lies above uniform, or above the untrained model's loss.

    False alarms: the level, not a point, has to lie above: a single point must also be an excursion (excursion.py) or
    the smoothed loss must exceed the reference by `MARGIN` for good measure. At the start of a run up to `START` times
    the reference is usual: an untrained model lies a little above uniform, and its first updates overshoot a little.
    Single points that excursions cannot tell are found in outliers.py.
    """
    findings = []
    for name in loss_names(trace):
        series = finite(trace.series(name))
        if len(series.value) >= 5:
            found = _uniform(trace, name, series, facts) or _untrained(trace, name, series, facts)
            findings += [found] if found else []
    return findings


def _uniform(trace: Trace, name: str, series: Series, facts: Facts) -> Finding | None:
    if not facts.vocabulary or facts.vocabulary < 2:
        return None
    uniform = math.log(facts.vocabulary) * _summed(trace)
    limit = np.full(len(series.value), MARGIN * uniform)
    limit[: 1 + len(limit) // 10] = START * uniform
    above = _above(series.value, limit) | outlier_points(series.value, limit)
    if not above.any():
        return None
    known = {"vocabulary": facts.vocabulary, "uniform": uniform}
    return _worse(trace, (name, series, above), "worse-than-uniform", known, uniform)


def _summed(trace: Trace) -> float:
    """Return how many times the mean over its targets a loss is, by its gradient: a sum over a text, say."""
    multiple = trace.series("loss_multiple").value
    return max(1.0, float(np.median(multiple))) if len(multiple) >= FEWEST_MULTIPLES else 1.0


def _untrained(trace: Trace, name: str, series: Series, facts: Facts) -> Finding | None:
    value = series.value
    inferred = facts.untrained_loss is None
    first = _first(value)
    if inferred and _alternates(value):
        return None  # two losses take turns: the first is the start of one of them only
    untrained = first if facts.untrained_loss is None else facts.untrained_loss
    if untrained <= 0 or value.min() <= 0 or (inferred and is_validation(name) and not _before_training(trace, series)):
        return None
    start, few = max(untrained, first), 2 + len(value) // 50
    above = _above(value, _limit(value, few, start))
    above |= outlier_points(value, _limit(value[:NEAR], few, start, len(value)))
    above[:FIRST] |= overshot(value, START * start, start)
    if _settled_above(value, float(value[0])):
        untrained = min(untrained, float(value[0]))
        above |= value > SETTLED * value[0]
    if not above.any():
        return None
    known = {"untrained": untrained, "inferred": inferred}
    return _worse(trace, (name, series, above), "worse-than-untrained", known, untrained, inferred)


def _settled_above(value: np.ndarray, start: float) -> bool:
    """Whether the second half of a loss (n,) lies above its start: less than `UNTRAINED` above is enough there."""
    later = value[len(value) // 2 :]
    if len(later) < LATER or np.median(later) < SETTLED * start:
        return False
    noise = float(np.std(comparable(later)))
    return bool(np.mean(later > start) > 0.95 and math.log(np.median(later) / start) > 2 * noise)


def _before_training(trace: Trace, series: Series) -> bool:
    """Whether a loss begins before training, or nearly so: an evaluation after an epoch says nothing of that.

    Where the training loss counts its epochs from 0, as Keras and fastai do, epoch 0 is over at its evaluation. One far
    below the loss that training began at is of one easy task, say: it tells no level.
    """
    loss = trace.series("loss")
    over = int(trace.axis == "epoch" and len(loss.step) > 0 and loss.step[0] == 0)
    if len(loss.value) >= FEWEST_FIRST and series.value[0] < EASY * np.median(loss.value[:FEWEST_FIRST]):
        return False
    return bool(series.step[0] + over <= NEARLY * (series.step[-1] + over))


def _first(value: np.ndarray) -> float:
    """Return the level that a loss (n,) began at: of a few points, but not of those that it has exploded within."""
    few = float(np.median(value[: max(1, min(5, len(value) // 20))]))
    return float(value[0]) if few > START * _scatter(value) * value[0] else max(few, float(value[0]))


def _alternates(value: np.ndarray) -> bool:
    """Whether a loss (n,) begins on two levels by turns, neither of which rises: two tasks, each with its own loss."""
    begins = value[:TURNS]
    if len(begins) < TURNS or begins.min() <= 0:
        return False
    change = np.diff(np.log(begins))
    if min(np.sum(change > math.log(START)), np.sum(change < -math.log(START))) < FEW:
        return False
    half = TURNS // 2
    levels = np.array([[np.min(part), np.max(part)] for part in (begins[:half], begins[half:])])
    return bool((levels[1] <= START * levels[0]).all())


def _limit(value: np.ndarray, few: int, start: float, count: int | None = None) -> np.ndarray:
    """Return from where on points lie above the start, which is as noisy as the points of value are."""
    limit = np.full(count or len(value), max(UNTRAINED, _scatter(value)) * start)
    limit[:few] = np.inf
    return limit


def _scatter(value: np.ndarray) -> float:
    """Return the factor that a single point of a loss (n,) lies away by noise; 1 where a curve is too short to tell."""
    return float(np.exp(START_NOISE * noise_of(comparable(value)))) if len(value) >= SHORT else 1.0


def _above(value: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return where (n,) the loss lies above the limit, and not by the noise of a batch."""
    above = value > limit
    real = above & (rolling_median(value, SMOOTH if len(value) >= 20 * SMOOTH else FEW) > limit)
    if above.any() and value.min() > 0 and np.isfinite(comparable(value)).all():
        for one in find_excursions(value):
            real[one.onset : one.end] |= above[one.onset : one.end]
    return real


def _without_stray(above: np.ndarray) -> np.ndarray:
    """Return where (n,) a loss lies above, without a few points long before: a finding begins where it began."""
    first = longest(above)[0]
    before = np.flatnonzero(above[:first])
    if len(before) and first - before[-1] > STRAY * len(before):
        return above & (np.arange(len(above)) >= first)
    return above


def _stretch(clear: np.ndarray, worse: np.ndarray) -> np.ndarray:
    """Return the positions of all points (n,) that are worse, from the first to the last clear one and around these.

    On both sides it goes on as long as at least half of its points are worse, as readers count them. It does not go
    back to the first point: a loss about the reference from the start on is no part of a rise out of it.
    """
    first, last = np.flatnonzero(clear)[[0, -1]]
    before, behind = worse[:first][::-1], worse[last + 1 :]
    back, on = (np.flatnonzero(np.cumsum(2 * side - 1) >= 0) for side in (before.astype(int), behind.astype(int)))
    since = first - 1 - back[-1] if len(back) and back[-1] < first - 1 else first
    until = last + 1 + on[-1] if len(on) else last
    return np.flatnonzero((worse | clear)[since : until + 1]) + since


def _worse(
    trace: Trace,
    what: tuple[str, Series, np.ndarray],
    kind: str,
    known: dict[str, float],
    reference: float,
    inferred: bool = False,
) -> Finding:
    name, series, above = what
    where = _stretch(_without_stray(above), series.value > reference)
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    worst = float(series.value[where].max())
    return Finding(
        kind=kind,
        severity="fault" if above[-1] else "warning",
        sentence=message(
            f"finding-{kind}.sentence",
            signal=name,
            points=len(where),
            axis=trace.axis,
            first=first,
            last=last,
            worst=worst,
            **known,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.9 if inferred else 0.99,
        signal=name,
        evidence={"reference": reference, "worst": worst, "points": len(where), "inferred": inferred},
        alternatives=(
            message("finding-worse-than-uniform.other-units"),
            *((message("finding-worse-than-untrained.trained-before"),) if inferred else ()),
        ),
        test=message("finding-worse-than-untrained.test" if inferred else "finding-worse-than-uniform.test"),
    )


# An untrained model that is surer than any number of tokens explains.
EASY, FEWEST_FIRST = 0.2, 3  # of the median of so many losses
LARGEST = math.log(1e6)  # nats: of a million tokens, all equally likely
SOON_HALVED = 0.5  # of the run
HIGH = 50.0  # in any unit: what is that high and learnt away at once is no loss of a model that knows nothing
SMALL = 0.1  # of a loss that outputs make by their size: the share of their square
FAR = 100.0  # times the level of the first fifth of the run; 8 times in healthy runs that begin so high
FEWEST = 20  # points


def detect_bad_start(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a first loss that no vocabulary explains, or that is far above what the first updates bring it to.

    False alarms: a sound model may begin far above what it comes to, but not at a loss that is high in its own unit.
    For a vocabulary the training must predict tokens or classes: in other units (sums, squared errors) a loss may begin
    anywhere, so the kind of training has to be known, and the loss has to come to where a loss of tokens lies. A loss
    of classes comes to next to nothing whether it is a mean or a sum: in a log, or where the gradient says that it is a
    sum, it is a note, and so it is where the recorder saw no cross-entropy. The sum of several logged losses may begin
    anywhere.
    """
    loss = finite(trace.series("loss"))
    progress = training_kind(trace, facts).loss_is_progress and loss.value.min(initial=1.0) > 0
    if len(loss.value) >= FEWEST and progress and len(other_losses(trace)) < 2:
        fifth = float(np.median(loss.value[len(loss.value) // 20 : len(loss.value) // 5]))
        if loss.value[0] > HIGH and loss.value[0] > FAR * fifth and not _is_small(trace, facts, loss.value[0]):
            return [_learnt_away(trace, loss, fifth)]
    few = float(np.min(loss.value[:2])) if len(loss.value) >= SHORT else 0.0
    if few < LARGEST or training_kind(trace, facts).name not in {"language-model", "classification"}:
        return []
    half = np.flatnonzero(loss.value < few / 2)
    of_classes = training_kind(trace, facts).name == "classification"
    high = loss.value[-1] > LARGEST and not of_classes
    # Whoever saw the model's outputs, and no cross-entropy of them, saw a loss of another kind: a CTC, a squared error.
    is_another = facts.origin == "record" and not len(trace.series("cross_entropy").value)
    may_be_summed = is_another or (of_classes and (facts.origin is None or _summed(trace) > MARGIN))
    if not len(half) or loss.step[half[0]] > SOON_HALVED * loss.step[-1] or high or _may_be_a_sum(trace, few):
        return []
    return [
        Finding(
            kind="bad-start",
            severity="note" if may_be_summed else "warning",
            sentence=message(
                "finding-bad-start.sentence",
                loss=float(loss.value[0]),
                axis=trace.axis,
                half=int(loss.step[half[0]]),
                largest=LARGEST,
            ),
            first_step=float(loss.step[0]),
            last_step=float(loss.step[half[0]]),
            confidence=0.9,
            signal="loss",
            evidence={"loss": float(loss.value[0]), "limit": LARGEST},
            alternatives=(message("finding-bad-start.other-units"),),
            test=message("finding-bad-start.test"),
            candidate_causes=("initialisation",),
        )
    ]


def _is_small(trace: Trace, facts: Facts, loss: float) -> bool:
    """Whether the last layer gave so little at the start that such a loss is one of large targets, or of a sum."""
    outputs = list(by_layer(trace, "activation_rms", facts).values())[-1:]
    return any(float(one.value[0]) ** 2 < SMALL * loss for one in outputs)


def _learnt_away(trace: Trace, loss: Series, level: float) -> Finding:
    first = float(loss.value[0])
    there = float(loss.step[int(np.flatnonzero(loss.value <= 2 * level)[0])])
    return Finding(
        kind="bad-start",
        severity="warning",
        sentence=message(
            "finding-bad-start.far",
            loss=first,
            times=round(first / level),
            level=level,
            axis=trace.axis,
            there=int(there),
        ),
        first_step=float(loss.step[0]),
        last_step=there,
        confidence=0.9,
        signal="loss",
        evidence={"loss": first, "level": level},
        alternatives=(message("finding-bad-start.not-scaled"),),
        test=message("finding-bad-start.outputs"),
        candidate_causes=("initialisation",),
    )


def _may_be_a_sum(trace: Trace, first: float) -> bool:
    """Whether several other losses of training are logged, none too large, that come to the first loss together."""
    parts = [float(value[0]) for name in other_losses(trace) if len(value := finite(trace.series(name)).value)]
    return len(parts) > 1 and max(parts) < LARGEST and sum(parts) > first / 2
