"""The validation of a Lightning module, without Lightning's loop: the loss that `validation_step` logs or returns."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from newllm.integrations.lightning.twin import moved, part, root_of
from newllm.integrations.loops.chance import own_chance


class Validation:
    """From a module in evaluation mode to its loss.

    Args:
        batches: the first ones of each validation loader.
    """

    def __init__(self, batches: Sequence[Sequence[Any]]) -> None:
        self._batches = batches

    def __call__(self, model: Any) -> dict[str, float]:
        """Return the mean of the first loss that is logged, over the rows; nothing where no loss is."""
        twin, module, logged = model.twin, model.module, _Logged()
        size_of = part(root_of(twin), "utilities.data").extract_batch_size
        wanted = len(inspect.signature(module.validation_step).parameters)
        before = module.log, module.log_dict
        module.log, module.log_dict = logged.take, logged.take_all
        twin.validating = True
        try:
            with own_chance():
                for number, batches in enumerate(self._batches):
                    for index, batch in enumerate(batches):
                        inputs = moved(twin, batch)
                        logged.size = size_of(batch)
                        with twin.precision_plugin.val_step_context():
                            output = module.validation_step(*(inputs, index, number)[: max(1, min(wanted, 3))])
                        if not logged.values:
                            logged.take_all(output if isinstance(output, Mapping) else {"loss": output})
        finally:
            twin.training = True
            module.log, module.log_dict = before
        return logged.mean()


class _Logged:
    """Takes what a validation logs, in the place of `log` and `log_dict`.

    Attributes:
        size: rows of the present batch: what a value weighs, as in Lightning.
        values: losses with their weights, by name.
    """

    def __init__(self) -> None:
        self.size = 1
        self.values: dict[str, list[tuple[float, int]]] = {}

    def take(self, name: str, value: Any, *_: Any, batch_size: int | None = None, **__: Any) -> None:
        is_number = isinstance(value, int | float) or (isinstance(value, Tensor) and value.numel() == 1)
        if "loss" in name.lower() and is_number:
            self.values.setdefault(name, []).append((float(value), batch_size or self.size))

    def take_all(self, values: Mapping[str, Any], *_: Any, batch_size: int | None = None, **__: Any) -> None:
        for name, value in values.items():
            self.take(name, value, batch_size=batch_size)

    def mean(self) -> dict[str, float]:
        """Return the first loss, which may be missing."""
        first = next(iter(self.values.values()), [])
        weights = sum(weight for _, weight in first)
        return {"validation": sum(value * weight for value, weight in first) / weights} if weights else {}
