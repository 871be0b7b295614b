"""A program that was changed before its training was resumed: what it trains from there is another training."""

import numpy as np

from newllm.diagnosis.against.difference import as_one
from newllm.diagnosis.against.program import program_differences
from newllm.diagnosis.facts import Facts
from newllm.messages import Message, message
from newllm.trace import Finding, Trace

OF_RESUMPTION = frozenset({
    "checkpoint", "checkpoint_path", "ckpt", "ckpt_path", "continue", "load", "restore", "resume", "resume_from",
    "resume_from_checkpoint",
})  # fmt: skip
"""Options by which a training is resumed."""
MOST = 10  # differences that are told in words


def detect_changed_program(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what differs in the code, the settings or the command line since a training was resumed.

    A note: most are changed on purpose, and what comes of it the signals tell. What cannot change a result is left out.
    """
    found = []
    for last, earlier, later in facts.reprogrammed:
        differences = program_differences(later, earlier, OF_RESUMPTION)
        if differences:
            said = message(
                "finding-program-changed.sentence",
                axis=trace.axis,
                step=last + 1,
                differences=as_one(differences[:MOST]),
                more=max(0, len(differences) - MOST),
            )
            signal = "loss" if np.any(trace.series("loss").step > last) else None
            found.append(_finding(said, last, signal))
    return found


def _finding(said: Message, last: int, signal: str | None) -> Finding:
    return Finding(kind="program-changed", severity="note", sentence=said, first_step=float(last + 1), signal=signal)
