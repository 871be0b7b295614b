"""A finding as others read it: plain data with its sentences in English, and back."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from newllm.files import plain_data
from newllm.messages import read_message
from newllm.trace import SEVERITIES, Finding


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data: its sentences in English, and as data under "messages".

    Numbers that are not finite are None; in the parameters of a message they are text.
    """
    test = finding.test
    fields = {field.name: plain_data(getattr(finding, field.name)) for field in dataclasses.fields(finding)}
    if finding.supported_causes is None:
        del fields["supported_causes"]
    return {
        **fields,
        "sentence": str(finding.sentence),
        "alternatives": [str(alternative) for alternative in finding.alternatives],
        "test": "" if test is None else str(test),
        "messages": {
            "sentence": finding.sentence.as_dict(),
            "alternatives": [alternative.as_dict() for alternative in finding.alternatives],
            "test": None if test is None else test.as_dict(),
        },
    }


def read_finding(data: Mapping[str, Any]) -> Finding:
    """Return what `finding_data` gave; what is of another kind than it should be is left out.

    Raises:
        KeyError: it has no severity that we know.
    """
    severity, evidence, signal = data["severity"], data.get("evidence"), data.get("signal")
    if severity not in SEVERITIES:
        raise KeyError(severity)
    messages = data.get("messages")
    messages = messages if isinstance(messages, Mapping) else {}
    alternatives = _texts(data.get("alternatives"))
    written = messages.get("alternatives")
    written = written if isinstance(written, list) and len(written) == len(alternatives) else [None] * len(alternatives)
    test = str(data.get("test") or "")
    return Finding(
        kind=str(data.get("kind", "")),
        severity=severity,
        sentence=read_message(messages.get("sentence"), str(data.get("sentence", ""))),
        first_step=_number(data.get("first_step")),
        last_step=_number(data.get("last_step")),
        confidence=_number(data.get("confidence")) or 0.0,
        signal=signal if isinstance(signal, str) else None,
        evidence=evidence if isinstance(evidence, dict) else {},
        alternatives=tuple(read_message(one, text) for one, text in zip(written, alternatives, strict=True)),
        test=read_message(messages.get("test"), test) if test else None,
        candidate_causes=_texts(data.get("candidate_causes")),
        supported_causes=_texts(supported) if isinstance(supported := data.get("supported_causes"), list) else None,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
