"""The matrix scan as an operation: its contract, and its backends by name.

A head's context is a matrix `S [K, V]`. A position lets it decay, looks up what it holds, writes the difference from
what it should hold, and reads:

    S = decay * S;  S = S + key (value - S^T lookup)^T;  reading = S^T query

With `lookup = k` and `key = b k` this is the gated delta rule `S = a S (I - b k k^T) + b v k^T` in transposed form
(Schlag et al. 2021, arXiv:2102.11174; Yang et al. 2024, arXiv:2412.06464); without decay DeltaNet
(arXiv:2406.06484); with one decay a channel Kimi Delta Attention (arXiv:2510.26692); with b up to 2 it has negative
eigenvalues (arXiv:2411.12537). RWKV-7 (arXiv:2503.14456) erases along one key and writes under another: that is two
positions here, one that only erases and one that only writes; no rule does it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.kernels import can_fuse
from newllm.kernels.fusing import is_left_alone
from newllm.recurrence import triton_here
from newllm.recurrence.matrix_scan import chunked, compiled, reference, triton_operator, triton_trial
from newllm.recurrence.matrix_scan.steps import Steps
from newllm.recurrence.scan import resolve_backend

_Backend = Callable[[Steps, Tensor, Tensor | None], tuple[Tensor, Tensor]]


_BACKENDS: dict[str, _Backend] = {
    "reference": reference.forward,
    "torch": chunked.forward,
    "numba": compiled.forward,
    "triton": triton_operator.forward,
}


def matrix_scan(
    steps: Steps, initial_BHKV: Tensor | None = None, reset_BT: Tensor | None = None, *, backend: str = "auto"
) -> tuple[Tensor, Tensor]:
    """Run the delta rule over a sequence.

    Args:
        steps: what each position does, float32 or float64.
        initial_BHKV: matrices before the first position; zero if None.
        reset_BT: True where a new document starts: there the matrix before is taken as zero. None means nowhere.
        backend: "auto", "reference", "torch", "numba" (on the CPU) or "triton" (on a CUDA device). Where the last two
            can't run (float64, function transforms), torch's chunks do.

    Returns:
        Every reading `[B, T, H, V]` and the last matrices `[B, H, K, V]`, differentiable in steps and initial.

    Raises:
        UserError: the shapes disagree, one of them is 0, or the backend cannot run here.
    """
    if initial_BHKV is None:
        rows, _, heads, width = steps.value.shape
        initial_BHKV = steps.value.new_zeros(rows, heads, steps.key.shape[-1], width)
    _check(steps, initial_BHKV, reset_BT)
    name = _resolved(backend, *steps, initial_BHKV)
    with torch.autocast(steps.value.device.type, enabled=False):  # its products would be bfloat16: these are long sums
        return _BACKENDS[name](steps, initial_BHKV, reset_BT)


def _resolved(backend: str, *tensors: Tensor) -> str:
    device = tensors[0].device
    name = resolve_backend(backend, device)
    if name == "numba" and not can_fuse(*tensors):
        return "torch"
    if name != "triton":
        return name
    if tensors[0].dtype != torch.float32 or not is_left_alone():
        return "torch"
    fault = triton_here.why_not(device, triton_trial.differences)  # the kernels of vectors may run where these don't
    if fault is not None and backend == "triton":
        raise UserError(f"scan backend 'triton' of matrix contexts {fault}")
    return "torch" if fault else "triton"


def _check(steps: Steps, initial: Tensor, reset: Tensor | None) -> None:
    key, value = steps.key, steps.value
    if value.dim() != 4 or key.dim() != 4 or 0 in value.shape or 0 in key.shape:
        raise UserError(
            f"matrix_scan: key {tuple(key.shape)} and value {tuple(value.shape)} must be [batch, time, head, width], "
            "none of them 0"
        )
    rows, positions, heads, keys = key.shape
    shapes = {
        "query": [key.shape],
        "lookup": [key.shape],
        "value": [(rows, positions, heads, value.shape[-1])],
        "log_decay": [(rows, positions, heads, 1), (rows, positions, heads, keys)],
        "initial": [(rows, heads, keys, value.shape[-1])],
    }
    for name, tensor in {**steps._asdict(), "initial": initial}.items():
        wanted = shapes.get(name, [key.shape])
        if tensor.shape not in wanted or tensor.dtype != key.dtype:
            said = " or ".join(str(tuple(shape)) for shape in wanted)
            raise UserError(f"matrix_scan: {name} {tuple(tensor.shape)} {tensor.dtype} must be {said} {key.dtype}")
    if key.dtype not in (torch.float32, torch.float64):
        raise UserError(f"matrix_scan: dtype {key.dtype} is too short for a long sum: cast to float32 first")
    if reset is not None and (reset.shape != (rows, positions) or reset.dtype != torch.bool):
        raise UserError(
            f"matrix_scan: reset {tuple(reset.shape)} {reset.dtype} must be ({rows}, {positions}) torch.bool"
        )
