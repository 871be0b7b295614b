"""How many gate values are nearly shut or nearly open, on sampled steps; of our rules' gates.

torch's LSTM and GRU do not show their gates.
"""

import math
from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.pending import Row
from newllm.recurrence.rules.rule import Gate

_SATURATED = math.log(99)  # sigmoid(-x) < 0.01 or sigmoid(x) > 0.99


def watch_gates(
    modules: Iterable[tuple[str, nn.Module]], row: Row, protect: Protect = unprotected
) -> list[RemovableHandle]:
    """Hook every gate among the modules; their saturation goes into the row."""
    gates = [(name, module) for name, module in modules if isinstance(module, Gate)]
    return [module.register_forward_hook(Hook(protect(partial(_see, name, row)))) for name, module in gates]


@torch.no_grad()
def _saturation(before_sigmoid: Tensor) -> Tensor:
    return (before_sigmoid.detach().abs() > _SATURATED).float().mean()


def _see(name: str, row: Row, module: nn.Module, inputs: object, output: Tensor) -> None:  # noqa: ARG001 (a hook's form)
    if not torch.compiler.is_compiling() and torch.is_grad_enabled():
        row.put(f"gate_saturation/{name}", _saturation(output))
