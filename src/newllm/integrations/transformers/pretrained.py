"""What our transformers models have in common: weights, embeddings, checkpointing, and how a batch is read.

Shapes: B rows, T positions, D width, F features.
"""

import dataclasses
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from newllm.errors import UserError
from newllm.integrations.transformers.cache import NewllmCache
from newllm.integrations.transformers.configuration import NewllmConfig
from newllm.integrations.transformers.padding import Spans, read_padded, read_without_state, repeated, spans_of
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.model.tied_head import untied

_OF_LOSS = {"num_items_in_batch", "shift_labels"}
_OF_GENERATE = "tokenizer"
"""What `generate` needs for stop strings, and hands to every model as well."""


class NewllmPreTrainedModel(PreTrainedModel):
    """A `LanguageModel` behind the interface of transformers: its weights, embeddings and checkpointing.

    Args:
        config: the shape. Weights are drawn from torch's generator, so that `torch.manual_seed` decides them.

    Attributes:
        model: the model itself, which everything of newllm takes.
    """

    config_class = NewllmConfig
    config: NewllmConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _tied_weights_keys: ClassVar[dict[str, str]] = {"model.head.weight": "model.embedding.weight"}
    _no_split_modules: ClassVar[list[str]] = ["Block"]

    def __init__(self, config: NewllmConfig) -> None:
        super().__init__(config)
        device = torch.empty(0).device.type
        device = device if device == "meta" else "cpu"  # `from_pretrained` builds on "meta": it has the weights already
        seed = 0 if device == "meta" else int(torch.randint(2**31, (1,)))
        with torch.device(device), torch.random.fork_rng(devices=[]):
            self.model = _drawn(config, seed)
        self.gradient_checkpointing = False
        if device != "meta":
            self._mark_as_drawn()
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding."""
        return self.model.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Put another embedding in its place."""
        self.model.embedding = value  # type: ignore[assignment]

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.model.head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Put another head in its place."""
        self.model.head = new_embeddings  # type: ignore[assignment]

    def resize_token_embeddings(self, *arguments: Any, **named: Any) -> nn.Embedding:
        """Give embedding and head another number of rows; as in transformers."""
        embedding = super().resize_token_embeddings(*arguments, **named)
        self.model.config = dataclasses.replace(self.model.config, vocabulary=embedding.num_embeddings)
        return embedding

    def _set_gradient_checkpointing(self, enable: bool = True, *arguments: Any, **named: Any) -> None:
        """Keep of a block only what goes into it while training."""
        if not hasattr(self.model.body, "recompute"):
            raise UserError(
                f"body '{self.config.body}' has no blocks to recompute: drop gradient checkpointing, or take body stack"
            )
        super()._set_gradient_checkpointing(enable, *arguments, **named)
        self.model.body.recompute = enable  # type: ignore[assignment]

    def initialize_weights(self) -> None:
        """Draw every weight where none is there yet, as after `to_empty` of a model that was built on "meta"."""
        if any(_is_known(value) for value in self._own_values().values()):
            super().initialize_weights()
            return
        with torch.random.fork_rng(devices=[]):
            drawn = _drawn(self.config, int(torch.randint(2**31, (1,))))
        with torch.no_grad():
            fresh = dict((*drawn.named_parameters(), *drawn.named_buffers()))
            for name, value in self._own_values().items():
                value.copy_(fresh[name])
        self._mark_as_drawn()

    def _initialize_missing_keys(self, *arguments: Any, **named: Any) -> None:
        """Refuse a folder without some of the weights, where transformers would draw them and go on."""
        missing = [name for name, value in self._own_values().items() if not _is_known(value)]
        if missing:
            raise UserError(f"the weights 'model.{missing[0]}' are missing or have another shape: export the run again")
        super()._initialize_missing_keys(*arguments, **named)

    def _own_values(self) -> dict[str, Tensor]:
        return dict((*self.model.named_parameters(), *self.model.named_buffers()))

    def _mark_as_drawn(self) -> None:
        """Tell transformers that nothing is left to draw."""
        for value in self._own_values().values():
            value._is_hf_initialized = True  # type: ignore[attr-defined]

    def _read(
        self,
        given: Tensor,
        attention_mask: Tensor | None,
        cache: NewllmCache,
        *,
        with_state: bool,
        hidden: list[Tensor] | None = None,
    ) -> tuple[Tensor, State | None, Spans | None]:
        """Read a batch after a cache; return features `[B, T, F]`, the state after it, and the padding.

        `given` is token ids or embeddings. `hidden` takes every layer's output, the features last.
        """
        rows, length = given.shape[:2]
        cache.check(self.model, rows)
        spans = spans_of(attention_mask, rows, length, cache.positions)
        if spans is None:
            return *self.model.read(given, cache.state, hidden=hidden), None
        if with_state or cache.state is not None:
            features_BTF, state = read_padded(self.model, given, cache.state, spans, hidden)
        else:
            features_BTF, state = read_without_state(self.model, given, spans, hidden), None
        if hidden is None:
            return repeated(features_BTF, spans), state, spans
        hidden[:] = [repeated(value, spans) for value in hidden]
        return hidden[-1], state, spans

    def _logits(self, features_BTF: Tensor, spans: Spans | None, before: NewllmCache) -> Tensor:
        logits = self.model.head(features_BTF)
        if spans is None or before.logits_BV is None:
            return logits
        # A row that is all padding stays where it was.
        return torch.where((spans.length_B > 0)[:, None, None], logits, before.logits_BV[:, None])

    def _hidden_states(self, output_hidden_states: bool | None) -> list[Tensor] | None:
        """Return a list that is to take every layer's output, where the call or the configuration wants it."""
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return [] if wanted else None

    def _wants_cache(self, use_cache: bool | None, *given: Any, labels: Tensor | None = None) -> bool:
        if use_cache is not None:
            return use_cache
        return any(one is not None for one in given) or (self.config.use_cache and not self.training and labels is None)

    def _given(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        labels: Tensor | None,
        logits_to_keep: int | Tensor,
        others: dict[str, Any],
    ) -> Tensor:
        """Return what is to be read, token ids or embeddings; refuse what contradicts itself or is not there."""
        dtype = self.model.head.weight.dtype
        if dtype not in (torch.float32, torch.float64):
            raise UserError(
                f"the weights are {dtype}, a newllm model takes float32: load it with dtype=torch.float32 or "
                ".float() it, and use torch.autocast"
            )
        if (input_ids is None) == (inputs_embeds is None):
            raise UserError("give input_ids or inputs_embeds, one of them")
        given = input_ids if inputs_embeds is None else inputs_embeds
        assert given is not None
        if given.dim() != (2 if inputs_embeds is None else 3) or 0 in given.shape:
            raise UserError(f"the input has shape {list(given.shape)}: give [rows, positions], none of them 0")
        if others.pop("output_attentions", None) or self.config.output_attentions:
            raise UserError("a newllm model returns no attention maps: drop output_attentions")
        if labels is not None and not (isinstance(logits_to_keep, int) and logits_to_keep == 0):
            raise UserError("labels need the logits of every position: drop logits_to_keep")
        others.pop(_OF_GENERATE, None)
        for name in [name for name in others if name not in _OF_LOSS]:
            value = others.pop(name)
            if value is not None and value is not False:
                raise UserError(f"a newllm model takes no {name}: drop it")
        return given


def _drawn(config: NewllmConfig, seed: int) -> LanguageModel:
    """Return a model with its weights drawn; transformers itself ties a head, by `_tied_weights_keys`."""
    model = LanguageModel(config.shape, seed)
    if config.tie_word_embeddings:
        model.head = untied(model.head)
    return model


def _is_known(value: Tensor) -> bool:
    return getattr(value, "_is_hf_initialized", False)
