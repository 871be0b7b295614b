"""Texts of which the loss counts no place: what masks a prompt, or a padding, masks the answer too."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 6  # sampled updates
MANY, FEW = 0.25, 0.1  # of the texts of an update
EXACT = 1e-3  # of how many texts one is asked


def detect_unasked_rows(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that a quarter of the texts, or more, have no target at all, from some step to the end.

    False alarms: places that are masked by chance leave a short text without any now and then. A policy's texts without
    an advantage have no gradient either; so the loss must be a cross-entropy. Where all but one have none from the
    first update to the last, the first axis of the output may be time, of which the loss takes one place: a note.
    """
    unasked, form = finite(trace.series("rows_unasked")), trace.series("cross_entropy").value
    if len(unasked.value) < FEWEST or not len(form) or float(np.median(form)) < 1:
        return []
    few = np.flatnonzero(unasked.value <= FEW)
    begins = int(few[-1]) + 1 if len(few) else 0
    later = unasked.value[begins:]
    if len(later) < FEWEST or median(later) < MANY:
        return []
    if begins and median(unasked.value[:begins]) > FEW:  # as many before: which texts have none is drawn by chance
        return []
    first, share = int(unasked.step[begins]), median(later)
    places = 1 / max(1 - share, EXACT)
    is_place = not begins and not np.ptp(later) and share < 1 and abs(places - round(places)) < EXACT
    return [
        Finding(
            kind="unasked-rows",
            severity="note" if is_place else "warning",
            sentence=message(
                "finding-unasked-rows.sentence", share=share, axis=trace.axis, first=first,
                before=median(unasked.value[:begins]) if begins else None,
            ),
            first_step=float(first),
            last_step=float(unasked.step[-1]),
            confidence=0.9,
            signal="rows_unasked",
            evidence={"share": share},
            alternatives=tuple(
                message(f"finding-unasked-rows.{one}") for one in ("cut", "filler", *(("time",) if is_place else ()))
            ),
            test=message("finding-unasked-rows.test"),
            candidate_causes=("loss-definition",),
        )
    ]  # fmt: skip
