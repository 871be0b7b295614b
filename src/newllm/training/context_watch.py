"""What the context vectors are like, measured where they count: after each row's last real token.

What a padded row does to its context after its end reaches no loss and says nothing.
"""

import numpy as np
import torch
from torch import Tensor, nn

from newllm.data import IGNORED, Batch
from newllm.model.bodies import State
from newllm.model.context_summary import ContextSummary, summed_up
from newllm.model.context_tap import ContextTap, MatrixTap


class ContextWatch:
    """Sees all contexts of a model's forward passes through their taps.

    Of matrices only those after the last position are there; they count where every row's last target is at its end.

    Args:
        model: watched for as long as it lives.
    """

    def __init__(self, model: nn.Module) -> None:
        self._seen: list[Tensor] = []  # [B, T, C]
        self._last: list[Tensor] = []  # matrices [B, H, K, V]
        for module in model.modules():
            if isinstance(module, ContextTap | MatrixTap):
                module.register_forward_hook(self._see)

    def _see(self, module: nn.Module, inputs: object, contexts: Tensor) -> None:  # noqa: ARG002 (a hook's form)
        # Evaluations are not asked about, and what is recomputed in a backward pass was seen before.
        if module.training and torch._C._current_graph_task_id() == -1:
            (self._last if isinstance(module, MatrixTap) else self._seen).append(contexts.detach())

    def summary(self, batch: Batch, state: State) -> ContextSummary | None:
        """Return mean, standard deviation and norm over rows and layers since the last call; None without a context.

        Args:
            batch: what was read.
            state: after it; asked where a body has a context but no taps (torch's LSTM).
        """
        rows, ends = np.arange(len(batch.targets)), last_real(batch)
        last = [contexts[rows, ends] for contexts in self._seen]
        has_matrices, all_to_the_end = bool(self._last), (ends == batch.targets.shape[1] - 1).all()
        last += self._last if all_to_the_end else []
        self._seen.clear()
        self._last.clear()
        if has_matrices and not last:
            return None
        last = last or [value for name, value in state.items() if name.endswith("context")]
        return ContextSummary(*summed_up(last).tolist()) if last else None


def last_real(batch: Batch) -> np.ndarray:
    """Return the index of each row's last position that has a target, int64 `[B]`."""
    real = batch.targets != IGNORED
    return real.shape[1] - 1 - np.argmax(real[:, ::-1], axis=1)
