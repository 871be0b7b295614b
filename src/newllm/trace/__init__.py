"""The record of a run as plain data: signals by step, and the summary. Readable without torch."""

from newllm.trace.finding import SEVERITIES, Cause, Finding, Severity
from newllm.trace.lost import lost_steps
from newllm.trace.recovery import Recovery, load_recoveries, save_recoveries
from newllm.trace.remark import Remark
from newllm.trace.series import Series, Trace, rank_trend, same_steps
from newllm.trace.store import (
    TraceWriter,
    cut_damaged_end,
    pack_trace,
    read_signal,
    read_trace,
    rows_after,
    truncate_after,
)
from newllm.trace.summary import Context, Summary, Validation
from newllm.trace.verdict import Tried, Verdict

__all__ = [
    "SEVERITIES",
    "Cause",
    "Context",
    "Finding",
    "Recovery",
    "Remark",
    "Series",
    "Severity",
    "Summary",
    "Trace",
    "TraceWriter",
    "Tried",
    "Validation",
    "Verdict",
    "cut_damaged_end",
    "load_recoveries",
    "lost_steps",
    "pack_trace",
    "rank_trend",
    "read_signal",
    "read_trace",
    "rows_after",
    "same_steps",
    "save_recoveries",
    "truncate_after",
]
