"""The scan as an operation: its contract, its backends by name, its gradients.

Shapes: B rows, T positions, C channels.

A backend is a pair of plain functions on contiguous tensors. `forward(decay, input, initial, reset)`
returns every context; `backward(gradient, decay, contexts, initial, reset)` returns the gradients of
decay, input and initial:

    d_input_t = gradient_t + decay_{t+1} * d_input_{t+1}
    d_decay_t = d_input_t * context_{t-1}
    d_initial = decay_0 * d_input_0

`reference` is the exception: a plain float64 loop that autograd differentiates, so that it is
independent of these formulas and can judge them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from newllm.errors import UserError, unknown_name
from newllm.kernels.fusing import is_gradient
from newllm.kernels.operators import Differentiable, Operator, is_transformed, like
from newllm.kernels.processor import has_numba
from newllm.recurrence import triton_here
from newllm.recurrence.scan import chunked, triton_trial
from newllm.recurrence.scan.reference import scan_reference


class _Backend(NamedTuple):
    forward: Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
    backward: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor, Tensor]]


def _torch_backend() -> _Backend:
    return _Backend(chunked.forward, chunked.backward)


def _numba_backend() -> _Backend:
    from newllm.recurrence.scan import compiled  # numba is an extra, and slow to import

    return _Backend(compiled.forward, compiled.backward)


def _triton_backend() -> _Backend:
    from newllm.recurrence.scan import triton_scan  # Triton comes with the CUDA builds of torch only

    return _Backend(triton_scan.forward, triton_scan.backward)


_LOADERS: dict[str, Callable[[], _Backend]] = {
    "torch": _torch_backend,
    "numba": _numba_backend,
    "triton": _triton_backend,
}
BACKENDS = ("auto", "reference", *_LOADERS)


def resolve_backend(name: str, device: torch.device | str) -> str:
    """Return the backend that runs under a name on a device: "auto" takes the fastest that is there.

    That is numba on the CPU and Triton on a CUDA device, each where it is installed and runs, else torch.

    Raises:
        UserError: no backend has this name, or it cannot run here.
    """
    if name not in BACKENDS:
        raise unknown_name("scan backend", name, BACKENDS)
    if name == "auto":
        return _fastest(device)
    fault = _fault(name, device)
    if fault is not None:
        raise UserError(f"scan backend '{name}' {fault}")
    return name


def backend_pair(name: str, device: torch.device | str) -> _Backend:
    """Return the two functions of a backend, see above.

    Raises:
        UserError: the backend cannot run here, or has no such functions.
    """
    name = resolve_backend(name, device)
    if name == "reference":
        raise UserError("scan backend 'reference' differentiates itself: take backend torch")
    return _LOADERS[name]()


def _fastest(device: torch.device | str) -> str:
    preferred = {"cpu": "numba", "cuda": "triton"}.get(torch.device(device).type, "torch")
    return preferred if _fault(preferred, device) is None else "torch"


def _fault(name: str, device: torch.device | str) -> str | None:
    """Return why a backend cannot run on a device, as the end of a sentence."""
    kind = torch.device(device).type
    if name == "numba" and not has_numba():
        return "needs numba: pip install 'newllm[fast]', or take backend torch"
    if name == "numba" and kind != "cpu":
        return f"runs on the CPU, not on '{device}': take backend torch"
    if name == "reference" and kind == "mps":
        return f"needs float64, '{device}' has none: take backend torch"
    return triton_here.why_not(device, triton_trial.differences) if name == "triton" else None


def scan(
    decay_BTC: Tensor,
    input_BTC: Tensor,
    initial_BC: Tensor | None = None,
    reset_BT: Tensor | None = None,
    *,
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Run `context_t = decay_t * context_{t-1} + input_t` over a sequence.

    Args:
        decay_BTC: decay, any finite values; exactly 0 and exactly 1 are fine.
        input_BTC: input, of the same shape and dtype (float32 or float64).
        initial_BC: context before the first position; zero if None.
        reset_BT: True where a new document starts: there the context before is taken as zero, whatever
            it was. None means nowhere.
        backend: "auto", "reference", "torch", "numba" (on the CPU) or "triton" (on a CUDA device).

    Returns:
        Every context `[B, T, C]` and the last one `[B, C]`, differentiable in decay, input and initial.

    Raises:
        UserError: the shapes disagree, T is 0, or the backend cannot run here.
    """
    _check(decay_BTC, input_BTC, initial_BC, reset_BT)
    if initial_BC is None:
        initial_BC = input_BTC.new_zeros(input_BTC.shape[0], input_BTC.shape[2])
    name = resolve_backend(backend, input_BTC.device)
    if name == "reference":
        return scan_reference(decay_BTC, input_BTC, initial_BC, reset_BT)
    if is_transformed() and not is_gradient():
        contexts_BTC = chunked.forward(decay_BTC, input_BTC, initial_BC, reset_BT)  # torch's own operations
    else:
        contexts_BTC = _scan(decay_BTC, input_BTC, initial_BC, reset_BT, name)
    # A copy of the last one: a view would keep all of them alive for as long as the state is carried.
    return contexts_BTC, contexts_BTC[:, -1].clone()


def _forward(decay: Tensor, input: Tensor, initial: Tensor, reset: Tensor | None, backend: str) -> Tensor:
    return _LOADERS[backend]().forward(*_contiguous(decay, input, initial, reset))


def _backward(
    gradient: Tensor, decay: Tensor, contexts: Tensor, initial: Tensor, reset: Tensor | None, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    return _LOADERS[backend]().backward(*_contiguous(gradient, decay, contexts, initial, reset))


def _contiguous(*tensors: Tensor | None) -> list[Any]:
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _save(ctx: Any, inputs: tuple[Any, ...], contexts: Tensor) -> None:
    decay, _, initial, reset, ctx.backend = inputs
    ctx.save_for_backward(decay, contexts, initial, reset)


_ANY_DEVICE = "CompositeExplicitAutograd"
_scan = Differentiable(
    Operator(
        "scan(Tensor decay, Tensor input, Tensor initial, Tensor? reset, str backend) -> Tensor",
        _forward,
        fake=like(1),
        device=_ANY_DEVICE,
    ),
    Operator(
        "scan_backward(Tensor gradient, Tensor decay, Tensor contexts, Tensor initial, Tensor? reset, str backend) "
        "-> (Tensor, Tensor, Tensor)",
        _backward,
        fake=like(1, 1, 3),
        device=_ANY_DEVICE,
    ),
    _save,
    lambda ctx, backward, gradient: (*backward(gradient, *ctx.saved_tensors, ctx.backend), None, None),
)


def _check(decay: Tensor, input: Tensor, initial: Tensor | None, reset: Tensor | None) -> None:
    if input.dim() != 3 or 0 in input.shape:
        raise UserError(
            f"scan: input has shape {tuple(input.shape)}: it must be [batch, time, channel], none of them 0"
        )
    if decay.shape != input.shape or decay.dtype != input.dtype:
        raise UserError(
            f"scan: decay {tuple(decay.shape)} {decay.dtype} must equal input {tuple(input.shape)} {input.dtype}"
        )
    if input.dtype not in (torch.float32, torch.float64):
        raise UserError(f"scan: dtype {input.dtype} is too short for a long sum: cast to float32 first")
    rows, positions, channels = input.shape
    if initial is not None and (initial.shape != (rows, channels) or initial.dtype != input.dtype):
        raise UserError(
            f"scan: initial {tuple(initial.shape)} {initial.dtype} must be ({rows}, {channels}) {input.dtype}"
        )
    if reset is not None and (reset.shape != (rows, positions) or reset.dtype != torch.bool):
        raise UserError(f"scan: reset {tuple(reset.shape)} {reset.dtype} must be ({rows}, {positions}) torch.bool")
