"""What the findings of a run are about: a finding, and a difference from a sound run in the same thing, are one.

"Weight decay is most of each update" and "weight decay 0.5, there 0.0005" say together what is wrong: the difference
shows that it need not be so, and the finding what it does.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from newllm.diagnosis.against.difference import Difference, as_one
from newllm.diagnosis.exogenous import INPUTS, STATE
from newllm.diagnosis.roots import SEEN, families
from newllm.messages import message
from newllm.trace import Finding

_RATE, _CLIPPED = "learning_rate", "gradient_norm_clipped"
SET_BY = {
    "learning-rate": _RATE, "learning-rate-low": _RATE, "learning-rate-zero": _RATE, "schedule-ended": _RATE,
    "schedule-restarted": _RATE, "warm-up-unfinished": _RATE, "weight-decay": "weight_decay",
    "tight-clipping": _CLIPPED,
}  # fmt: skip
"""Causes that lie in a setting, by the signal that shows it: where that is as in the sound run, it is not the cause."""
_CLASSES = (
    "target_classes", "target_classes_seen", "target_entropy", "target_most_share", "target_mean", "target_std",
)  # fmt: skip
_SHIFT = ("target_is_input", "target_is_next", "target_is_second")
_EVALUATED = ("validation_input_mean", "validation_input_std")
_ROWS = ("row_numbers", "rows_repeated", "rows_equal", "rows_seen", "rows_distinct")
_FORM = (
    "softmax_twice", "log_softmax_missing", "log_missing", "softmax_over_batch", "sigmoid_twice", "cross_entropy",
    "relu_on_logits", "sigmoid_on_logits", "tanh_on_logits", "dropout_on_logits",
)  # fmt: skip
_LAYERS = "against-layers-differ"
ABOUT: dict[str, tuple[str, ...]] = {
    "accumulation-scale": ("backwards", "loss_multiple"),
    "always-clipped": (_CLIPPED,),
    "batch-as-time": ("batch_as_time", "positions_as_time"),
    "changed-inputs": INPUTS,
    "changed-state": STATE,
    "changed-targets": ("targets_changed", *_CLASSES),
    "data-order": _ROWS,
    "doubtful-setting": ("momentum", f"{_LAYERS} norm_momentum"),
    "evaluation-in-training-mode": ("evaluation_in_training_mode",),
    "evaluation-inputs": (*_EVALUATED, "input_mean", "input_std"),
    "frozen-layer": (
        "tensors_with_gradient", "unregistered", *(f"{_LAYERS} {one}" for one in ("trained", "given", "weight_decay")),
    ),
    "gradient-carried": ("gradient_carried", "gradient_of_others"),
    "ignored-class": ("targets_used", *_CLASSES),
    "input-scale": INPUTS,
    "loss-form": _FORM,
    "loss-multiple": ("loss_multiple",),
    "no-gradient": ("tensors_with_gradient",),
    "not-causal": ("later_tokens_seen", "own_token_seen", "later_inputs_seen", "target_steps_ahead"),
    "one-class-batches": _CLASSES,
    "padding-counted": ("targets_padding", "targets_used"),
    "renewed-optimizer": ("optimizer_replaced", "moments_missing", "moments_changed"),
    "repeated-batch": _ROWS,
    "single-target": ("targets_alike", *_CLASSES),
    "skipped-updates": ("update_skipped",),
    "target-in-input": (*_SHIFT, "targets_in_window"),
    "target-scale": ("target_mean", "target_std"),
    "target-shift": _SHIFT,
    "tiny-batch": ("rows",),
    "trained-validation": ("validation_rows_seen",),
    "unasked-rows": ("rows_unasked",),
    "update-in-evaluation-mode": ("update_in_evaluation_mode",),
    "weight-decay": ("weight_decay", f"{_LAYERS} weight_decay", f"{_LAYERS} penalty"),
}  # fmt: skip
"""Findings by their kind, and causes by their name: the settings and signals that they are about.

Without those that have it as their own signal, as a learning rate that jumps.
"""


def with_differences(
    findings: Sequence[Finding], given: Sequence[Difference], others: Sequence[str], left_out: Collection[Finding]
) -> tuple[list[Finding], list[Finding], list[Difference]]:
    """Return findings that say what differs in the thing that they are about, those that do, and what else differs.

    Args:
        findings: of the run.
        given: what it was given or set to that sound runs were not.
        others: names of these.
        left_out: findings that a sound run has too, which make no difference.
    """
    rest, told, carriers = list(given), list(findings), []
    for head, _ in families(findings):
        if head.severity == "note" or any(head is one for one in left_out):
            continue
        about = [one for one in rest if _is_about(head, one)]
        if about:
            rest = [one for one in rest if one not in about]
            signals = list(dict.fromkeys(one.signal for one in about if one.signal is not None))
            said = message("unlike-finding", finding=head.sentence, other=list(others), differences=as_one(about))
            carrier = replace(head, sentence=said, evidence=head.evidence | ({"differs": signals} if signals else {}))
            carriers.append(carrier)
            told = [carrier if one is head else one for one in told]
    return told, carriers, rest


def first_of(own: Sequence[Finding], carriers: Sequence[Finding]) -> list[Finding]:
    """Return what stands first of a run's findings, each with what follows from it.

    Faults, those first that say what differs in what they are about; then such alarms, and those that saw the mistake
    itself.
    """
    grave = with_followers((one for one in carriers if one.severity == "fault"), own)
    faults = [one for one in own if one.severity == "fault"]
    seen = (one for one in own if one.kind in SEEN and one.severity == "warning" and one.follows is None)
    ordered = [*grave, *faults, *with_followers(carriers, own), *with_followers(seen, own)]
    return [one for at, one in enumerate(ordered) if one not in ordered[:at]]


def with_followers(heads: Iterable[Finding], own: Sequence[Finding]) -> list[Finding]:
    """Return findings, each followed by those that follow from one of its kind."""
    return [one for head in heads for one in (head, *(other for other in own if other.follows == head.kind))]


def _is_about(finding: Finding, difference: Difference) -> bool:
    """Whether a difference is in what a finding is about, and where it is."""
    cause = (finding.causes or ())[:1]
    about = {finding.signal, *ABOUT.get(finding.kind, ())}
    about |= {one for it in cause for one in (SET_BY.get(it.name), *ABOUT.get(it.name, ()))}
    if difference.what not in about - {None}:
        return False
    last = np.inf if finding.last_step is None else finding.last_step
    begins_in_time = difference.step <= last
    lasts = difference.last is None or finding.first_step is None or difference.last >= finding.first_step
    layers, names = finding.evidence.get("layers"), difference.said.parameters.get("names")
    is_of_them = not isinstance(layers, list) or not isinstance(names, list) or not {*layers}.isdisjoint(names)
    return begins_in_time and lasts and is_of_them
