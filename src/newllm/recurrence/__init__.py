"""The one linear step, element by element: `context_t = decay_t * context_{t-1} + input_t`.

A rule maps features to `(decay, input)`, a context norm says where the context is normalised, `update`
is the step of every body, and `scan` is the step over a whole sequence.
"""

from newllm.recurrence.norms import NORMS, ContextNorm, build_norm
from newllm.recurrence.rules import RULES, Gate, Rule, build_rule, change_decay, full_precision
from newllm.recurrence.scan import resolve_backend, scan
from newllm.recurrence.update import contexts_before, sequential, update

__all__ = [
    "NORMS",
    "RULES",
    "ContextNorm",
    "Gate",
    "Rule",
    "build_norm",
    "build_rule",
    "change_decay",
    "contexts_before",
    "full_precision",
    "resolve_backend",
    "scan",
    "sequential",
    "update",
]
