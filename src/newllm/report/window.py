"""Where to look closer: a finding of a few steps in a run of many thousands is one dot in a plot of the whole."""

import numpy as np

from newllm.trace import Finding, Series, Trace

_NARROW = 0.1  # of the run; a wider finding can be seen in the whole
_POINTS = 12  # at either side of the finding, at least


def plotted(trace: Trace, finding: Finding) -> Series | None:
    """Return the series that a finding names, None where it names none or the trace has nothing of it."""
    series = trace.signals.get(finding.signal) if finding.signal is not None else None
    return series if series is not None and len(series.step) else None


def marked(finding: Finding, series: Series) -> tuple[float, float] | None:
    """Return the stretch of a finding, to the end of the series where it has no end; None where it has no place."""
    if finding.first_step is None:
        return None
    last = finding.last_step if finding.last_step is not None else float(series.step[-1])
    return float(finding.first_step), max(float(finding.first_step), float(last))


def closer(series: Series, region: tuple[float, float] | None) -> Series | None:
    """Return the part of a series around a stretch, None where the whole shows it just as well."""
    if region is None or len(series.step) < 8 * _POINTS:
        return None
    first, last = np.searchsorted(series.step, region[0]), np.searchsorted(series.step, region[1], side="right")
    reach = max(_POINTS, 2 * int(last - first))
    part = slice(max(0, int(first) - reach), int(last) + reach)
    if len(series.step[part]) > 4 * _NARROW * len(series.step) or last - first > _NARROW * len(series.step):
        return None
    return Series(series.step[part], series.value[part])
