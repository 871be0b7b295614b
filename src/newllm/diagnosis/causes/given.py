"""What speaks for a cause in what the model was given and asked, as the recorder saw it."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.kinds import FROM_START, STILL, UNSTABLE
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.harm import RISES, new_classes_at
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite, is_validation
from newllm.diagnosis.outlier_batch import outlier_batches
from newllm.messages import message
from newllm.trace import Finding

NOT_LEARNT = (
    UNSTABLE | STILL | {"over-fitting", "validation-rises", "validation-gap", "label-frequency", "constant-accuracy"}
)
OF_VALIDATION = frozenset(
    {
        "validation-gap",
        "over-fitting",
        "validation-rises",
        "evaluation-behind",
        "unsteady-validation",
        "constant-accuracy",
        "one-predicted-class",
    }
)
FAR_RATIO, FAR_SHIFT = 2.0, 1.0  # between standard deviations; in them, between means
FEWEST = 8  # updates before
FEWEST_SAMPLED = 5  # sampled steps
SOON = 5  # updates: a model has soon learnt the new names
BY_RULE, KNOWN, FORGOTTEN = 0.85, 0.6, 0.2  # of the wrong answers; right ones before, and how many fewer after
FEW_PLACES, FOLLOWS = 8, 0.99  # of the inputs; a correlation
ALONE = 0.1  # of what the next number leaves of a correlation of 1
MOSTLY = 0.9  # of the sampled steps
FOREIGN, LITTLE = 0.02, 0.02  # a correlation; of the noise's variance


def targets_changed(case: Case) -> Seen:
    """Inputs that came again had another target, and nothing is learnt, or nothing that holds for other data.

    Or the loss rises where that began.
    """
    rises = case.finding.kind in RISES
    found = case.led("changed-targets") if rises else case.own_or_any("changed-targets")
    if found is None or not (rises or case.finding.kind in NOT_LEARNT | {"changed-targets"}):
        return NOTHING
    return {"share": found.evidence["share"]}


def recoded(case: Case) -> Seen:
    """From the step of a rise on, classes that were known are asked for by other names, always the same ones."""
    right, told = finite(case.trace.series("targets_right")), finite(case.trace.series("targets_told"))
    if case.finding.kind not in RISES or case.trace.axis != "step":
        return NOTHING
    before, at = right.value[right.step < case.onset][-FEWEST_SAMPLED:], np.searchsorted(told.step, case.onset)
    if not len(before) or at == len(told.step) or told.step[at] > case.onset + SOON:
        return NOTHING
    step, share = float(told.step[at]), float(told.value[at])
    known, now = median(before), float(right.value[right.step == step][0])
    where = {"axis": case.trace.axis, "step": int(step), "share": share, "before": known, "after": now}
    return where if share >= BY_RULE and known >= KNOWN and now <= known - FORGOTTEN else NOTHING


def target_is_input(case: Case) -> Seen:
    """A model of sequences is asked for the token that it is given, and its loss comes to nearly nothing.

    What validation asks it, it has then not learnt.
    """
    found = case.own_or_any("target-shift")
    if found is None or found.severity == "note" or found.evidence.get("places") != 0:
        return NOTHING
    of_validation = is_validation(case.finding.signal or "") and case.finding.kind in OF_VALIDATION | FROM_START
    return {} if of_validation or case.finding.kind in {"target-shift", "too-good"} else NOTHING


def targets_far(case: Case) -> Seen:
    """The root of the loss is thousands of times what the last layer gives, which grows and hardly comes nearer."""
    found = case.own_or_any("target-scale")
    kinds = {"target-scale", "activation-growth", "plateau", "gradient-explosion"}
    return {} if found is not None and found.severity != "note" and case.finding.kind in kinds else NOTHING


def outputs_end(case: Case) -> Seen:
    """No output lies beyond a number at which an activation ends, and a tenth of the targets does."""
    found, kinds = case.own_or_any("outputs-bounded"), NOT_LEARNT | {"outputs-bounded"}
    if found is None or case.finding.kind not in kinds:
        return NOTHING
    return {"bound": found.evidence["bound"], "far": found.evidence["far"]}


def future_seen(case: Case) -> Seen:
    """The recorder saw, by its gradient, that an output depends on the token that it is asked for."""
    kinds = {"not-causal", "too-good", "impossible-loss", "validation-gap", "evaluation-behind"}
    return {} if case.finding.kind in kinds and case.own_or_any("not-causal") else NOTHING


def text_unread(case: Case) -> Seen:
    """The recorder saw that outputs depend on one token alone, and nothing is learnt."""
    return {} if case.finding.kind in NOT_LEARNT | {"unread-tokens"} and case.own_or_any("unread-tokens") else NOTHING


def only_padding_asked(case: Case) -> Seen:
    """All targets of a text are one token."""
    return _single_target(case, is_text=True)


def one_target(case: Case) -> Seen:
    """All targets of a classification are one class."""
    return _single_target(case, is_text=False)


def _single_target(case: Case, *, is_text: bool) -> Seen:
    found = case.own_or_any("single-target")
    if found is None or case.finding.kind not in NOT_LEARNT | {"single-target", "too-good", "impossible-loss"}:
        return NOTHING
    return {} if (found.candidate_causes[0] == "padding-counted") == is_text else NOTHING


def told_by_input(case: Case) -> Seen:
    """Training is learnt and validation is not, and one number of the inputs gives the answer in training.

    In what is smooth, such as a series in time, the last number follows the next one too, and so does the one before.
    """
    if case.finding.kind not in {"validation-gap", "over-fitting", "evaluation-behind", "too-good"}:
        return NOTHING
    places, follows = case.trace.series("inputs_telling").value, finite(case.trace.series("target_in_input")).value
    is_told = bool(len(places) and 0 < places[-1] <= FEW_PLACES)
    if not is_told and (len(follows) < FEWEST or np.median(follows) <= FOLLOWS):
        return NOTHING
    others = finite(case.trace.series("target_in_next_input")).value
    if not is_told and len(others) and 1 - np.median(follows) > ALONE * (1 - np.median(others)):
        return NOTHING
    count, share = (int(places[-1]), None) if is_told else (1, float(np.median(follows)))
    return {"how": "class" if is_told else "number", "count": count, "share": share}


def unrelated_noise(case: Case) -> Seen:
    """What is asked for is drawn noise that is not in the inputs, and the outputs have not come to tell any of it."""
    kinds = STILL | {"plateau", "early-standstill", "label-frequency"}
    is_noise, within, explained = (
        finite(case.trace.series(name)).value for name in ("target_noise", "noise_in_input", "noise_explained")
    )
    if case.finding.kind not in kinds or len(within) < FEWEST or is_noise.mean() < MOSTLY:
        return NOTHING
    few = max(3, len(within) // 3)
    is_foreign = abs(float(within.mean())) < FOREIGN and float(np.median(explained[-few:])) < LITTLE
    return {"correlation": float(within.mean())} if is_foreign else NOTHING


def batches_of_one_class(case: Case) -> Seen:
    """Batches hold targets of few classes each, where the loss or validation jumps or never learns."""
    kinds = NOT_LEARNT | RISES | {"unsteady-validation", "data-order", "one-class-batches"}
    return {} if case.finding.kind in kinds and case.own_or_any("one-class-batches") else NOTHING


def inputs_large(case: Case) -> Seen:
    """Inputs are hundreds of times as large as weights expect, where the loss is high or unsteady from the start."""
    found = case.own_or_any("input-scale")
    kinds = RISES | {"input-scale", "bad-start", "unsteady-validation", "activation-growth", "plateau"}
    if found is None or found.severity == "note" or case.finding.kind not in kinds:
        return NOTHING
    return {"size": found.evidence["input_rms"]}


def tiny_batch(case: Case) -> Seen:
    """Batch norm was fed batches of a few rows, and the loss is high there, or validation jumps behind one."""
    found = case.own_or_any("tiny-batch")
    if found is None or found.severity == "note" or case.finding.kind not in RISES | {
        "unsteady-validation", "periodic-batches", "tiny-batch",
    }:  # fmt: skip
        return NOTHING
    return {"rows": found.evidence["rows"], "usual": found.evidence["usual"]}


def evaluation_inputs(case: Case) -> Seen:
    """Inputs of evaluations have half or twice the standard deviation of training's, or a mean further away than that.

    Args:
        case: of a finding of the validation.
    """
    found = _other_inputs(case)
    if found is None or "ratio" not in found.evidence:  # other tokens, not other numbers
        return NOTHING
    ratio, shift = float(found.evidence["ratio"]), float(found.evidence["mean_shift"])
    if 1 / FAR_RATIO < ratio < FAR_RATIO and abs(shift) < FAR_SHIFT:
        return NOTHING
    numbers = {}
    for name in ("mean", "std"):
        for prefix, to in (("input", name), ("validation_input", f"other_{name}")):
            numbers[to] = median(finite(case.trace.series(f"{prefix}_{name}")).value)
    return numbers


def evaluation_tokens(case: Case) -> Seen:
    """Texts of evaluations are other sequences of tokens than those of training.

    Args:
        case: of a finding of the validation.
    """
    found = _other_inputs(case)
    return NOTHING if found is None or "share" not in found.evidence else {"share": found.evidence["share"]}


def _other_inputs(case: Case) -> Finding | None:
    """Return what was found of the inputs of evaluations, where the case is of the validation."""
    found = case.own_or_any("evaluation-inputs")
    of_validation = (case.finding.signal or "").startswith("validation") and case.finding.kind in FROM_START
    is_meant = case.finding.kind in OF_VALIDATION or of_validation or found is case.finding
    return found if is_meant else None


def inputs_changed(case: Case) -> Seen:
    """Inputs change for good at the very step at which the loss rises, or validation is at its best."""
    found = case.own_or_any("changed-inputs")
    kinds = RISES | {"slow-divergence", "over-fitting", "validation-rises", "changed-inputs"}
    if found is None or found.first_step is None or case.finding.kind not in kinds:
        return NOTHING
    near, late = max(2.0, 0.05 * case.length), case.onset - found.first_step
    if is_validation(case.finding.signal or ""):  # the next evaluation shows what training began
        steps = case.trace.series(case.finding.signal or "").step
        near = max(near, float(np.diff(steps).max(initial=0.0)) if late > 0 else 0.0)
    at = {"axis": case.trace.axis, "step": found.first_step}
    return at if abs(late) <= near else NOTHING


def new_classes(case: Case) -> Seen:
    """The targets hold classes that no update had before, from the step on at which the loss rises."""
    found = new_classes_at(case.finding, case.trace) if case.finding.kind in RISES else None
    return NOTHING if found is None else {"before": found[0], "after": found[1]}


def other_targets(case: Case) -> Seen:
    """The most frequent target was always one and the same, and is another from the step on at which the loss rises."""
    most = finite(case.trace.series("target_most"))
    before, after = most.value[most.step < case.onset], most.value[most.step >= case.onset]
    if case.finding.kind not in RISES | {"resume-jump"} or min(len(before), len(after)) < FEWEST_SAMPLED:
        return NOTHING
    if np.ptp(before) > 0 or before[0] in after[:FEWEST_SAMPLED] or np.ptp(after[:FEWEST_SAMPLED]) > 0:
        return NOTHING
    where = {"axis": case.trace.axis, "step": int(most.step[len(before)])}
    return where | {"before": int(before[0]), "after": int(after[0])}


def batch_outlier(case: Case) -> Seen:
    """The inputs of the update at which a rise begins are far outside those of all updates before."""
    if (
        case.finding.kind not in RISES | {"not-finite", "outlier-batch"}
        or not case.by_step
        or case.has("changed-inputs")
    ):
        return NOTHING
    one = next((one for one in outlier_batches(case.trace) if case.onset - 1 <= one.step <= case.onset + 1), None)
    if one is None:
        return NOTHING
    what = message(f"signal-{one.name}")
    return {"axis": case.trace.axis, "step": one.step, "what": what, "value": one.value, "usual": one.usual}


def inputs_not_finite(case: Case) -> Seen:
    """The inputs of an update hold a value that is not finite, at or before the first loss that is not."""
    mean = case.trace.series("input_mean")
    bad = mean.step[~np.isfinite(mean.value)]
    if case.finding.kind != "not-finite" or not len(bad) or bad[0] > case.onset:
        return NOTHING
    return {"axis": case.trace.axis, "step": int(bad[0])}


def same_batch(case: Case) -> Seen:
    """A loss that falls, or a validation that turns, within a stretch of updates with one batch."""
    found = case.own_or_any("repeated-batch")
    kinds = {"loss-drop", "over-fitting", "validation-rises", "validation-gap", "repeated-batch", *RISES}
    if found is None or case.finding.kind not in kinds or "blank" in found.evidence:
        return NOTHING
    first, last = found.first_step or 0.0, found.end
    near = max(2.0, 0.05 * case.length)
    return {} if first - near <= case.onset <= last + near else NOTHING
