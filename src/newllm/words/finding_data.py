"""A finding as others read it: plain data with its sentences in English, and back."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from newllm.diagnosis.blind_tests import blind_tests
from newllm.files import plain_data
from newllm.messages import read_message
from newllm.trace import SEVERITIES, Cause, Finding


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data: its sentences in English, and as data under "messages".

    Numbers that are not finite are None; in the parameters of a message they are text.
    """
    test = finding.test
    names = [field.name for field in dataclasses.fields(finding) if field.name not in ("causes", "open_causes")]
    fields = {name: plain_data(getattr(finding, name)) for name in names}
    if finding.causes is not None:
        fields["causes"] = _written(finding.causes)
        fields["supported_causes"] = [one.name for one in finding.causes]
    if finding.open_causes:
        fields["open_causes"] = _written(finding.open_causes)
    if finding.follows is None:
        del fields["follows"]
    return {
        **fields,
        "blind_tests": None if (tests := blind_tests(finding)) is None else dataclasses.asdict(tests),
        "sentence": str(finding.sentence),
        "alternatives": [str(alternative) for alternative in finding.alternatives],
        "test": "" if test is None else str(test),
        "messages": {
            "sentence": finding.sentence.as_dict(),
            "alternatives": [alternative.as_dict() for alternative in finding.alternatives],
            "test": None if test is None else test.as_dict(),
            "causes": _reasons(finding.causes or ()),
            **({"open_causes": _reasons(finding.open_causes)} if finding.open_causes else {}),
        },
    }


def _written(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "probability": one.probability, "reason": None if one.reason is None else str(one.reason)}
        for one in causes
    ]


def _reasons(causes: Sequence[Cause]) -> list[dict[str, Any] | None]:
    return [None if one.reason is None else one.reason.as_dict() for one in causes]


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
        confidence=_number(data.get("confidence")),
        signal=signal if isinstance(signal, str) else None,
        evidence=evidence if isinstance(evidence, dict) else {},
        alternatives=tuple(read_message(one, text) for one, text in zip(written, alternatives, strict=True)),
        test=read_message(messages.get("test"), test) if test else None,
        candidate_causes=_texts(data.get("candidate_causes")),
        causes=_causes(data, messages),
        open_causes=_read(data.get("open_causes"), messages.get("open_causes")) or (),
        follows=follows if isinstance(follows := data.get("follows"), str) else None,
    )


def _causes(data: Mapping[str, Any], messages: Mapping[str, Any]) -> tuple[Cause, ...] | None:
    """Return the causes that were named; those of an earlier version have neither probability nor reason."""
    earlier = data.get("supported_causes")
    before = tuple(Cause(name, None) for name in _texts(earlier)) if isinstance(earlier, list) else None
    return before if (read := _read(data.get("causes"), messages.get("causes"))) is None else read


def _read(written: Any, reasons: Any) -> tuple[Cause, ...] | None:
    if not isinstance(written, list):
        return None
    reasons = reasons if isinstance(reasons, list) and len(reasons) == len(written) else [None] * len(written)
    return tuple(
        Cause(
            str(one.get("name", "")),
            _number(one.get("probability")),
            read_message(reason, text) if isinstance(text := one.get("reason"), str) else None,
        )
        for one, reason in zip(written, reasons, strict=True)
        if isinstance(one, Mapping)
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
