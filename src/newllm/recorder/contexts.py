"""How long the context vectors are and how they grow, counted over real positions only.

Shapes: B rows, T positions, C channels. What a padded position does to a context reaches no loss and
says nothing; `real_BT` is False there.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.model.context_summary import ContextSummary, summed_up, wide
from newllm.model.context_tap import ContextTap
from newllm.recorder.hook import Hook
from newllm.recorder.layers import ROOT


class ContextRecorder:
    """Keeps all contexts of a model's latest forward pass, by hooks on its context taps while it is open.

    A pass one position at a time (`LanguageModel.step`) need not go through the taps.

    Args:
        model: hooked while open; the hooks are gone afterwards, whatever was raised inside.

    Attributes:
        contexts: `[B, T, C]` by the path of each tap, detached; empty for a model without taps.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._handles: list[RemovableHandle] = []
        self._names: dict[nn.Module, str] = {}
        self.contexts: dict[str, Tensor] = {}

    def __enter__(self) -> Self:
        for name, module in self._model.named_modules():
            if isinstance(module, ContextTap):
                self._names[module] = name or ROOT
                self._handles.append(module.register_forward_hook(Hook(self._see)))
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _see(self, module: nn.Module, inputs: object, contexts_BTC: Tensor) -> None:  # noqa: ARG002 (a hook's form)
        self.contexts[self._names[module]] = contexts_BTC.detach()


@torch.no_grad()
def norm_by_position(contexts_BTC: Tensor, real_BT: Tensor) -> list[float | None]:
    """Return for each position the mean Euclidean norm over the rows that are real there, None if none is."""
    norms_BT = torch.where(real_BT, _norms(contexts_BTC), 0.0)
    sums_2T = torch.stack([norms_BT.sum(dim=0), real_BT.sum(dim=0).to(norms_BT.dtype)]).tolist()
    return [norm / rows if rows else None for norm, rows in zip(*sums_2T, strict=True)]


@torch.no_grad()
def growth_per_step(contexts_BTC: Tensor, real_BT: Tensor) -> float | None:
    """Return the mean of `|context_t| - |context_{t-1}|` over all real positions, None if there is none.

    Every row starts from a context of zeros and is not reset inside.
    """
    if not bool(real_BT.any()):
        return None
    norms_BT = _norms(contexts_BTC)
    growth_BT = torch.diff(norms_BT, dim=1, prepend=torch.zeros_like(norms_BT[:, :1]))
    return float(growth_BT[real_BT].mean())


@torch.no_grad()
def summarise(contexts_BTC: Tensor, real_BT: Tensor) -> ContextSummary | None:
    """Summarise the contexts after each row's last real position; None if no row has one."""
    index_T = torch.arange(real_BT.shape[1], device=real_BT.device)
    last_B = torch.where(real_BT, index_T, -1).amax(dim=1)
    rows = (last_B >= 0).nonzero()[:, 0]
    if not len(rows):
        return None
    return ContextSummary(*summed_up([contexts_BTC[rows, last_B[rows]]]).tolist())


def _norms(contexts: Tensor) -> Tensor:
    return torch.linalg.vector_norm(wide(contexts), dim=-1)
