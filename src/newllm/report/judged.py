"""Whether a log held enough to say that nothing is wrong."""

from collections.abc import Sequence

from newllm.diagnosis.losses import finite, loss_names
from newllm.report.plain import plain
from newllm.trace import Finding, Trace

_FEWEST = 5  # finite points of a loss; of fewer no detector says much
_MOST_NAMES = 4


def unjudged(trace: Trace, findings: Sequence[Finding]) -> str:
    """Return why nothing could be judged, with the mend; empty where something was.

    What is wrong is judged in any case. Without that, some loss must have five finite points.
    """
    if any(finding.severity != "note" for finding in findings):
        return ""
    names = loss_names(trace)
    if not names:
        others = [f"'{plain(name, 60)}'" for name in trace.signals]
        shown = ", ".join(others[:_MOST_NAMES]) + (", ..." if len(others) > _MOST_NAMES else "")
        among = f" among {shown}" if shown else ""
        return f"no loss{among} (--loss COLUMN says which it is)"
    longest = max(names, key=lambda name: len(finite(trace.series(name)).value))
    count = len(finite(trace.series(longest)).value)
    if count >= _FEWEST:
        return ""
    points = "1 point" if count == 1 else f"{count} points"
    return f"only {points} of '{plain(longest, 60)}' (give a log with {_FEWEST} or more)"
