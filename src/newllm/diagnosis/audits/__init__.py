"""Audits by subject: each takes `(data, trace, facts)` and returns what the data and the evaluation leave in doubt.

Args of each: the facts about the data as `newllm.data.facts` counts them (empty where there are none), the trace,
and what is known beside it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from newllm.diagnosis.audits import evaluation, split, tokens, training_data
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace

AUDITS: list[Callable[[Mapping[str, Any], Trace, Facts], list[Finding]]] = [
    evaluation.audit_changed_evaluation,
    training_data.audit_data_order,
    tokens.audit_label_frequency,
    split.audit_leak,
    split.audit_near_duplicates,
    tokens.audit_never_trained,
    evaluation.audit_padding,
    training_data.audit_parameters,
    evaluation.audit_perplexity,
    training_data.audit_repeated_windows,
    evaluation.audit_small_validation,
    tokens.audit_unknown_tokens,
    split.audit_validation_shift,
]
