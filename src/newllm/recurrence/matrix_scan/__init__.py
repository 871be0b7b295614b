"""`matrix_scan`: the delta rule over a whole sequence, one operation with several backends."""

from newllm.recurrence.matrix_scan.operation import matrix_scan
from newllm.recurrence.matrix_scan.reference import matrix_steps
from newllm.recurrence.matrix_scan.steps import Steps

__all__ = ["Steps", "matrix_scan", "matrix_steps"]
