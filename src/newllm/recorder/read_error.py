"""How far what matrices hold under a key is from the value that is to be written there, on sampled steps.

Before a position writes it looks up what stands under its key; the delta rule writes the difference to its value
(Schlag et al. 2021, arXiv:2102.11174; `recurrence.matrix_scan.operation`). The read error of a layer is the length of
these differences over that of the values, `sqrt(sum |v - S^T k|^2 / sum |v|^2)` over all positions and heads, S
decayed already: 0 where all that is written was there before, 1 where nothing was found, more where something else was.

It takes another pass over the sequence, so that no more than a few rows are looked at.
"""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.model.bodies.body import State
from newllm.model.bodies.matrix_mixer import MatrixMixer, ZeroMatrixMixer
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.pending import Row
from newllm.recurrence import Steps, matrix_scan

ROWS = 4
"""Of a batch, its first."""


def watch_read_errors(
    modules: Iterable[tuple[str, nn.Module]], row: Row, protect: Protect = unprotected
) -> list[RemovableHandle]:
    """Hook every mixer with matrices among the modules, but for the control; their read errors go into the row."""
    handles = []
    for name, module in modules:
        if isinstance(module, MatrixMixer) and not isinstance(module, ZeroMatrixMixer):
            steps: list[Steps] = []
            handles.append(module.rule.register_forward_hook(Hook(protect(partial(_keep, steps)))))
            handles.append(module.register_forward_hook(Hook(protect(partial(_see, name, row, steps)))))
    return handles


@torch.no_grad()
def read_error(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None, backend: str = "auto") -> Tensor:
    """Return the read error of some positions, one number; NaN where all values are zero.

    Args:
        steps: what each position does, `[B, T, H, ...]`.
        initial_BHKV: matrices before the first position.
        reset_BT: True where a new document starts, or None.
        backend: of `matrix_scan`.
    """
    steps = Steps(*(tensor.detach() for tensor in steps))
    # A position that reads by the next one's decayed lookup reads what that one will find.
    decayed_BTHK = steps.log_decay.exp() * steps.lookup
    before = Steps(*(tensor[:, :-1] for tensor in steps._replace(query=decayed_BTHK.roll(-1, dims=1))))
    found_BTHV = torch.einsum("bhkv,bhk->bhv", initial_BHKV.detach().to(decayed_BTHK), decayed_BTHK[:, 0])[:, None]
    if steps.value.shape[1] > 1:
        later = None if reset_BT is None else reset_BT[:, :-1]
        readings, _ = matrix_scan(before, initial_BHKV.detach().to(decayed_BTHK), later, backend=backend)
        found_BTHV = torch.cat([found_BTHV, readings], dim=1)
    if reset_BT is not None:
        found_BTHV = found_BTHV.masked_fill(reset_BT[:, :, None, None], 0.0)
    return (steps.value - found_BTHV).norm() / steps.value.norm()


def _keep(kept: list[Steps], module: nn.Module, inputs: object, output: Steps) -> None:  # noqa: ARG001 (a hook's form)
    kept[:] = [output]


def _see(
    name: str,
    row: Row,
    kept: list[Steps],
    module: MatrixMixer,
    inputs: tuple[Tensor, State, Tensor, Tensor | None],
    output: object,  # noqa: ARG001
) -> None:
    if kept and not torch.compiler.is_compiling() and torch.is_grad_enabled():
        _, state, _, reset_BT = inputs
        steps, initial_BHKV = Steps(*(tensor[:ROWS] for tensor in kept.pop())), state["context"][:ROWS]
        reset_BT = None if reset_BT is None else reset_BT[:ROWS]
        with torch._C.DisableTorchFunction():  # nobody watches what it calls
            row.put(f"read_error/{name}", read_error(steps, initial_BHKV, reset_BT, module.scan_backend))
