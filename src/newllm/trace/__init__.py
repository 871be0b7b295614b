"""The record of a run as plain data: signals by step, and the summary. Readable without torch."""

from newllm.trace.finding import SEVERITIES, Finding, Severity
from newllm.trace.series import Series, Trace
from newllm.trace.store import TraceWriter, read_signal, read_trace, truncate_after
from newllm.trace.summary import Summary, Validation

__all__ = [
    "SEVERITIES",
    "Finding",
    "Series",
    "Severity",
    "Summary",
    "Trace",
    "TraceWriter",
    "Validation",
    "read_signal",
    "read_trace",
    "truncate_after",
]
