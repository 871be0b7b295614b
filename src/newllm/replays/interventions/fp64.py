"""Double precision: weights, activations, gradients and the optimizer's state, for any model.

What began in single precision is what was there, written with more digits: first weights, batches and dropout masks
are the same. A floating-point batch is widened where it enters the model; what the model makes on its way is double
too. Limits: a loss that multiplies a batch by a weight without calling a module meets two dtypes, and torch says so;
normal noise drawn inside the model is other noise, since torch draws doubles otherwise; mps has no float64.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.replays.interventions.fp32 import with_precision
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.own_run import OwnReplica
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup


def _apply(setup: Setup) -> None:
    if setup.config is not None:
        with_precision(setup, "fp32")  # autocast would leave doubles alone, but not everything around them
    setup.attach.append(_attach)


def _attach(replica: Replica) -> None:
    if replica.device.type == "mps":
        raise UserError("device 'mps' has no float64: replay on the CPU to try fp64")
    replica.model.double()
    for state in replica.optimizer.state.values():
        # Adam's count of steps stays: its fused kernel wants float32.
        state.update({key: _wide(value) for key, value in state.items() if key != "step"})
    if isinstance(replica, OwnReplica):
        replica.stepper.carried = _wide(replica.stepper.carried)
    else:
        for module in replica.model.modules():
            if module is replica.model or next(module.parameters(recurse=False), None) is not None:
                module.register_forward_pre_hook(_widen, with_kwargs=True)
    replica.model.forward = _doubles()(replica.model.forward)


@contextlib.contextmanager
def _doubles() -> Iterator[None]:
    """Make new tensors double: not around a whole update, for random batches would be others."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _widen(module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:  # noqa: ARG001 (a hook's form)
    return _wide(args), _wide(kwargs)


def _wide(value: Any) -> Any:
    """Return tensors of floating-point numbers as double, also inside tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    if type(value) in (tuple, list):
        return type(value)(_wide(one) for one in value)
    if type(value) is dict:
        return {key: _wide(one) for key, one in value.items()}
    return value


FP64 = Intervention(
    name="fp64",
    kind="numerics",
    causes=("low-precision",),
    aims_at="numerics",
    direction=0,
    apply=_apply,
)
