"""Layers whose names are numbers, as nn.Sequential gives them, said so that a person knows what is meant.

"100 % of the units of 2" says little: it is "layer 2 (Conv2d)" where the recording knows the kind, and "2" in quotes
elsewhere. The evidence keeps the names as they are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from newllm.diagnosis.facts import Facts
from newllm.messages import Message, message
from newllm.trace import Finding

_NUMBER = re.compile(r"\d+(\.\w+)*")
_LISTS = "names"  # the parameter that holds several, parted by commas
_SINGLE = frozenset({"worst", "layer", "name", "smallest", "largest"})  # those that hold one


def with_named_layers(findings: Sequence[Finding], facts: Facts) -> list[Finding]:
    """Return the findings with such layers named in all of their sentences."""
    kinds = {layer.name: layer.kind for layer in facts.layers}
    return [
        replace(
            one,
            sentence=name_layers(one.sentence, kinds),
            alternatives=tuple(name_layers(other, kinds) for other in one.alternatives),
            test=None if one.test is None else name_layers(one.test, kinds),
        )
        for one in findings
    ]


def name_layers(said: Message, kinds: Mapping[str, str]) -> Message:
    """Return a message whose parameters name layers by number with what they are.

    Args:
        said: any message.
        kinds: classes of layers by name, as far as they are known.
    """
    parameters = {key: _named(key, value, kinds) for key, value in said.parameters.items()}
    return said if parameters == said.parameters else Message(said.id, parameters)


def is_number(name: str) -> bool:
    """Whether a layer or a weight has a number for its name, or begins with one: "2", "2.weight"."""
    return _NUMBER.fullmatch(name) is not None


def _named(key: str, value: Any, kinds: Mapping[str, str]) -> Any:
    if isinstance(value, Message):
        return name_layers(value, kinds)
    if isinstance(value, list) and key == _LISTS:
        return [_in_list(one, kinds) if isinstance(one, str) else one for one in value]
    if not isinstance(value, str):
        return value
    if key == _LISTS:
        return ", ".join(_in_list(one, kinds) for one in value.split(", "))
    statistic, slash, layer = value.partition("/")
    if slash and is_number(layer) and statistic.isidentifier():
        return message("layer-signal", signal=statistic, layer=_single(layer, kinds))
    return _single(value, kinds) if key in _SINGLE and is_number(value) else value


def _single(name: str, kinds: Mapping[str, str]) -> Message:
    kind = _kind(name, kinds)
    if not kind:
        return message("layer-number", name=name)
    return message("layer-of-kind" if name in kinds else "weight-of-kind", name=name, kind=kind)


def _in_list(name: str, kinds: Mapping[str, str]) -> str:
    statistic, slash, layer = name.rpartition("/")
    if not is_number(layer):
        return name
    kind = _kind(layer, kinds)
    return f"{statistic}{slash}{layer} ({kind})" if kind else f'{statistic}{slash}"{layer}"'


def _kind(name: str, kinds: Mapping[str, str]) -> str:
    """Return the class of a layer, or of that which a weight belongs to."""
    return kinds.get(name) or kinds.get(name.rpartition(".")[0]) or ""
