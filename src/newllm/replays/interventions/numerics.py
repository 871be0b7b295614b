"""Interventions on the numerics: precision, and kernels."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.replica.own_replica import OwnReplica
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

# fp32: single precision in the place of bf16: of a run of ours, which computes its forward pass in bf16 by autocast.


def with_precision(setup: Setup, precision: str) -> None:
    """Set the precision of a run of ours.

    Raises:
        UserError: it is another training.
    """
    if setup.config is None:
        raise UserError(f"precision '{precision}' can be set for a run of newllm train only: this is another training")
    numerics = dataclasses.replace(setup.config.numerics, precision=precision)
    setup.config = dataclasses.replace(setup.config, numerics=numerics)


def _is_fp32(subject: Subject) -> Message | None:
    config = subject.run_config()
    if config is None:
        return not_ours(subject)
    precision = config.numerics.precision
    return None if precision == "bf16" else message("misfit-precision", precision=precision)


FP32 = Intervention(
    name="fp32",
    kind="numerics",
    causes=("low-precision", "fp16-overflow"),
    aims_at="numerics",
    direction=0,
    apply=lambda setup: with_precision(setup, "fp32"),
    misfit=_is_fp32,
    inject=lambda setup: with_precision(setup, "bf16"),
)


# fp64: double precision: weights, activations, gradients and the optimizer's state, for any model.
#
# What began in single precision is what was there, written with more digits: first weights, batches and dropout masks
# are the same. A floating-point batch is widened where it enters the model; what the model makes on its way is double
# too. Limits: a loss that multiplies a batch by a weight without calling a module meets two dtypes, and torch says so;
# normal noise drawn inside the model is other noise, since torch draws doubles otherwise; mps has no float64.


def _take_fp64(setup: Setup) -> None:
    if setup.config is not None:
        with_precision(setup, "fp32")  # autocast would leave doubles alone, but not everything around them
    setup.at_start.append(_make_double)


def _make_double(replica: Replica) -> None:
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
    apply=_take_fp64,
)


def within(replica: Replica, setting: Callable[[], AbstractContextManager[None]]) -> None:
    """Let updates, probes and evaluations of a replica run inside a setting.

    Args:
        replica: changed in place.
        setting: opened before each call and closed after it.
    """

    def inside(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def run(*args: Any) -> Any:
            with setting():
                return call(*args)

        return run

    for name in ("update", "probe", "evaluate"):
        setattr(replica, name, inside(getattr(replica, name)))


# deterministic-kernels: deterministic kernels only, by torch's own switch.
#
# On the CPU a run of ours gives the same bits every time, so there is nothing to test there. Limits: cuBLAS reads its
# setting when it is first used, so that a process that has multiplied on the GPU before keeps what it had; what has no
# deterministic kernel cannot be replayed so, and the replay says which operation that is.

_CUBLAS, _WORKSPACE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"  # torch's notes on randomness ask for it


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    flags, workspace = (cudnn.deterministic, cudnn.benchmark), os.environ.get(_CUBLAS)
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    os.environ.setdefault(_CUBLAS, _WORKSPACE)
    try:
        yield
    except RuntimeError as error:
        if "determinis" not in str(error):
            raise
        raise UserError(f"no deterministic kernel: {str(error).splitlines()[0]}") from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = flags
        if workspace is None:
            del os.environ[_CUBLAS]


def _is_deterministic(subject: Subject) -> Message | None:
    config = subject.run_config()
    return message("misfit-same_bits") if config is not None and config.numerics.device == "cpu" else None


DETERMINISTIC_KERNELS = Intervention(
    name="deterministic-kernels",
    kind="numerics",
    causes=("nondeterminism",),
    aims_at="numerics",
    direction=0,
    apply=lambda setup: setup.at_start.append(lambda replica: within(replica, _deterministic)),
    misfit=_is_deterministic,
)
