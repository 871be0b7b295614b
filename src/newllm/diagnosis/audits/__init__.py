"""One audit a file: `audit(data, trace, facts)` returns what the data and the evaluation leave in doubt.

Args of each: the facts about the data as `newllm.data.facts` counts them (empty where there are none), the trace,
and what is known beside it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from newllm.diagnosis.audits import (
    changed_evaluation,
    data_order,
    label_frequency,
    leak,
    near_duplicates,
    never_trained,
    padding_counted,
    parameters_per_token,
    perplexity_mismatch,
    repeated_windows,
    small_validation,
    unknown_tokens,
    validation_shift,
)
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace

AUDITS: list[Callable[[Mapping[str, Any], Trace, Facts], list[Finding]]] = [
    changed_evaluation.audit,
    data_order.audit,
    label_frequency.audit,
    leak.audit,
    near_duplicates.audit,
    never_trained.audit,
    padding_counted.audit,
    parameters_per_token.audit,
    perplexity_mismatch.audit,
    repeated_windows.audit,
    small_validation.audit,
    unknown_tokens.audit,
    validation_shift.audit,
]
