"""What happens around the optimizers' steps: their learning rate, whether they came at all, the loss scale.

Where several optimizers train a model, an update begins with the first of their steps and ends with the last.

A `GradScaler` multiplies the loss, and the gradient with it, and leaves steps out. It is found on the call
stack of the first updates: it is what calls the optimizer. Other scalers are not known: with them
`gradient_norm` is the norm of the scaled gradient, and `gradient_norm_clipped` the true one.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from newllm.recorder.callers import find_caller
from newllm.recorder.closures import after_closure
from newllm.recorder.gradients import GradientWatch, Norms, euclidean
from newllm.recorder.isolation import Part, no_isolation
from newllm.recorder.layers import stacked
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.passes import Passes
from newllm.recorder.pending import Row
from newllm.recorder.rounding import RoundingWatch
from newllm.recorder.settings import SettingsWatch
from newllm.recorder.unfrozen import UnfrozenWatch
from newllm.recorder.unregistered import UnregisteredWatch
from newllm.recorder.weights import WeightWatch

_LOOKS_FOR_SCALER = 3  # updates
_DEEPEST_CALL = 8


class UpdateWatch:
    """Watches the optimizers' steps and the gradients that they read.

    Args:
        layout: the model's.
        optimizers: its optimizers.
        part: what keeps the errors of each part from the training.
        is_resumed: whether the training goes on from a checkpoint, so that the optimizers should hold a state already.

    Attributes:
        updated: whether a step was done since the last `put`.
        sampled: whether the weights are measured around the next one.
    """

    def __init__(
        self, layout: Layout, optimizers: Optimizers, part: Part = no_isolation, *, is_resumed: bool = False
    ) -> None:
        self._layout, self._optimizers, self._protect = layout, optimizers, (protect := part("updates"))
        self._is_first, self._without_state = is_resumed, set[int]()  # the first update of a resumed training
        self._gradients = GradientWatch(layout.parameters, protect, optimizers.held)
        self._weights = WeightWatch(layout, optimizers, protect)
        rounding, unregistered = RoundingWatch(layout, part("rounding")), UnregisteredWatch(layout, optimizers)
        settings = SettingsWatch(optimizers, layout.root)
        self._put_settings = part("settings")(settings.put)
        self._put_unfrozen = part("unfrozen layers")(UnfrozenWatch(layout).put)
        self._looks_after = part("rounding")(rounding.after), part("unregistered layers")(unregistered.after)
        self._looks = 0
        self._row = Row()
        self.updated = self.sampled = self._is_measured = False
        self._stepped = set()
        self._versions: int | None = None
        self._is_finite = True  # the gradient of the row before, in the order in which rows are read

    @property
    def has_gone_backward(self) -> bool:
        """Whether the step had a backward pass."""
        return self._gradients.backwards > 0

    def _has_moved(self) -> bool:
        """Whether weights were written since the last step, which made no update either; torch counts the writes."""
        counted = [one for one in self._layout.parameters if not one.is_inference()]  # torch counts none of theirs
        before, self._versions = self._versions, sum(one._version for one in counted)
        return before is not None and before != self._versions

    def open(self) -> None:
        """Hook the optimizer and the parameters."""
        self._gradients.open()
        self._optimizers.hook(self._protect(self._begins), self._protect(self._ends))

    def close(self) -> None:
        """Take the hooks away."""
        self._gradients.close()

    def begin(self, row: Row, *, sampled: bool) -> None:
        """Begin a step whose signals go into the row."""
        self._row, self.sampled, self.updated = row, sampled, False
        self._stepped: set[int] = set()
        self._gradients.reset()

    def put(self, row: Row) -> None:
        """Put the signals of the step that is over into the row."""
        if self._is_measured:  # not all optimizers have stepped, as some of them do not at each update
            self._measure(row)
        if not self.updated:
            row.put("update_skipped", 1.0)
            if self._has_moved():
                row.put("weights_moved", 1.0)
        else:
            self._versions, self._is_first = None, False
        self._put_unfrozen(row)
        if self._optimizers.replaced:
            self._optimizers.replaced = False
            row.put("optimizer_replaced", 1.0)
        gradients = self._gradients
        if gradients.before is not None:
            self._put_norms(row, gradients.before)
        tensors = None if gradients.before is None else len(gradients.before.present)
        self._put_settings(row, tensors, sampled=self.sampled)
        if gradients.clipped is not None and gradients.before is not None:
            row.put("gradient_norm_clipped", gradients.clipped.whole())
        self._put_passes(row)

    def _put_passes(self, row: Row) -> None:
        """Put how the gradient came about."""
        gradients = self._gradients
        for name, count, usual in (("", gradients.backwards, 1), ("_discarded", gradients.discarded, 0)):
            if count > usual:
                row.put(f"backwards{name}", count)
        if gradients.has_read_others:
            row.put("gradient_of_others", 1.0)
        if gradients.carried:
            row.put_all(stacked(list(gradients.carried.values())).float(), partial(_share_carried, gradients.sentinels))

    def _put_norms(self, row: Row, found: Norms) -> None:
        def of_layers(numbers: Sequence[float]) -> list[tuple[str, float]]:
            by_index = dict(zip(found.present, numbers, strict=True))
            return [(f"gradient_norm/{name}", euclidean(own)) for name, own in self._layout.group(by_index)]

        def whole(numbers: Sequence[float]) -> list[tuple[str, float]]:
            was_finite, self._is_finite = self._is_finite, math.isfinite(numbers[0])
            # Where it begins to be not finite: in which layers, whether or not this step is a sampled one.
            layers = of_layers(found.each.tolist()) if was_finite and not self._is_finite else []
            return [("gradient_norm", numbers[0]), *layers]

        row.put_all(found.whole(), self._protect(whole))
        if self.sampled:
            row.put_all(found.each, self._protect(of_layers))

    @property
    def passes(self) -> Passes:
        """The backward passes, to be told of what the model returns."""
        return self._gradients.passes

    @property
    def is_scaled(self) -> bool:
        """Whether a `GradScaler` multiplies the loss."""
        return self._gradients.scaler is not None

    @property
    def is_maximized(self) -> bool:
        """Whether the optimizers make what is called the loss large."""
        return any(group.get("maximize", False) for _, group in self._optimizers.groups)

    def _begins(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        if self._looks < _LOOKS_FOR_SCALER and self._gradients.scaler is None:
            self._looks += 1
            self._gradients.found(find_caller(_is_scaler, _DEEPEST_CALL))
        # A fused optimizer unscales the gradient itself, and leaves the step out itself.
        begins = partial(self._update_begins, optimizer, getattr(optimizer, "grad_scale", None))
        with_closure = after_closure(args, kwargs, self._protect(begins))
        (begins if with_closure is None else self._gradients.closure_begins)()
        if isinstance(left_out := getattr(optimizer, "found_inf", None), Tensor):
            self._row.put_flag("update_skipped", left_out.clone())
        if self._is_first and not _has_state(optimizer):
            self._without_state.add(id(optimizer))
        if self.sampled and not self._is_measured:
            self._is_measured = True
            self._weights.before()
        return with_closure

    def _update_begins(self, optimizer: torch.optim.Optimizer, grad_scale: Tensor | None) -> None:
        self._gradients.update_begins(optimizer, grad_scale)
        # A closure may set the rate, and this is what the weights are about to be moved with.
        self._row.put("learning_rate", _largest([group["lr"] for _, group in self._optimizers.groups]))

    def _ends(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002 (a hook's form)
        self._gradients.update_ends()
        self.updated = True
        self._stepped.add(id(optimizer))
        if self._is_first and id(optimizer) in self._without_state and _has_state(optimizer):
            self._row.put("moments_missing", 1.0)
        if self._is_measured and self._stepped.issuperset(map(id, self._optimizers.each)):
            self._measure(self._row)

    def _measure(self, row: Row) -> None:
        self._is_measured = False
        self._weights.after(row)
        for look in self._looks_after:
            look(row)


def _has_state(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer keeps anything of a parameter; plain SGD never does."""
    return any(isinstance(one, Tensor) for kept in optimizer.state.values() for one in kept.values())


def _is_scaler(one: object) -> bool:
    """Whether this multiplies losses; one that is switched off does nothing."""
    return isinstance(one, torch.amp.GradScaler) and one.is_enabled()


def _share_carried(sentinels: int, left: Sequence[float]) -> list[tuple[str, float]]:
    """Return the share of the watched parameters whose gradient was not cleared, nothing where it is none."""
    carried = sum(number != 0 for number in left)
    return [("gradient_carried", carried / sentinels)] if carried else []


def _largest(rates: Sequence[float | Tensor]) -> float | Tensor:
    """Return the largest; where some lie on a device, there and without waiting for it."""
    numbers = [float(rate) for rate in rates if not isinstance(rate, Tensor)]
    tensors = [rate.detach().reshape(()) for rate in rates if isinstance(rate, Tensor)]
    if not tensors:
        return max(numbers)
    largest = stacked(tensors).amax()
    return largest.clamp(min=max(numbers)) if numbers else largest
