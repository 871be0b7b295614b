"""Whether a log held enough to say that nothing is wrong."""

from collections.abc import Sequence

from newllm.diagnosis.losses import finite, loss_names
from newllm.messages import Message, message
from newllm.report.plain import plain
from newllm.trace import Finding, Trace

_FEWEST = 5  # finite points of a loss; of fewer no detector says much
_MOST_NAMES = 4


def unjudged(trace: Trace, findings: Sequence[Finding]) -> Message | None:
    """Return why nothing could be judged, with the mend; None where something was.

    What is wrong is judged in any case. Without that, some loss must have five finite points.
    """
    if any(finding.severity != "note" for finding in findings):
        return None
    names = loss_names(trace)
    if not names:
        others = [f"'{plain(name, 60)}'" for name in trace.signals]
        shown = ", ".join(others[:_MOST_NAMES]) + (", ..." if len(others) > _MOST_NAMES else "")
        return message("unjudged-no-loss", among=shown or None)
    longest = max(names, key=lambda name: len(finite(trace.series(name)).value))
    count = len(finite(trace.series(longest)).value)
    if count >= _FEWEST:
        return None
    return message("unjudged-few-points", count=count, signal=plain(longest, 60), least=_FEWEST)
