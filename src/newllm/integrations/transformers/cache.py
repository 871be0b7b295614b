"""What a model remembers of each row, as the cache that transformers hands from call to call.

Shapes: B rows, V vocabulary.
"""

import copy
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from newllm.errors import UserError
from newllm.generation import fingerprint
from newllm.model.bodies import State
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel


def _grows(name: str) -> bool:
    """Whether a tensor of the state has a place for each token: the keys and values of an attention."""
    return name.rpartition(".")[2] in ("key", "value")


class NewllmCache(Cache):
    """The state of every row. A call replaces what it holds and never changes a tensor: a deep copy is a branch.

    Attributes:
        state: the model's state; None before the first token.
        logits_BV: what comes next in each row; None before the first token.
        positions: how many positions were given so far, padding included.
        shape: of the model that wrote it; None before the first token.
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.state: State | None = None
        self.logits_BV: Tensor | None = None
        self.positions = 0
        self.shape: ModelConfig | None = None
        self._writer: weakref.ref[LanguageModel] | None = None

    def check(self, model: LanguageModel, rows: int) -> None:
        """Refuse to go on with another model or another number of rows.

        Raises:
            UserError: the cache was written by a model of another shape or, where that model is still there, with other
                weights; or it holds other rows.
        """
        if self.state is None:
            return
        writer = model if self._writer is None else self._writer() or model
        if self.shape != model.config or (writer is not model and fingerprint(writer) != fingerprint(model)):
            raise UserError(
                "this cache was written by another model: begin with a new one, or give it to its own model"
            )
        if len(self.state["position"]) != rows:
            held = len(self.state["position"])
            raise UserError(f"this cache holds {held} rows, the call has {rows}: give it the rows that it was made of")

    def replace(self, model: LanguageModel, state: State, logits_BV: Tensor, given: int) -> None:
        """Take in the state after a call.

        Args:
            model: that made it.
            state: after each row's last token.
            logits_BV: what comes next in each row.
            given: positions of the call.
        """
        self.state, self.logits_BV, self.shape, self._writer = state, logits_BV, model.config, weakref.ref(model)
        self.positions += given

    def row(self, index: int) -> State:
        """Return one row's state as the model itself would have it: caches of the length that the row has."""
        assert self.state is not None
        one = {name: value[index : index + 1] for name, value in self.state.items()}
        read = int(one["position"])
        return {name: v[:, max(0, v.shape[1] - read) :] if _grows(name) else v for name, v in one.items()}

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002
        """Return how many positions were given so far, padding included."""
        return self.positions

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Take these rows in this order."""
        self._take(lambda value: value.index_select(0, beam_idx.to(value.device)))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows."""
        self._take(lambda value: value[indices])

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Take every row so many times."""
        self._take(lambda value: value.repeat_interleave(repeats, dim=0))

    def reset(self) -> None:
        """Forget everything."""
        self.state, self.logits_BV, self.positions, self.shape, self._writer = None, None, 0, None, None

    def crop(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a state cannot be taken back to an earlier token.

        Raises:
            UserError: always.
        """
        raise UserError(
            "a newllm cache cannot be cropped, a state does not go back to an earlier token: "
            "keep a copy.deepcopy of it where you want to go back to"
        )

    activate_past_recording = crop

    @property
    def is_linear(self) -> list[bool]:
        """What `generate` asks to know whether it gives only tokens that the cache has not read."""
        return [False]

    @property
    def is_initialized(self) -> bool:
        """Whether anything was read."""
        return self.state is not None

    def __len__(self) -> int:
        return 1

    def __deepcopy__(self, memo: dict[int, Any]) -> "NewllmCache":
        other = type(self)()
        memo[id(self)] = other
        for name, value in vars(self).items():
            setattr(other, name, copy.copy(value))
        other._take(torch.clone)
        return other

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_writer": None}  # another process has other models

    def _take(self, change: Callable[[Tensor], Tensor]) -> None:
        if self.state is not None and self.logits_BV is not None:
            self.state = {name: change(value) for name, value in self.state.items()}
            self.logits_BV = change(self.logits_BV)
