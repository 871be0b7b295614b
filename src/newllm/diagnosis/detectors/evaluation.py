"""Validation against training: over-fitting, a gap from the start, evaluations in training mode."""

import math

import numpy as np

from newllm.diagnosis.detectors.rows import rows_are_unique
from newllm.diagnosis.excursion import noise_of
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import began_at, comparable, descent, end_of_first_epoch, finite, loss_names
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# A validation loss that turns up while the training loss goes on falling.
DIVERGES = 0.05  # on the log scale
CLEAR = 3.0  # standard errors: so far a training loss goes that does not stand
_OTHER_CAUSES = ("evaluation-configuration", "unknown-tokens")
FEWEST_BEHIND = 3  # evaluations behind the best
LEAST_RISE = 0.05
WARN = 0.1  # on the log scale; below it is a note
LEAST_OF_DESCENT = 0.1
RISE_NOISE, FEW_RISE_NOISE = 4.0, 5.0
UNKNOWN_SHARE = 0.5  # of the gap
LEAST_GAP = 0.1  # nats


def detect_over_fitting(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the over-fitting of seen targets, another rise of their loss, and a gap that is the unknown ones' alone.

    False alarms: the rise is of smoothed levels, over at least `FEWEST_BEHIND` evaluations behind the best, by
    `LEAST_RISE` on the log scale and `RISE_NOISE` times what neighbouring evaluations differ by: all of them, or, with
    a higher limit as they are fewer, those from the best on (a steep descent before it bends more than it scatters).
    Where the trace splits the validation loss by class of target, only the `seen` targets count: what the unknown ones
    cost is no over-fitting and is told as that. It is over-fitting where the training loss goes on falling beyond its
    noise; else only that validation rises, as a note where training rises a little too. Where it rises by far, that is
    told of training.
    """
    if "validation_loss" not in loss_names(trace):
        return []
    name = "validation_loss/seen" if len(trace.series("validation_loss/seen").value) else "validation_loss"
    return [one for one in (_turned_up(trace, name), _unknown(trace)) if one]


def _turned_up(trace: Trace, name: str) -> Finding | None:
    series = finite(trace.series(name))
    value = series.value
    if len(value) < FEWEST_BEHIND + 2:
        return None
    scaled = comparable(value)
    best = int(np.argmin(scaled))
    behind = scaled[best + 1 :]
    if len(behind) < FEWEST_BEHIND:
        return None
    few = max(2, len(behind) // 3)
    now = float(np.median(scaled[-few:]))
    rise = now - float(scaled[best])
    noise = min(RISE_NOISE * scatter(scaled), FEW_RISE_NOISE * scatter(scaled[best:]))
    height = float(np.median(value[-few:]) - value[best])
    goes_on = np.median(behind[-few:]) >= np.median(behind[:few]) and behind.min() > scaled[best]
    if rise < max(LEAST_RISE, noise) or height < LEAST_OF_DESCENT * descent(value) or not goes_on:
        return None
    return _risen(trace, name, series, (best, rise, height))


def scatter(scaled: np.ndarray) -> float:
    """Return by how much points (n,) differ from a smooth curve, by their second differences."""
    return float(1.4826 * np.median(np.abs(np.diff(scaled, 2))) / np.sqrt(6))


def training_fell(trace: Trace, since: float) -> float | None:
    """Return by how much (comparable scale) the training loss fell behind a step; None where it is not known."""
    loss = finite(trace.series("loss"))
    at = int(np.searchsorted(loss.step, since))
    few = max(1, len(loss.value) // 20)
    if len(loss.value) < 4 or at >= len(loss.value):
        return None
    levels = [np.median(part) for part in (loss.value[max(0, at - few) : at + 1], loss.value[-few:])]
    scaled = comparable(np.append(loss.value, levels)) if loss.value.min() <= 0 else np.log(levels)
    return float(scaled[-2] - scaled[-1])


def training_went(trace: Trace, since: float, fell: float | None) -> str:
    """Return "fell", "stood" or "rose": where the training loss went behind a step, beyond its noise; or "unknown".

    By the few points on both sides, or by the first and the last quarter of those behind the step: what scatters far
    falls for long before a few points tell it.

    Args:
        trace: of the run.
        since: the step.
        fell: by how much it fell, as `training_fell` has it.
    """
    if fell is None:
        return "unknown"
    loss = finite(trace.series("loss"))
    behind = comparable(loss.value)[int(np.searchsorted(loss.step, since)) :]
    noise = noise_of(behind) if len(behind) > 2 else 0.0
    few, part = max(1, len(loss.value) // 20), max(1, len(behind) // 4)
    fall = float(np.median(behind[:part]) - np.median(behind[-part:]))
    limits = (CLEAR * noise * math.sqrt(math.pi / count) for count in (few, part))  # of a difference of two medians
    clear = [one for one, limit in zip((fell, fall), limits, strict=True) if abs(one) > limit]
    if not clear:
        return "stood"
    return "fell" if max(clear) > 0 else "rose"


def _risen(trace: Trace, name: str, series: Series, what: tuple[int, float, float]) -> Finding | None:
    """Return over-fitting where the training loss goes on falling, else that a validation loss rises."""
    best, rise, height = what
    first, last = int(series.step[best]), int(series.step[-1])
    fell = training_fell(trace, first)
    training = training_went(trace, first, fell)
    if training == "rose" and (fell or 0.0) < -DIVERGES:
        return None  # it rises by far too, which is told of training
    over = training == "fell"
    text = {"training_fell": True} if over else {"training": training}
    return Finding(
        kind="over-fitting" if over else "validation-rises",
        severity="warning" if rise >= WARN and training in {"fell", "stood"} else "note",
        sentence=message(
            f"finding-{'over-fitting' if over else 'validation-rises'}.sentence",
            signal=name,
            axis=trace.axis,
            first=first,
            best=float(series.value[best]),
            rise=height,
            **text,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.95 if over else 0.6,
        signal=name,
        evidence={
            "best": float(series.value[best]),
            "rise": height,
            "log_rise": rise,
            "training_log_fall": fell,
            "split_by_class": name != "validation_loss",
        },
        alternatives=(
            message("finding-over-fitting.surer"),
            *((message("finding-over-fitting.never-trained"),) if name == "validation_loss" else ()),
        ),
        test=message(f"finding-{'over-fitting' if over else 'validation-rises'}.test"),
        candidate_causes=_causes(best, fell) if over else _OTHER_CAUSES,
    )


def _causes(best: int, fell: float | None) -> tuple[str, ...]:
    """Return the likeliest causes: other data than training's where no evaluation was better than the first.

    Unless training has come to nearly nothing: it knows its data by heart, for which they have to be few.
    """
    by_heart = fell is not None and fell > math.log(10)
    return (*(("tokenizer-mismatch",) if best == 0 and not by_heart else ()), "data-size", "unknown-tokens")


def _unknown(trace: Trace) -> Finding | None:
    """Return a finding where tokens unknown to training make up most of the gap between validation and training."""
    parts = {one: finite(trace.series(f"validation_loss/{one}")) for one in ("unknown", "seen")}
    counts = finite(trace.series("validation_count/unknown")), finite(trace.series("validation_count"))
    whole, loss = finite(trace.series("validation_loss")), finite(trace.series("loss"))
    if not all(len(series.value) for series in (*parts.values(), *counts, whole, loss)):
        return None
    last = int(whole.step[-1])
    recent = loss.value[-max(1, len(loss.value) // 20) :]
    gap = float(whole.value[-1] - np.median(recent))
    share = float(counts[0].value[-1] / max(counts[1].value[-1], 1.0))
    cost = share * float(parts["unknown"].value[-1] - parts["seen"].value[-1])
    if gap < LEAST_GAP or cost < UNKNOWN_SHARE * gap:
        return None
    return Finding(
        kind="unknown-tokens",
        severity="warning",
        sentence=message("finding-unknown-tokens.gap", cost=cost, gap=gap, share=share),
        first_step=float(parts["unknown"].step[0]),
        last_step=float(last),
        signal="validation_loss/unknown",
        evidence={
            "gap": gap,
            "of_unknown": cost,
            "share_of_targets": share,
            "unknown_loss": float(parts["unknown"].value[-1]),
            "seen_loss": float(parts["seen"].value[-1]),
        },
        test=message("finding-unknown-tokens.gap-test"),
        candidate_causes=("unknown-tokens",),
    )


# An evaluation that never agreed with training, not even while the model knew nothing.
AGAIN = 0.98  # of the rows: so many were seen before in each update of a later epoch
FRESH = 0.6  # of the rows: so many at most in each of the first epoch
FIRST_GAP = 0.35
GAP_NOISE = 6.0
LAST_GAP = 0.35  # the gap at the end, on the log scale
MANY = 10  # evaluations
MOST_GAPS, PART_OF_GAP = 0.6, 0.5  # of the evaluations; of that gap: where fewer have so much of it it is noise
OF_START = 0.35  # of the loss that training began at: a validation loss that comes down to less is learnt after all
AT_START = 1.2  # times that loss: few data that are learnt by heart bring validation no further above it by then
CLEARLY = 1.05  # times the loss that training began at
UNMOVED = 0.005  # of a validation loss that stays where it was, over FEWEST_UNMOVED evaluations
FEWEST_UNMOVED = 4
LEARNT = 0.15  # what training has gained by its end, on the log scale
GAINED = 0.3  # of what training gains, on the log scale: a validation loss that falls so far has learnt
NEVER_FALLEN = 0.05  # of the loss that training began at, on the log scale
APART = 2.0  # on the log scale, from an evaluation before anything was learnt: the losses have other units
ALIKE = 0.5  # of what training gains after the first evaluation, that validation gains too
CHOSEN = 0.25  # of the logarithm of how many times more there is to choose from
OF_ROWS = ("cross_entropy", "target_mean", "constant_loss")  # the loss is that of single rows


def detect_validation_gap(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return a gap between validation and training loss that over-fitting does not explain.

    An untrained model does equally badly on both, and in the first epoch each batch of training is as new as the
    validation set. So either the first evaluation, or the last before the data are read again, differs from the
    training losses around it by `FIRST_GAP` on the log scale and by `GAP_NOISE` of their standard deviations; or the
    validation loss is never below the loss that training began at, while training learns. False alarms: a running mean
    over an epoch that is logged as the training loss is later than its step; a gap that closes is none. A choice among
    more is harder: a gap of about the logarithm of how many times more is a note.
    """
    loss, validation = finite(trace.series("loss")), finite(trace.series("validation_loss"))
    if len(loss.value) < 8 or len(validation.value) < 2 or min(loss.value.min(), validation.value.min()) <= 0:
        return []
    until = _new_until(trace)
    which = _evaluation_to_compare(loss, validation, until)
    at = int(np.searchsorted(loss.step, validation.step[which]))
    usual, spread = _around(loss.value, at)
    if which:  # by the mean, as a validation loss is one: a few rows may cost far more than others
        usual = max(usual, float(np.log(loss.value[max(0, at - 9) : at + 1].mean())))
    first = float(np.log(validation.value[which]) - usual)
    end, _ = _around(loss.value, len(loss.value) - 1)
    stays = float(np.log(np.median(validation.value[-2:])) - end)
    far = bool(np.median(validation.value[-2:]) > OF_START * loss.value[:3].mean())
    early = first >= max(FIRST_GAP, GAP_NOISE * spread) and stays >= LAST_GAP and far
    early = early and (len(validation.value) < MANY or _gaps(loss, validation, which) >= MOST_GAPS)
    new = until is not None and bool(validation.step[0] <= until)
    unmoved = len(validation.value) >= FEWEST_UNMOVED and bool(np.ptp(validation.value) < UNMOVED * validation.value[0])
    # Few data are learnt, and no others: then validation rises, as the model is sure and wrong. It does not stand.
    by_heart = not new and not unmoved and end < np.log(loss.value[0]) - math.log(4)
    from_first = new or validation.value[0] > CLEARLY * loss.value[:3].mean()  # over-fitting takes its time
    never = not by_heart and (from_first or unmoved) and _never_learnt(loss.value, validation.value, end)
    if (not early and not never) or (by_heart and validation.value[0] < AT_START * loss.value[:3].mean()):
        return []
    scaled = first > APART and _falls_alike(loss, validation, at, end)
    among = _harder_choice(trace, float(validation.value[which]) - math.exp(usual))
    how = "chosen" if among else "scaled" if scaled else "never" if never else "within" if which else "sentence"
    return [
        Finding(
            kind="validation-gap",
            severity="note" if scaled or among else "warning",
            sentence=message(
                f"finding-validation-gap.{how}",
                validation=float(validation.value[which]),
                low=float(validation.value.min()),
                high=float(validation.value.max()),
                later=math.exp(stays),
                training=float(np.exp(end if how == "never" else usual)),
                start=began_at(loss.value),
                times=math.exp(first),
                axis=trace.axis,
                step=int(validation.step[which]),
                new=new,
                few=among[0] if among else 0,
                many=among[1] if among else 0,
            ),
            first_step=float(validation.step[which]),
            last_step=float(validation.step[-1]),
            confidence=0.85,
            signal="validation_loss",
            evidence={
                "log_gap_first": first,
                "log_gap_last": stays,
                "noise": spread,
                "first_epoch": new,
                "from_first": early,
                "unmoved": unmoved,
            },
            alternatives=(
                message("finding-validation-gap.other-text"),
                message("finding-validation-gap.trained-before"),
            ),
            test=message("finding-validation-gap.test"),
            candidate_causes=("tokenizer-mismatch", "evaluation-preparation", "unknown-tokens", "padding-counted"),
        )
    ]


def _harder_choice(trace: Trace, gap: float) -> tuple[int, int] | None:
    """Return among how many training and evaluations choose, where a gap (in nats) is what that makes.

    They are the numbers of an output; or, of a loss that is none of single rows, the rows of a call, where each is held
    against the others (a ranking, a partial likelihood, pairs).
    """
    few, many = (trace.series(name).value for name in ("choices", "validation_choices"))
    if not len(few) and not any(len(trace.series(name).value) for name in OF_ROWS):
        few, many = (trace.series(name).value for name in ("rows", "validation_rows"))
    if not len(few) or not len(many):
        return None
    numbers = int(np.median(few)), int(np.median(many))
    expected = math.log(numbers[1] / numbers[0])
    return numbers if expected > 0 and abs(gap - expected) < CHOSEN * expected else None


def _gaps(loss: Series, validation: Series, which: int) -> float:
    """Return which share of the evaluations, from that one on, lie well above the training losses around them."""
    far = [
        np.log(value) - _around(loss.value, int(np.searchsorted(loss.step, step)))[0] >= PART_OF_GAP * LAST_GAP
        for step, value in zip(validation.step[which:], validation.value[which:], strict=True)
    ]
    return float(np.mean(far))


def _new_until(trace: Trace) -> float | None:
    """Return the last step until which training reads every row for the first time; None where nothing says it."""
    seen = trace.series("rows_seen")
    if len(seen.value) and rows_are_unique(trace):
        old = np.flatnonzero(seen.value > 0)
        return float(seen.step[max(0, old[0] - 1)]) if len(old) else math.inf
    # Where some rows are alike, as pairs of a person and a film, an epoch is over where all come again at once.
    fresh = np.flatnonzero(seen.value < AGAIN)
    if len(fresh) and fresh[-1] == len(fresh) - 1 < len(seen.value) // 2 and seen.value[fresh].max() < FRESH:
        return float(seen.step[fresh[-1]])
    return None if trace.epochs is None else end_of_first_epoch(trace)


def _evaluation_to_compare(loss: Series, validation: Series, until: float | None) -> int:
    """Return the index of the first evaluation, or of the last within the first epoch where that is further off."""
    within = int(np.searchsorted(validation.step, until, side="right")) - 1 if until is not None else 0
    if within < 1 or validation.step[within] >= loss.step[-1]:
        return 0
    gaps = [
        float(
            np.log(validation.value[one])
            - _around(loss.value, int(np.searchsorted(loss.step, validation.step[one])))[0]
        )
        for one in (0, within)
    ]
    return within if gaps[1] > gaps[0] else 0


def _falls_alike(loss: Series, validation: Series, at: int, end: float) -> bool:
    """Whether validation gains as training does from its first evaluation on, which came before anything was learnt.

    Two losses that are equal but for a factor (a sum and a mean, one divided by the steps of accumulation) do so.

    Args:
        loss: of training.
        validation: likewise.
        at: index of the training loss at the first evaluation.
        end: the level, on the log scale, that training comes to.
    """
    start, usual = float(np.log(loss.value[0])), _around(loss.value, at)[0]
    gained = float(np.log(validation.value[0]) - np.log(np.median(validation.value[-2:])))
    return abs(usual - start) < LEARNT and gained > max(LEARNT, ALIKE * (usual - end))


def _never_learnt(loss: np.ndarray, validation: np.ndarray, end: float) -> bool:
    """Whether validation (n,) stays at or above the loss that training (m,) began at, while that learns.

    Args:
        loss: of training.
        validation: at each evaluation.
        end: the level, on the log scale, that training comes to.
    """
    start, noise = _around(loss, 2)
    start = max(start, float(np.log(loss[0])))
    learnt = end < start - LEARNT - noise
    never_below = np.log(validation).min() > start - NEVER_FALLEN
    gained = float(np.log(validation[0] / validation.min()))
    return bool(len(validation) >= FEWEST_BEHIND and learnt and never_below and gained < GAINED * (start - end))


def _around(value: np.ndarray, at: int) -> tuple[float, float]:
    """Return the level that a line through the logs of about ten points comes to at an index, and their spread."""
    points = np.log(value[max(0, at - 9) : max(at + 1, 5)])
    if at < 5:
        return float(np.median(points)), float(1.4826 * np.median(np.abs(points - np.median(points))))
    place = np.arange(len(points)) - (len(points) - 1)
    slope, level = np.polyfit(place, points, 1)
    off = points - level - slope * place
    # Three points of ten give the end of the line its error, which a steep and crooked start would hide.
    return float(max(level, points[-3:].min())), float(1.4826 * np.median(np.abs(off - np.median(off))))
