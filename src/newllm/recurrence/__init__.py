"""The one linear step, element by element: `context_t = decay_t * context_{t-1} + input_t`.

A rule maps features to `(decay, input)`, a context norm says where the context is normalised, `update`
is the step of every body, and `scan` is the step over a whole sequence.

A context may be a matrix instead, `S_t = decay_t * S_{t-1} + key_t error_t^T`, where the error is what a position's
value differs by from what stands under its key: `matrix_rules` say what a position does, `matrix_scan` does it.
"""

from newllm.recurrence.changed_decay import change_decay
from newllm.recurrence.matrix_rules import MATRIX_RULES, MatrixRule
from newllm.recurrence.matrix_scan import Steps, matrix_scan, matrix_steps
from newllm.recurrence.norms import NORMS, ContextNorm, build_norm
from newllm.recurrence.rules import RULES, Gate, Rule, build_rule, full_precision
from newllm.recurrence.scan import resolve_backend, scan
from newllm.recurrence.scan.pieces import Pieces, scan_piece
from newllm.recurrence.update import contexts_before, sequential, update

__all__ = [
    "MATRIX_RULES",
    "NORMS",
    "RULES",
    "ContextNorm",
    "Gate",
    "MatrixRule",
    "Pieces",
    "Rule",
    "Steps",
    "build_norm",
    "build_rule",
    "change_decay",
    "contexts_before",
    "full_precision",
    "matrix_scan",
    "matrix_steps",
    "resolve_backend",
    "scan",
    "scan_piece",
    "sequential",
    "update",
]
