"""The norm of a rank's own gradient, before a wrapper averages it over the ranks.

A hook that autograd calls when it has added a gradient up runs before DistributedDataParallel's own, which hands the
gradient to be averaged (its bucket is sent only then): seen on torch 2.13, in every mode of DDP. So nothing of the
communication is touched. Several passes before an update are the last one's: what they have added up, if only the last
is averaged (`no_sync`).

Limits: where a pass before it was averaged too, the rank's own part is not there any more, and nothing is measured;
nor is it of parameters that are sharded (FSDP2 calls such hooks once the gradient is summed). A loss scale is not
taken out: it is the same on all ranks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import dense


class RankGradients:
    """Norms of the gradients that a rank computes itself, of a model in DistributedDataParallel.

    Args:
        root: the model as it is called; of any other nothing is seen.
        parameters: of it.
        protect: keeps errors from the training.

    Attributes:
        is_wanted: whether the next passes are to be measured.
    """

    def __init__(self, root: nn.Module, parameters: Sequence[nn.Parameter], protect: Protect = unprotected) -> None:
        self.is_wanted = False
        self._norms: dict[int, Tensor] = {}
        self._averaged = 0  # passes of this step whose gradients are averaged
        self._handles: list[RemovableHandle] = []
        if isinstance(root, nn.parallel.DistributedDataParallel):
            self._handles = [root.register_forward_pre_hook(Hook(protect(self._called)))]
            seen = protect(self._arrived)
            self._handles += [one.register_post_accumulate_grad_hook(seen) for one in parameters if one.requires_grad]

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()

    def taken(self) -> Tensor | None:
        """Return the norm after the passes since the last one, on its device; None where it is not known."""
        norms, averaged = self._norms, self._averaged
        self._norms, self._averaged = {}, 0
        if not norms or averaged > 1:
            return None
        first = next(iter(norms.values()))
        return torch.linalg.vector_norm(torch.stack([one.to(first.device, first.dtype) for one in norms.values()]))

    def _called(self, model: nn.Module, inputs: object) -> None:  # noqa: ARG002 (a hook's form)
        if not torch.compiler.is_compiling() and self.is_wanted and model.training and torch.is_grad_enabled():
            self._averaged += bool(getattr(model, "require_backward_grad_sync", True))

    @torch.no_grad()
    def _arrived(self, parameter: Tensor) -> None:
        if self.is_wanted and parameter.grad is not None:
            self._norms[id(parameter)] = torch.linalg.vector_norm(dense(parameter.grad.detach()).float())
