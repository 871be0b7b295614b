"""What the first output depends on: the token to be told, other rows of its batch, or no text at all."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

SEEN = 1e-6  # of the strongest dependence; what is masked has exactly none
SEEN_OF_NUMBERS = 1e-4  # likewise; less comes of a mean that is taken off, and tells no model its answer
ASKED = 0.97  # of the targets are the next token
FEWEST_UNREAD = 3  # different tokens
LOOKS = 2
FEWEST_UPDATES = 10
AGAIN = 0.5  # of the rows of an update came before
TOGETHER = 0.1  # of the updates have all rows of an earlier one


def detect_not_causal(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that the output at a position depends on the token behind it, which it is asked for.

    False alarms: none by chance: where a mask, a direction or a shift keeps the future away, the gradient is exactly
    nothing. Models that are asked for anything but what comes next may look where they like.
    """
    seen, asked = finite(trace.series("later_tokens_seen")), finite(trace.series("target_is_next")).value
    ahead = finite(trace.series("target_steps_ahead")).value
    is_of_numbers = not len(seen.value) and len(ahead) >= LOOKS
    if is_of_numbers:
        seen = finite(trace.series("later_inputs_seen"))
    seen_at = SEEN_OF_NUMBERS if is_of_numbers else SEEN
    is_asked = is_of_numbers or (len(asked) > 0 and float(np.median(asked)) >= ASKED)
    if not is_asked or not len(seen.value) or seen.value.max() < seen_at:
        return []
    share, first = float(seen.value.max()), int(np.argmax(seen.value >= seen_at))
    since = int(seen.step[first]) if first >= LOOKS and trace.axis == "step" else None
    sentence = message("finding-not-causal.sentence", share=share, since=since, axis=trace.axis)
    if is_of_numbers:
        places = int(np.median(ahead))
        sentence = message("finding-not-causal.numbers", share=share, since=since, axis=trace.axis, places=places)
    return [
        Finding(
            kind="not-causal",
            severity="fault",
            sentence=sentence,
            first_step=float(seen.step[first]),
            last_step=trace.last_step,
            confidence=0.98,
            signal="loss",
            evidence={"share": share},
            alternatives=(message("finding-not-causal.on-purpose"),),
            test=message("finding-not-causal.test"),
            candidate_causes=("target-leak",),
        )
    ]


def detect_no_context(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that the next token is told from the latest one alone: the output depends on no earlier one.

    False alarms: none by chance, for what attends, or remembers, leaves a gradient; at the first update a gate may
    still be shut, so that it must be so at each look, the last ones too.
    """
    seen, asked = finite(trace.series("earlier_tokens_seen")), finite(trace.series("target_is_next")).value
    if len(seen.value) < FEWEST_UNREAD or seen.value.max() > 0 or not len(asked) or float(np.median(asked)) < ASKED:
        return []
    return [
        Finding(
            kind="no-context",
            severity="fault",
            sentence=message("finding-no-context.sentence", count=len(seen.value)),
            first_step=float(seen.step[0]),
            last_step=trace.last_step,
            confidence=0.95,
            signal="loss",
            evidence={"batches": len(seen.value)},
            alternatives=(message("finding-no-context.on-purpose"),),
            test=message("finding-no-context.test"),
        )
    ]


def detect_batch_as_time(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that a layer reads the rows of a batch as steps in time.

    False alarms: texts that are given as time first all the way. So each row must have one output, or rows must come
    again among other ones (what comes again is an example, and no moment of several texts), or the target be the next
    token of the same row.
    """
    mixed = finite(trace.series("batch_as_time"))
    if not len(mixed.value) and (_rows_are_texts(trace) or _rows_are_examples(trace)):
        mixed = finite(trace.series("positions_as_time"))
    if not len(mixed.value) or mixed.value.min() < 1:
        return []
    return [
        Finding(
            kind="batch-as-time",
            severity="fault",
            sentence=message("finding-batch-as-time.sentence"),
            first_step=float(mixed.step[0]),
            last_step=trace.last_step,
            confidence=0.95,
            signal="loss",
            evidence={},
            alternatives=(message("finding-batch-as-time.on-purpose"),),
            test=message("finding-batch-as-time.test"),
            candidate_causes=("batch-as-time",),
        )
    ]


def _rows_are_texts(trace: Trace) -> bool:
    asked = finite(trace.series("target_is_next")).value
    return len(asked) > 0 and float(np.median(asked)) >= ASKED


def _rows_are_examples(trace: Trace) -> bool:
    """Whether rows come again, and not all rows of an update together: one batch comes again whatever its axes are."""
    seen, together = trace.series("rows_seen").value, trace.series("batch_again").value
    late = seen[len(seen) // 2 :]
    return len(late) >= FEWEST_UPDATES and float(np.median(late)) >= AGAIN and len(together) < TOGETHER * len(seen)


def detect_unread_tokens(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that of a text the output depends on one token alone, wherever it stands, and on none of the others.

    False alarms: a padding mask leaves exactly one token unread. Where one is read and several are not, it is the mask
    that is the other way round, or the texts are empty but for what a tokenizer adds.
    """
    read, unread = finite(trace.series("tokens_read")), finite(trace.series("tokens_unread"))
    if not len(read.value) or len(read.value) != len(unread.value):
        return []
    if len(read.value) < LOOKS or (read.value != 1).any() or unread.value.min() < FEWEST_UNREAD:
        return []
    count = int(unread.value[0])
    return [
        Finding(
            kind="unread-tokens",
            severity="fault",
            sentence=message("finding-unread-tokens.sentence", count=count),
            first_step=float(read.step[0]),
            last_step=trace.last_step,
            confidence=0.95,
            signal="loss",
            evidence={"read": 1, "unread": count},
            alternatives=(message("finding-unread-tokens.on-purpose"),),
            test=message("finding-unread-tokens.test"),
            candidate_causes=("inverted-mask",),
        )
    ]
