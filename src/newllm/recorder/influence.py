"""Which tokens the output at a position depends on, once: at the first update, by its gradient.

The graph of the forward pass is gone through once more, backwards from one position of the output to the embeddings. No
weight gets a gradient by it, nothing is drawn and nothing computed anew, so that the training goes on to the bit as
without it. Where something of another's own would run in that pass, or the pass may be made once only, it is left out:
hooks of a backward pass, autograd functions in Python (they may write into what they saved; reentrant checkpoints and
fused kernels are such), compiled and sharded modules.

Shapes: B rows, T positions of the output, S of the tokens that an embedding is given, D its width.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect
from newllm.recorder.layout import Layout
from newllm.recorder.outputs import main_output
from newllm.recorder.pending import Row

_FEWEST = 4  # positions, rows
_MOST_NODES = 100_000
_SEED = 20261128
_NONE = 1e-30


class InfluenceWatch:
    """Hooks the embeddings of a model until its first update.

    Args:
        layout: the model's.
        protect: keeps errors from the training.
    """

    def __init__(self, layout: Layout, protect: Protect) -> None:
        self._layout, self._protect = layout, protect
        self._handles: list[RemovableHandle] = []
        self._read: list[tuple[Tensor, Tensor]] = []

    def open(self) -> None:
        """Hook them; nothing where the backward pass is not autograd's alone."""
        if self._layout.compiled or any(map(_is_special, self._layout.root.modules())):
            return
        look = self._protect(self._embedded)
        found = [each for each in self._layout.inner.modules() if isinstance(each, nn.Embedding)]
        self._handles = [each.register_forward_hook(Hook(look)) for each in found]

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()
        self._read = []

    def _embedded(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG002 (a hook's form)
        ids = inputs[0] if inputs else None
        if torch.is_grad_enabled() and isinstance(ids, Tensor) and ids.dim() == 2 and output.requires_grad:
            self._read.append((ids, output))

    def returned(self, result: Any, inputs: list[Tensor], row: Row) -> None:
        """The model returned this for the first update: `[B, T, ...]`, or `[B, ...]`.

        Where one text is given and the output has its positions, it records how strongly the last position but one
        depends on the last token, as a share of its strongest dependence (`later_tokens_seen`); not of models with
        statistics of a batch, which depend on all of it. Else it records how many different tokens the output depends
        on, and how many it does not (`tokens_read`, `tokens_unread`).

        Args:
            result: of the call.
            inputs: of the call.
            row: where the signals go.
        """
        output = main_output(result)
        hooked = self._read
        self.close()
        if output is None or output.dim() < 2 or not output.requires_grad:
            return
        read = [(ids, embedded) for ids, embedded in hooked if len(ids) == len(output)]
        if not read or not _may_run_twice(output):
            return
        is_text = sum(one.dim() == 2 and not one.is_floating_point() for one in inputs) == 1
        same = [one for one in read if one[0].shape == output.shape[:2] and output.shape[1] >= _FEWEST]
        if is_text and same and not any(isinstance(each, _BatchNorm) for each in self._layout.inner.modules()):
            pulls = [pull for _, pull in _pulls(output[:, -2], same)]
            row.put_late(self._protect(lambda: _later(pulls)))
        elif len(output) >= _FEWEST and (output.dim() == 2 or not is_text):
            # Each position of one text reads itself at least, whatever a mask leaves out.
            found = _pulls(output, read)
            row.put_late(self._protect(lambda: _read_and_unread(found)))


def _pulls(output: Tensor, read: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Return, for each embedding, its tokens `[B, S]` and the largest part of an output's gradient at each of them."""
    draw = torch.Generator().manual_seed(_SEED)
    mixed = output
    while mixed.dim() > 1:  # with weights that no symmetry cancels, one for each axis
        mixed = mixed @ torch.randn(mixed.shape[-1], generator=draw).to(mixed)
    embedded = [one for _, one in read]
    found = torch.autograd.grad(mixed.float().sum(), embedded, retain_graph=True, allow_unused=True)
    return [
        (ids, torch.zeros_like(ids, dtype=torch.float32) if one is None else one.detach().float().abs().amax(-1))
        for one, (ids, _) in zip(found, read, strict=True)
    ]


def _later(pulls: list[Tensor]) -> dict[str, float] | None:
    """Return how strongly the last token is seen; positions have an embedding too, so the strongest counts."""
    later, strongest = (max(float(part.max()) for part in parts) for parts in ([one[:, -1] for one in pulls], pulls))
    return {"later_tokens_seen": later / strongest} if _NONE < strongest < math.inf else None


def _read_and_unread(pulls: list[tuple[Tensor, Tensor]]) -> dict[str, float] | None:
    """Return how many tokens are read and not, of the embedding that is read least."""
    strongest = max(float(pull.max()) for _, pull in pulls)
    if not _NONE < strongest < math.inf:
        return None  # an output that depends on no token, as behind weights of zero
    found = [(len(ids[pull > 0].unique()), len(ids[pull == 0].unique())) for ids, pull in pulls]
    read, unread = min(found, key=lambda one: (one[0] > 1, -one[1]))
    return {"tokens_read": float(read), "tokens_unread": float(unread)}


def _is_special(module: nn.Module) -> bool:
    is_hooked = bool(module._backward_hooks or module._backward_pre_hooks)
    is_sharded = any("FSDP" in kind.__name__ or "FullySharded" in kind.__name__ for kind in type(module).__mro__)
    return is_hooked or is_sharded or _checkpoints(module)


def _checkpoints(module: nn.Module) -> bool:
    """Whether a module of transformers or timm computes its forward pass again for the backward pass."""
    return bool(getattr(module, "gradient_checkpointing", False) or getattr(module, "grad_checkpointing", False))


def _may_run_twice(output: Tensor) -> bool:
    """Whether all that made an output is torch's own: what is written in Python may run once only."""
    waiting, known = [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in known:
            continue
        known.add(node)
        if len(known) > _MOST_NODES:
            return False
        if isinstance(node, BackwardCFunction):
            return False
        waiting += [before for before, _ in node.next_functions]
    return True
