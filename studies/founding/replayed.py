"""A replay of the baseline's spike, each change beside the study's arm that makes the same one.

The two ask the same in different ways. A replay is one run on one set of sentences, changed from step 0 or from shortly
before its spike, and judged on the training loss of single updates up to the progress at which the unmodified run
spiked, and as many updates again. An arm is ten runs on six sets, changed from step 0, and judged on the probe by
epoch, up to the lowest loss that its control ever reached. `why` says which of these differences accounts for what.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newllm.study.design import Row
from newllm.trace import Tried, Verdict

from .arms import BASELINE
from .effects import Effect, effect
from .replay_file import ON_VALIDATION
from .texts import SETS

OWN_SET = SETS[0]  # the sentences that the preset trains on
ARM_OF = {
    "context-cut-off": "zero-context",
    "norm-on-write": "norm-write",
    "norm-on-read": "norm-read",
    "gate": "gate",
    "ema": "ema",
    "residual-fnn": "residual",
    "initialisation-he": "init-he",
    "initialisation-scaled": "init-fan-in",
    "dropout-off": "dropout-off",
    "half-learning-rate": "lr-half",
    "tenth-learning-rate": "lr-tenth",
    "warm-up": "warm-up",
    "clip-half": "clip-half",
    "clip-tenth": "clip-tenth",
    "beta2": "beta2-0.95",
    "epsilon": "epsilon-1e-4",
    "sgd": "sgd",
    "known-evaluation": "validation-known",
    "word-dropout": "word-dropout",
}
_OTHER_DOSE = ("warm-up",)  # a ramp as long as the way to the onset; the arm's has 100 updates
_FATES = {
    "removes": "gone",
    "removes on the probe": "gone in training",
    "too slow": "slow",
    "delays": "later",
    "hastens": "earlier",
    "keeps": "there",
}
_LATER, _EARLIER = 1.25, 0.8  # of the onset, as for the arms


@dataclass(frozen=True)
class Beside:
    """What one change did in the replays, beside the arm that makes the same change.

    Attributes:
        tried: the replays.
        arm: the study's arm.
        onset: of the replays, as a multiple of the null's, from step 0; None where none was told.
        height: share of the null's severity that is left; None without one.
        whole: the arm's effect over all sets.
        own: the same on the replayed run's own set: two seeds, no interval.
        agreement: "agree", "in part" (when it comes, not how high), "disagree", or "" where one of them is not sure.
        why: the difference that accounts for what they do not agree on, a key of REASONS; "" where they agree.
    """

    tried: Tried
    arm: str
    onset: float | None
    height: float | None
    whole: Effect
    own: Effect
    agreement: str = ""
    why: str = ""


def compared(verdict: Verdict, arms: Mapping[str, Sequence[Row]]) -> list[Beside]:
    """Return every change that has an arm, in the order of ARM_OF, from the earlier start first.

    Args:
        verdict: of the replays.
        arms: the study's rows by arm, the baseline's among them.
    """
    found: list[Beside] = []
    for name, arm in ARM_OF.items():
        rows = sorted((one for one in verdict.interventions if one.name == name), key=lambda one: one.start)
        if rows and arm in arms:
            both = [_on_validation(arms[each]) if name == ON_VALIDATION else arms[each] for each in (arm, BASELINE)]
            found += _assessed([_beside(one, arm, verdict.spike["onset"], *both) for one in rows])
    return found


def without_an_arm(verdict: Verdict) -> list[Tried]:
    """Return what was tried and no arm of the study does."""
    return [one for one in verdict.interventions if one.name not in ARM_OF]


def spiked_of(tried: Tried) -> int:
    """Return how many replays of a change spiked, on the loss by which it is compared."""
    return int(tried.signals["validation"]["spiked"]) if tried.name == ON_VALIDATION else tried.spiked


def onset_from_zero(tried: Tried, onset: int) -> float | None:
    """Return the onset as a multiple of the null's, both counted from step 0; about, for nulls spike at other steps."""
    return None if tried.later is None else (tried.start + tried.later * (onset - tried.start)) / onset


def _beside(tried: Tried, arm: str, onset: int, rows: Sequence[Row], control: Sequence[Row]) -> Beside:
    own = [[row for row in each if row["data"] == OWN_SET] for each in (rows, control)]
    height = None if tried.effect is None else 1 - tried.effect
    if tried.name == ON_VALIDATION and "validation" in tried.signals:
        about = tried.signals["validation"]
        height = about["severity"] / about["null"] if about["null"] else None
    return Beside(tried, arm, onset_from_zero(tried, onset), height, effect(rows, control), effect(*own))


def _assessed(rows: Sequence[Beside]) -> list[Beside]:
    """Say of the replays of one change, from one start or two, whether they agree with the arm, and why not."""
    first = [dataclasses.replace(one, agreement=_agreement(one)) for one in rows]
    return [dataclasses.replace(one, why=_why(one, first)) for one in first]


def _agreement(pair: Beside) -> str:
    replayed, study = _fate(pair.tried, pair.onset), _FATES.get(pair.whole.kind)
    if replayed is None or study is None:
        return ""
    if replayed != study:
        return "disagree"
    return "agree" if replayed not in ("there", "later", "earlier") or _overlap(pair) else "in part"


def _fate(tried: Tried, onset: float | None) -> str | None:
    """Return where the spike went: one of the values of _FATES, None where that is not sure."""
    spiked = spiked_of(tried)
    if tried.effect_class == "stops learning":
        return "slow"
    if tried.effect_class == "removes":
        return "gone"
    if spiked == 0:
        is_left = any(about["spiked"] for name, about in tried.signals.items() if "/" not in name)
        return "gone in training" if is_left else None
    return _time(onset) if 2 * spiked > tried.n else None


def _time(onset: float | None) -> str:
    if onset is None or _EARLIER < onset < _LATER:
        return "there"
    return "later" if onset >= _LATER else "earlier"


def _own_fate(own: Effect) -> str | None:
    """Return where the spike went in the arm's runs on the replayed run's own sentences."""
    if own.on_validation.estimate == 1:
        return "gone"
    if own.remedied.estimate == 1:
        return "gone in training"
    return _time(own.later.estimate) if own.remedied.estimate == 0 and own.later else None


def _overlap(pair: Beside) -> bool:
    """Whether the heights' intervals have something in common; without an interval a height is a point."""
    study = pair.whole.height
    if pair.height is None or study is None or study.low is None or study.high is None:
        return True
    high, low = (pair.height, pair.height) if pair.tried.interval is None else (1 - end for end in pair.tried.interval)
    return low <= study.high and high >= study.low


def _why(pair: Beside, rows: Sequence[Beside]) -> str:
    if pair.agreement not in ("in part", "disagree"):
        return ""
    if pair.agreement == "in part" and _is_height_of_own(pair):
        return "set"
    fate, study = _fate(pair.tried, pair.onset), _FATES[pair.whole.kind]
    accepted = ("agree",) if pair.agreement == "in part" else ("agree", "in part")
    from_zero = [other.agreement for other in rows if other.tried.start == 0]
    reasons = {
        "start": pair.tried.start > 0 and not from_zero,
        "start, shown": pair.tried.start > 0 and any(said in accepted for said in from_zero),
        "set": fate != study and fate == _own_fate(pair.own),
        "measure": _is_in_batches_only(pair.tried),
        "progress": "slow" in (fate, study),
        "validation": {fate, study} == {"gone", "gone in training"},
        "dose": pair.tried.name in _OTHER_DOSE,
        "few": pair.tried.stage == "screened",
    }
    return next((reason for reason, holds in reasons.items() if holds), "open")


def _is_in_batches_only(tried: Tried) -> bool:
    """Whether replays spike on the training loss and none does on the probe, where their nulls do."""
    probe = tried.signals.get("probe")
    return probe is not None and bool(tried.spiked and probe["null_spiked"] and not probe["spiked"])


def _is_height_of_own(pair: Beside) -> bool:
    """Whether the arm's height on the replayed run's own sentences is less than half as far away as that on all."""
    whole, own, height = pair.whole.height, pair.own.height, pair.height
    if whole is None or own is None or height is None or height <= 0:
        return False
    apart = [abs(math.log(each.estimate / height)) for each in (own, whole)]
    return apart[0] < apart[1] / 2


def _on_validation(rows: Sequence[Row]) -> list[Row]:
    """Return rows whose validation loss stands in the probe's place."""
    names = ("spiked", "spiked_by_equal_progress", "onset", "height")
    return [{**row, **{f"probe_{name}": row[f"validation_{name}"] for name in names}} for row in rows]
