"""One pass of a batch through model and loss, observed: calls, outputs, gradients and what every layer gave."""

import contextlib
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from newllm.checks.binary import is_sigmoid
from newllm.checks.present import DEVICES, autocasts
from newllm.checks.trees import copied, dense, leaves

ACTS = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)  # they act otherwise in training
_REFUSED = "Disabling autocast"  # in a warning of torch
_STRETCHED = re.compile(  # in another
    r"target size \(torch\.Size\((.*?)\)\) that is different to the input size \(torch\.Size\((.*?)\)\)"
)
_EDGE = 0.99  # of the range of tanh and sigmoid
_PRODUCTS = (nn.Linear, nn.modules.conv._ConvNd)
_FUNCTIONS = {
    "addbmm", "addmm", "baddbmm", "bmm", "chain_matmul", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "einsum", "linear", "__matmul__", "__rmatmul__", "matmul", "mm",
    "scaled_dot_product_attention",
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """What a layer without parts gave.

    Attributes:
        huge: largest absolute value.
        saturated: share of the outputs of a tanh or sigmoid at the edge of its range; 0 of another layer.
        dead: share of the outputs of a ReLU that are 0; 0 of another layer.
        dtype: "float32".
        is_product: a linear layer or a convolution, which mixed precision computes with fewer digits.
        is_mixed: whether mixed precision was on around the model, or when the layer answered.
    """

    huge: float
    saturated: float
    dead: float
    dtype: str
    is_product: bool
    is_mixed: bool


@dataclass(frozen=True)
class Seen:
    """One pass in training mode, as it was handed over.

    Attributes:
        module: the model, or the part of it that the loss calls.
        arguments, options: what it was called with.
        output: the tensor that the loss is computed from, detached; None where none was found.
        gradient: of the loss by that output.
        is_sigmoid: whether a sigmoid made that output.
        loss: its value.
        has_gradient: whether the loss depends on anything that is trained.
        gradients: of the parameters by name.
        layers: by name.
        read: tokens that each embedding read, by name.
        foreign: tensors that the loss has a gradient for and that are no parameters of the model.
        calls: how often the loss called the model.
        autocast: the device types for which automatic mixed precision was on around the model or within it.
        products: the dtypes of products that the model called as functions while it was on.
        broadcast: shapes of inputs and targets that torch warned of, since one is stretched to the other.
        refused: what torch warned of when it turned off mixed precision that was asked for; empty if it did not.
    """

    module: nn.Module
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    output: Tensor | None
    gradient: Tensor | None
    is_sigmoid: bool
    loss: float
    has_gradient: bool
    gradients: dict[str, Tensor]
    layers: dict[str, Layer]
    read: dict[str, Tensor]
    foreign: tuple[Tensor, ...]
    calls: int
    autocast: tuple[str, ...]
    products: tuple[str, ...]
    broadcast: tuple[tuple[str, str], ...]
    refused: str


class _Watch(TorchFunctionMode):
    """Hooks on every module of a model; entered, it hears the functions of torch that the model calls, too."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.calls: list[tuple[nn.Module, Any, Any]] = []
        self.outputs: list[Tensor | None] = []
        self.autocast: set[str] = set()
        self.products: list[str] = []
        self.layers: dict[str, Layer] = {}
        self._around = False
        self.read: dict[str, Tensor] = {}
        self._within: list[nn.Module] = []
        self._handles: list[Any] = []
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):  # it takes no hooks
                continue
            self._handles += [
                module.register_forward_pre_hook(self._before, with_kwargs=True),
                module.register_forward_hook(self._after, with_kwargs=True),
            ]
            if not any(True for _ in module.children()):
                self._handles.append(module.register_forward_hook(self._measuring(name)))

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def _before(self, module: nn.Module, arguments: Any, options: Any) -> None:
        if not self._within:  # the outermost: the model, or what a LightningModule holds and calls
            self.calls.append((module, copied(arguments), copied(options)))
            self._around = self._hear_precision()
        self._within.append(module)

    def _hear_precision(self) -> bool:
        on = [kind for kind in DEVICES if autocasts(kind)]
        self.autocast.update(on)
        return bool(on)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note mixed precision that the model turns on itself, and products that it computes without a layer."""
        made = func(*args, **(kwargs or {}))
        if self._within and self._hear_precision() and func.__name__ in _FUNCTIONS and isinstance(made, Tensor):
            self.products.append(str(made.dtype).removeprefix("torch."))
        return made

    def _after(self, module: nn.Module, arguments: Any, options: Any, made: Any) -> None:  # noqa: ARG002 (a hook's form)
        self._within.pop()
        if not self._within:
            tensor = output_of(made)
            if tensor is not None and tensor.requires_grad:
                tensor.retain_grad()
            self.outputs.append(tensor)

    def _measuring(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def measure(module: nn.Module, arguments: Any, made: Any) -> None:
            if isinstance(module, nn.Embedding) and arguments and isinstance(arguments[0], Tensor):
                self.read[name] = arguments[0].detach().clone()
            if isinstance(made, Tensor) and made.is_floating_point() and made.numel():
                with contextlib.suppress(RuntimeError):  # within torch.vmap no number can be read
                    self.layers[name] = _measured(module, made, is_mixed=self._hear_precision() or self._around)

        return measure


def observed(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> Seen:
    """Run a loss and its backward pass, and return what was seen."""
    watch = _Watch(model)
    try:
        optimizer.zero_grad(set_to_none=True)
        model.zero_grad(set_to_none=True)  # what another optimizer has left, as from before a weight was frozen
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with watch:
                value = loss()
        foreign = _foreign(value, {id(each) for each in model.parameters()})
        gradients = [each.grad for each in foreign]
        for each in foreign:  # theirs is not added to
            each.grad = None
        try:
            if value.requires_grad:
                value.backward()
        finally:
            for each, gradient in zip(foreign, gradients, strict=True):
                each.grad = gradient
    finally:
        watch.remove()
    output = watch.outputs[0] if watch.outputs else None
    gradient = output.grad if output is not None and output.requires_grad else None
    module, arguments, options = watch.calls[0] if watch.calls else (model, (), {})
    return Seen(
        module=module,
        arguments=arguments,
        options=options,
        output=None if output is None else output.detach().clone(),
        gradient=None if gradient is None else gradient.detach().clone(),
        is_sigmoid=output is not None and is_sigmoid(output),
        loss=float(value.detach()),
        has_gradient=value.requires_grad,
        gradients={name: dense(each.grad).clone() for name, each in model.named_parameters() if each.grad is not None},
        layers=watch.layers,
        read=watch.read,
        foreign=foreign,
        calls=len(watch.calls),
        autocast=tuple(sorted(watch.autocast)),
        products=tuple(watch.products),
        broadcast=tuple(
            (found[1], found[2]) for each in said if (found := _STRETCHED.search(str(each.message))) is not None
        ),
        refused=next((str(each.message) for each in said if _REFUSED in str(each.message)), ""),
    )


def _foreign(loss: Tensor, held: set[int]) -> tuple[Tensor, ...]:
    """Return the leaves of a loss's graph that are not held."""
    found: dict[int, Tensor] = {}
    waiting, seen = [loss.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor) and id(leaf) not in held:
            found[id(leaf)] = leaf
        waiting += [following for following, _ in node.next_functions]
    return tuple(found.values())


def output_of(made: Any) -> Tensor | None:
    """Return the tensor that holds a model's answer: its logits, or the first of several rows of numbers.

    Where none of its tensors has rows of numbers, it is the first that has a number for each row.
    """
    if isinstance(made, Tensor):
        return made if made.is_floating_point() else None
    logits = getattr(made, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    found = [tensor for _, tensor in leaves(made) if tensor.is_floating_point() and tensor.ndim]
    return next((tensor for tensor in found if tensor.ndim > 1), found[0] if found else None)


def _measured(module: nn.Module, made: Tensor, *, is_mixed: bool) -> Layer:
    values = made.detach()
    huge = float(values.abs().max())
    saturated = dead = 0.0
    if isinstance(module, nn.Tanh | nn.Sigmoid):
        middle, reach = (0.0, 1.0) if isinstance(module, nn.Tanh) else (0.5, 0.5)
        saturated = float(((values.float() - middle).abs() > _EDGE * reach).double().mean())
    if isinstance(module, nn.ReLU):
        dead = float((values == 0).double().mean())
    dtype = str(made.dtype).removeprefix("torch.")
    is_product = isinstance(module, _PRODUCTS)
    return Layer(huge if math.isfinite(huge) else math.inf, saturated, dead, dtype, is_product, is_mixed)
