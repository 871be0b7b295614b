"""Which tokens the output at a position depends on, once: at the first update, by its gradient.

The graph of the forward pass is gone through once more, backwards from one position of the output to the embeddings. No
weight gets a gradient by it, nothing is drawn and nothing computed anew, so that the training goes on to the bit as
without it. Where something of another's own would run in that pass, or the pass may be made once only, it is left out:
hooks of a backward pass, autograd functions in Python (they may write into what they saved; reentrant checkpoints and
fused kernels are such), compiled and sharded modules.

Shapes: B rows, T positions of the output, S of the tokens that an embedding is given, D its width.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

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
        self._handles = [each.register_forward_hook(look) for each in found]

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

        Records how strongly the last position but one depends on the last token, as a share of its strongest dependence
        (`later_tokens_seen`, where one text is all that is given and the output has its positions; statistics of a
        batch depend on all), and how many different tokens the output depends on and does not (`tokens_read`,
        `tokens_unread`).

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
        by_position = [one.shape[1] >= _FEWEST and output.shape[:2] == one.shape for one, _ in read]
        at = output[:, -2] if any(by_position) else output[:, -1] if output.dim() > 2 else output
        found = torch.autograd.grad(
            _mixed(at), [embedded for _, embedded in read], retain_graph=True, allow_unused=True
        )
        pulls = [_pull(gradient, ids) for gradient, (ids, _) in zip(found, read, strict=True)]
        is_text = _is_one_text(self._layout, inputs)
        row.put_late(self._protect(lambda: _told(pulls, [ids for ids, _ in read], by_position, is_text=is_text)))


def _mixed(output: Tensor) -> Tensor:
    """Return a sum with weights that no symmetry cancels."""
    draw = torch.Generator().manual_seed(_SEED)
    weights = torch.randn(output.shape[1:], generator=draw).to(output.device)
    return (output.float() * weights).sum()


def _pull(gradient: Tensor | None, ids_BS: Tensor) -> Tensor:
    if gradient is None:
        return torch.zeros(ids_BS.shape, device=ids_BS.device)
    return gradient.detach().float().abs().amax(-1)


def _is_one_text(layout: Layout, inputs: list[Tensor]) -> bool:
    """Whether a position may depend on the others by what the model does with one text alone."""
    mixes = any(isinstance(each, _BatchNorm) for each in layout.inner.modules())
    return sum(one.dim() == 2 and not one.is_floating_point() for one in inputs) == 1 and not mixes


def _told(pulls: list[Tensor], ids: list[Tensor], by_position: list[bool], *, is_text: bool) -> dict[str, float] | None:
    pulls, ids = [one.cpu() for one in pulls], [one.cpu() for one in ids]
    strongest = max(float(one.max()) for one in pulls)
    if not (strongest > _NONE and all(bool(torch.isfinite(one).all()) for one in pulls)):
        return None  # an output that depends on no token, as behind weights of zero
    signals = {}
    # Positions have an embedding too: what is seen of their token is the whole that counts.
    later = [float(one[:, -1].max()) for one, is_same in zip(pulls, by_position, strict=True) if is_same]
    if later and is_text:
        signals["later_tokens_seen"] = max(later) / strongest
    return signals | _read_and_unread(pulls, ids, by_position) if len(ids[0]) >= _FEWEST else signals


def _read_and_unread(pulls: list[Tensor], ids: list[Tensor], by_position: list[bool]) -> dict[str, float]:
    """Return how many tokens are read and not, of the embedding that is read least."""
    found = []
    for pull, token, is_same in zip(pulls, ids, by_position, strict=True):
        reached, tokens = (pull[:, :-1], token[:, :-1]) if is_same else (pull, token)  # the rest is the future
        read = reached > 0
        found.append((len(tokens[read].unique()), len(tokens[~read].unique())))
    fewest = min(found, key=lambda one: (one[0] > 1, -one[1]))
    return {"tokens_read": float(fewest[0]), "tokens_unread": float(fewest[1])}


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
