"""What the context vectors are like, measured where they count: after each row's last real token.

What a padded row does to its context after its end reaches no loss and says nothing.
"""

import numpy as np
from torch import Tensor, nn

from newllm.data import IGNORED, Batch
from newllm.model.bodies import State
from newllm.model.context_summary import ContextSummary, summed_up
from newllm.model.context_tap import ContextTap, MatrixTap


class ContextWatch:
    """Sees all contexts of a model's forward passes through their taps; of matrices those after the last position.

    Args:
        model: watched for as long as it lives.
    """

    def __init__(self, model: nn.Module) -> None:
        self._seen: list[Tensor] = []
        for module in model.modules():
            if isinstance(module, ContextTap | MatrixTap):
                module.register_forward_hook(self._see)

    def _see(self, module: nn.Module, inputs: object, contexts: Tensor) -> None:  # noqa: ARG002 (a hook's form)
        if module.training:  # evaluations are not asked about
            # Matrices are seen after the last position only: as of a sequence of one.
            self._seen.append(contexts.detach()[:, None] if isinstance(module, MatrixTap) else contexts.detach())

    def summary(self, batch: Batch, state: State) -> ContextSummary | None:
        """Return mean, standard deviation and norm over rows and layers since the last call; None without a context.

        Args:
            batch: what was read.
            state: after it; asked where a body has a context but no taps (torch's LSTM).
        """
        rows, ends = np.arange(len(batch.targets)), last_real(batch)
        last = [contexts[rows, np.minimum(ends, contexts.shape[1] - 1)] for contexts in self._seen]
        self._seen.clear()
        last = last or [value for name, value in state.items() if name.endswith("context")]
        return ContextSummary(*summed_up(last).tolist()) if last else None


def last_real(batch: Batch) -> np.ndarray:
    """Return the index of each row's last position that has a target, int64 `[B]`."""
    real = batch.targets != IGNORED
    return real.shape[1] - 1 - np.argmax(real[:, ::-1], axis=1)
