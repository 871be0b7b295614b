"""From a step on the loss of single batches lies at two levels: a part of the data became another kind there."""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.diagnosis.two_levels import two_levels
from newllm.messages import message
from newllm.trace import Finding, Trace


def detect_two_levels(trace: Trace, facts: Facts) -> list[Finding]:
    """Return from where on the training loss lies at two levels.

    False alarms: tasks in turn and short last batches are there from the start. The two levels must lie five times as
    far apart as each scatters, with hardly a batch between them, and come in turn to the end of the run.
    """
    loss = finite(trace.series("loss"))
    found = two_levels(loss.value) if training_kind(trace, facts).loss_is_progress else None
    if found is None:
        return []
    return [
        Finding(
            kind="two-levels",
            severity="warning",
            sentence=message(
                "finding-two-levels.sentence",
                axis=trace.axis,
                first=int(loss.step[found.first]),
                share=found.share,
                high=found.high,
                low=found.low,
            ),
            first_step=float(loss.step[found.first]),
            last_step=float(loss.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"share": found.share, "lower_level": found.low, "higher_level": found.high},
            alternatives=(message("finding-two-levels.other-data"),),
            test=message("finding-two-levels.test"),
            candidate_causes=("corrupted-batch", "wrong-targets", "data-order"),
        )
    ]
