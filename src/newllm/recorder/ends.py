"""Whether a model of texts is asked for the token that ends one, where its texts hold that token.

Which token ends a text says the model's own configuration (`config.eos_token_id`, as models of transformers have it).
Where padding is the same token, a loss that leaves out all padding leaves out each end too: such a model never learns
to stop.

Shapes: B texts, T places, V vocabulary, N places before an end.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.pending import Row

_MOST = 32  # ends of a call
_BEFORE = 2  # places before an end at which the text itself is asked for


class EndWatch:
    """Looks at what is asked where the next token is an end.

    Args:
        model: whose configuration names the tokens that end a text.
        protect: keeps errors from the training.
    """

    def __init__(self, model: nn.Module, protect: Protect = unprotected) -> None:
        self._protect = protect
        self._ends = sorted(set(_end_tokens(model)))
        self._handles: list[RemovableHandle] = []
        self._asked: list[Tensor] = []
        self._mask: Tensor | None = None

    def called(self, options: Mapping[str, Any]) -> None:
        """The model is called for an update with these keyword arguments."""
        mask = options.get("attention_mask") if self._ends else None
        self._mask = mask.detach() if isinstance(mask, Tensor) else None

    def returned(self, logits: Tensor, inputs: list[Tensor]) -> None:
        """The model returned these logits `[B, T, V]` for an update, made of these inputs."""
        if not self._ends or not logits.requires_grad or logits.dim() < 3:
            return
        for tokens_BT in inputs:
            is_text = tokens_BT.shape == logits.shape[:-1] and tokens_BT.shape[1] > _BEFORE + 1
            if is_text and tokens_BT.dim() == 2 and tokens_BT.dtype in (torch.int64, torch.int32):
                arrived = partial(self._arrived, tokens_BT.detach().clone(), self._mask)
                self._handles.append(logits.register_hook(self._protect(arrived)))

    def _arrived(self, tokens_BT: Tensor, mask_BT: Tensor | None, gradient_BTV: Tensor | None) -> None:
        """Look at the places whose next token is an end, at two before these too: texts are asked for there.

        No number is read from the device: places without an end are looked at, and do not count.
        """
        if gradient_BTV is None:
            return
        is_end = torch.isin(tokens_BT, torch.tensor(self._ends, device=tokens_BT.device))
        is_last = torch.zeros_like(is_end)
        is_last[:, _BEFORE:-1] = is_end[:, _BEFORE + 1 :] & ~is_end[:, _BEFORE:-1]
        found_N, at_N = is_last.flatten().to(torch.uint8).topk(min(_MOST, is_last.numel()))
        row_N, place_N = at_N // tokens_BT.shape[1], (at_N % tokens_BT.shape[1]).clamp(_BEFORE, tokens_BT.shape[1] - 2)
        is_text = found_N.bool()
        for back in range(1, _BEFORE + 1):
            gradient_NV = gradient_BTV[row_N, place_N - back]
            follows = gradient_NV.argmin(-1) == tokens_BT[row_N, place_N - back + 1]
            is_text &= gradient_NV.ne(0).any(-1) & follows
        is_asked = gradient_BTV[row_N, place_N].ne(0).any(-1)
        unasked = is_text & ~is_asked
        end = torch.where(unasked, tokens_BT[row_N, place_N + 1], -1).max()
        padding = torch.zeros_like(unasked)
        if mask_BT is not None and mask_BT.shape == tokens_BT.shape:
            padding = unasked & (mask_BT[row_N, place_N + 1] == 0)
        self._asked.append(torch.stack([(is_text & is_asked).sum(), unasked.sum(), padding.sum(), end]))

    def put(self, row: Row) -> None:
        """Record at how many ends something was asked, and how many others are padding by the attention mask."""
        asked = self._asked
        self.forget()
        if asked:
            row.put_late(self._protect(lambda: _read(asked)))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        while self._handles:
            self._handles.pop().remove()
        self._asked, self._mask = [], None


def _read(asked: list[Tensor]) -> dict[str, float] | None:
    found = torch.stack(asked).cpu()
    signals = dict(zip(("ends_asked", "ends_unasked", "ends_padding"), found[:, :3].sum(0).tolist(), strict=True))
    if not signals["ends_asked"] + signals["ends_unasked"]:
        return None
    end = {"end_token": int(found[:, 3].max())} if signals["ends_unasked"] else {}
    return {name: float(value) for name, value in (signals | end).items()}


def _end_tokens(model: nn.Module) -> Iterator[int]:
    for module in model.modules():
        named = getattr(getattr(module, "config", None), "eos_token_id", None)
        yield from (one for one in (named if isinstance(named, list | tuple) else [named]) if type(one) is int)
