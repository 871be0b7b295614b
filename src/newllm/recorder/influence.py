"""Which tokens an output depends on, by its gradient: at the first two sampled updates, and now and then since.

The graph of the forward pass is gone through once more, backwards from the output to the embeddings. No weight gets a
gradient by it, nothing is drawn and nothing computed anew, so that the training goes on to the bit as without it. Where
something of another's own would run in that pass, or the pass may be made once only, it is left out: hooks of a
backward pass or of a tensor, autograd functions that are not torch's own, saved tensors with hooks (checkpoints,
offloading), compiled and sharded modules, several processes.

Shapes: B rows, T positions of the output, S of the tokens that an embedding is given, D its width.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from newllm.recorder.arguments import processes
from newllm.recorder.graph import is_hooked, nodes
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect
from newllm.recorder.later_inputs import LAYERS, FirstLayer, first_layer, later_inputs
from newllm.recorder.layout import Layout
from newllm.recorder.outputs import main_output, trained_outputs
from newllm.recorder.pending import Row

_FEWEST = 4  # positions, rows
_LOOKS = 2  # what is zero at the first update may open with it: a gate, a residual branch
_AGAIN, _EACH = (4, 8), 16  # times the steps between samples: a mask may be lost on the way
_MOST_CALLS = 16  # of embeddings in a step
_MOST_NODES = 100_000
_SEED = 20261128
_NONE = 1e-30
_BATCH_NORM = "BatchNorm"
_OVER_TIME = (nn.GroupNorm, nn.InstanceNorm1d)  # their statistics are of all positions, and do no harm
Read = tuple[Tensor, Tensor]
"""The tokens `[B, S]` that an embedding was given, or those of one position, and what it returned `[B, S, D]`."""


def looks_again(step: int, every: int) -> bool:
    """Whether a sampled step is one to look at once more: by its number, so that a resumed training looks there too."""
    times, rest = divmod(step, every)
    return not rest and (times in _AGAIN or (times > 0 and times % _EACH == 0))


class InfluenceWatch:
    """Hooks the embeddings of a model for a step.

    Args:
        layout: the model's.
        protect: keeps errors from the training.
    """

    def __init__(self, layout: Layout, protect: Protect) -> None:
        self._layout, self._protect = layout, protect
        self._looks = 0
        self._handles: list[RemovableHandle] = []
        self._read: list[tuple[nn.Module, Read]] = []
        self._of_numbers: list[FirstLayer] = []

    def open(self, *, is_again: bool = False) -> None:
        """Hook them for the step that begins; nothing where more than autograd makes the pass.

        Args:
            is_again: whether it is one of the steps to look at once more (`looks_again`); else the first two count.
        """
        self._looks += not is_again
        if (self._looks > _LOOKS and not is_again) or self._layout.compiled or processes() > 1:
            return
        if any(map(_is_special, self._layout.root.modules())):
            return
        found = [each for each in self._layout.inner.modules() if isinstance(each, nn.Embedding)]
        self._handles = [each.register_forward_hook(Hook(self._called)) for each in found]
        layers = [each for _, each in self._layout.callable_modules() if isinstance(each, LAYERS)]
        self._handles += [each.register_forward_hook(Hook(self._layer_called)) for each in layers]

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()
        self._read, self._of_numbers = [], []

    def _layer_called(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not torch.compiler.is_compiling():
            self._protect(self._made)(module, inputs, output)

    def _made(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        found = first_layer(module, inputs, output) if torch.is_grad_enabled() else None
        if found is not None and len(self._of_numbers) < _MOST_CALLS:
            self._of_numbers.append(found)

    def _called(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not torch.compiler.is_compiling():
            self._protect(self._embedded)(module, inputs, output)

    def _embedded(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        ids = inputs[0] if inputs else None
        if torch.is_grad_enabled() and isinstance(ids, Tensor) and ids.dim() in (1, 2) and output.requires_grad:
            self._read.append((module, (ids, output)))
            if len(self._read) > _MOST_CALLS:
                self.close()

    def returned(self, result: Any, inputs: list[Tensor], row: Row, *, is_hooked: bool) -> None:
        """The model returned this for an update: `[B, T, ...]`, or `[B, ...]`.

        Where one text is given and the output has its positions, it records how strongly the last position but one
        depends on the last token, and on the earlier ones, as shares of its strongest dependence (`later_tokens_seen`,
        `earlier_tokens_seen`); not of models with statistics of a batch, which depend on all of it. Else it records how
        many different tokens the outputs depend on, and how many they do not (`tokens_read`, `tokens_unread`). Of
        several texts of the output's positions, such as a source and what is to be said, it records how strongly a
        position depends on its own token of the one on which it does least (`own_token_seen`).

        Args:
            result: of the call.
            inputs: of the call.
            row: where the signals go.
            is_hooked: whether a tensor was given a hook of its gradient within the call.
        """
        hooked, of_numbers, output = self._read, self._of_numbers, main_output(result)
        self.close()
        if output is None or output.is_nested or not output.requires_grad or output.dim() < 2:
            return
        if not (hooked or of_numbers) or is_hooked:
            return
        names = _names(output)
        if names is None or torch.is_anomaly_enabled():
            return
        mixes = any(_BATCH_NORM in name for name in names) or self._has(_BatchNorm)
        if of_numbers and len(inputs) == 1 and not mixes and not self._has(*_OVER_TIME):
            row.put_late(self._protect(later_inputs(output, inputs[0], of_numbers)))
        if hooked:
            self._see_tokens(result, output, inputs, row, hooked, mixes=mixes)

    def _has(self, *kinds: type[nn.Module]) -> bool:
        return any(isinstance(each, kinds) for each in self._layout.inner.modules())

    def _see_tokens(
        self,
        result: Any,
        output: Tensor,
        inputs: list[Tensor],
        row: Row,
        hooked: list[tuple[nn.Module, Read]],
        *,
        mixes: bool,
    ) -> None:
        texts = [one for one in inputs if one.dim() == 2 and not one.is_floating_point()]
        own = [one for one in texts if one.shape == output.shape[:2] and min(one.shape) >= _FEWEST]
        if len(texts) > 1 and own and output.dim() == 3:
            seen = _own_token([one.detach().clone() for one in own], output, [one for _, one in hooked])
            row.put_late(self._protect(seen))
        read = [one for _, one in hooked if one[0].dim() == 2 and len(one[0]) == len(output)]
        if not read:
            return
        is_text = len(texts) == 1
        same = [one for one in read if one[0].shape == output.shape[:2] and output.shape[1] >= _FEWEST]
        is_once = len({id(module) for module, _ in hooked}) == len(hooked)
        if is_text and same and is_once and not mixes:
            pulls = [pull for _, pull in _pulls([output[:, -2]], same)]
            row.put_late(self._protect(lambda: _later(pulls)))
        elif len(output) >= _FEWEST and (output.dim() == 2 or not is_text):
            # Each position of one text reads itself at least, whatever a mask leaves out.
            outputs = [one for one in trained_outputs(result) if len(one) == len(output)]
            if all(_names(one) is not None for one in outputs):
                found = _pulls(outputs, read)
                row.put_late(self._protect(lambda: _read_and_unread(found)))


def _pulls(outputs: list[Tensor], read: list[Read]) -> list[Read]:
    """Return, for each embedding, its tokens `[B, S]` and the largest part of the gradient at each of them."""
    draw = torch.Generator().manual_seed(_SEED)
    total = []
    for output in outputs:
        mixed = output
        while mixed.dim() > 1:  # with weights that no symmetry cancels, one for each axis
            mixed = mixed @ torch.randn(mixed.shape[-1], generator=draw, device="cpu").to(mixed)
        total.append(mixed.float().sum())
    embedded = [one for _, one in read]
    found = torch.autograd.grad(total, embedded, retain_graph=True, allow_unused=True)
    return [
        (ids, torch.zeros_like(ids, dtype=torch.float32) if one is None else one.detach().float().abs().amax(-1))
        for one, (ids, _) in zip(found, read, strict=True)
    ]


def _own_token(texts: list[Tensor], output: Tensor, read: list[Read]) -> Callable[[], dict[str, float] | None]:
    """Return what finds how strongly one place of the output depends on the token at that place of the texts.

    A place is one of each axis, so that it does not matter which of them counts the positions. An embedding may be
    given a text as a whole, or one position after another.

    Args:
        texts: of the output's positions: [B, T].
        output: [B, T, V].
        read: what the embeddings were given.
    """
    found = _pulls([output[-2:-1, -2:-1]], read)

    def seen() -> dict[str, float] | None:
        strongest = max(float(pull.max()) for _, pull in found)
        own = [[at for ids, pull in found if (at := _at_place(text, ids, pull)) is not None] for text in texts]
        if not all(own) or not _NONE < strongest < math.inf:
            return None  # what no embedding was given, such as labels, is no text that an output could depend on
        return {"own_token_seen": min(map(min, own)) / strongest}

    return seen


def _at_place(text: Tensor, ids: Tensor, pull: Tensor) -> float | None:
    """Return the pull at the last place but one of both axes; None where these tokens are others."""
    if ids.shape == text.shape:
        return float(pull[-2, -2]) if torch.equal(ids, text) else None
    for here, before in ((text[:, -2], text[:, -3]), (text[-2], text[-3])):
        if ids.numel() == len(here) and torch.equal(ids.flatten(), here) and not torch.equal(here, before):
            return float(pull.flatten()[-2])
    return None


def _later(pulls: list[Tensor]) -> dict[str, float] | None:
    """Return how strongly the last token is seen, and those before the own one.

    Positions have an embedding too, so the strongest counts.
    """
    parts_of = {
        "later_tokens_seen": [one[:, -1] for one in pulls],
        "earlier_tokens_seen": [one[:, :-2] for one in pulls],
    }
    strongest = max(float(one.max()) for one in pulls)
    if not _NONE < strongest < math.inf:
        return None
    return {name: max(float(part.max()) for part in parts) / strongest for name, parts in parts_of.items()}


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


def _names(output: Tensor) -> set[str] | None:
    """Return the names of all nodes that made an output; None where one may run once only.

    That is what is not torch's own, and what gets its saved tensors from a hook.
    """
    if torch._C._autograd._top_saved_tensors_default_hooks(True) is not None:
        return None
    names = set()
    for before, node in enumerate(nodes(output, _MOST_NODES + 1)):
        if before == _MOST_NODES or isinstance(node, BackwardCFunction) or type(node).__name__ == "CppFunction":
            return None
        if any(is_hooked(getattr(node, name)) for name in dir(node) if name.startswith("_raw_saved")):
            return None
        names.add(node.name())
    return names
