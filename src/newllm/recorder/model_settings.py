"""Numbers that a model is set to in Python: plain arguments of its calls, and plain attributes of its modules.

A temperature, a weight, a share that is annealed or switched stands there as a rule. Each is written at the first
update, and again where it has changed: an argument at once, an attribute on sampled steps. Of torch's own modules the
attributes are passed over, since their settings are recorded (`settings.py`) or stay.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from torch import nn

from newllm.recorder.pending import Row

MOST = 64  # attributes
SETTING = "setting"
_OURS = frozenset({"training"})


class ModelSettings:
    """Reads them.

    Args:
        model: whose modules are read.
    """

    def __init__(self, model: nn.Module) -> None:
        self._attributes = list(_attributes(model))[:MOST]
        self._given: dict[str, float] = {}
        self._latest: dict[str, float] = {}

    def called(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """The model is called for an update."""
        for name, value in (*enumerate(args), *kwargs.items()):
            if _is_number(value):
                self._given[f"{SETTING}/forward.{name}"] = float(value)

    def put(self, row: Row, *, sampled: bool) -> None:
        """Record what is new."""
        given, self._given = self._given, {}
        if sampled:
            for name, module, attribute in self._attributes:
                if _is_number(value := getattr(module, attribute, None)):
                    given[name] = float(value)
        for name, value in given.items():
            if self._latest.get(name) != value:
                self._latest[name] = value
                row.put(name, value)


def _attributes(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    for path, module in model.named_modules():
        if type(module).__module__.startswith("torch."):
            continue
        for attribute, value in vars(module).items():
            if not attribute.startswith("_") and attribute not in _OURS and _is_number(value):
                yield f"{SETTING}/{path}.{attribute}" if path else f"{SETTING}/{attribute}", module, attribute


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)
