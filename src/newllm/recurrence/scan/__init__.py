"""`scan`: the linear step over a whole sequence, one operation with several backends."""

from newllm.recurrence.scan.operation import BACKENDS, resolve_backend, scan

__all__ = ["BACKENDS", "resolve_backend", "scan"]
