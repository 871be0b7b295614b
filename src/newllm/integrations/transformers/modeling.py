"""The language model as transformers models: what `generate`, `Trainer` and `pipeline` call.

Both have the same weights under the same names, so that each loads what the other has saved.

Shapes: B rows, T positions, D width, F features, V vocabulary.
"""

import inspect
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import GenerationMixin
from transformers.generation import GenerationMode
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from newllm.errors import UserError
from newllm.generation import Memory, fingerprint, load_context, save_context
from newllm.integrations.transformers.cache import NewllmCache
from newllm.integrations.transformers.pretrained import NewllmPreTrainedModel

CACHE = (
    "cache"
    if "cache" in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
    else "past_key_values"
)
"""What the installed transformers calls the argument and the output: `cache` from 5.24 on."""


class NewllmModel(NewllmPreTrainedModel):
    """The model without its head: features of each position."""

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        cache: NewllmCache | None = None,
        past_key_values: NewllmCache | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Read a batch; arguments as of `NewllmForCausalLM`.

        Returns:
            What the head makes logits of, `[B, T, F]`, the cache, and the hidden states, where they are wanted. At
            padding on the right stands the row's last token again; zeros stand where a row is all padding.

        Raises:
            UserError: as `NewllmForCausalLM`.
        """
        given = self._given(input_ids, inputs_embeds, None, 0, kwargs)
        use_cache = self._wants_cache(use_cache, cache, past_key_values)
        cache = _cache_of(cache, past_key_values)
        hidden = self._hidden_states(output_hidden_states)
        features_BTF, state, spans = self._read(given, attention_mask, cache, with_state=use_cache, hidden=hidden)
        if use_cache and state is not None:
            last = self._logits(features_BTF[:, -1:], spans, cache)
            cache.replace(self.model, state, last[:, -1].detach().clone(), given.shape[1])
        return BaseModelOutputWithPast(
            last_hidden_state=features_BTF,
            hidden_states=None if hidden is None else tuple(hidden),
            **{CACHE: cache if use_cache else None},
        )


class NewllmForCausalLM(NewllmPreTrainedModel, GenerationMixin):
    """The model with its head, which predicts the next token."""

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        cache: NewllmCache | None = None,
        past_key_values: NewllmCache | None = None,
        logits_to_keep: int | Tensor = 0,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Read a batch.

        Args:
            input_ids: token ids `[B, T]`.
            attention_mask: 1 at tokens, 0 at padding on the left or on the right, `[B, T]`; after a cache it may have
                the positions before, too. A padded position changes nothing. The logits at padding on the right are
                those of the row's last token, so that `logits[:, -1]` says for every row what comes next.
            inputs_embeds: embedded tokens `[B, T, D]` in place of `input_ids`, without learned positions.
            labels: the tokens again, -100 where none is to be predicted; they are shifted here.
            use_cache: return the state after the batch. If None: with a cache, and else as configured, but not while
                training or with labels.
            cache: the state before the batch, which becomes the state after it unless `use_cache` is False.
            past_key_values: the same; its name until transformers 5.23.
            logits_to_keep: return only the logits of so many last positions, or of these positions; 0 for all.
            output_hidden_states: return what each layer gives, too. If None, as configured.
            **kwargs: `num_items_in_batch` and `shift_labels` of the Trainer.

        Returns:
            Loss, logits `[B, T, V]`, the cache, and the hidden states, where they are wanted: a tuple of the embedding,
            with learned positions where the model has them, and of each block's output, all `[B, T, D]`. The last one
            is `[B, T, F]`, what the head reads, behind the last norm. A cell or an LSTM is one layer: embedding and
            hidden layer. At padding on the left stand zeros, at padding on the right the row's last token again.
            Without padding each is part of the computation: it has a gradient after `retain_grad()`.

        Raises:
            UserError: the arguments contradict each other, ask for what this model has not, or the mask has padding
                between tokens.
        """
        given = self._given(input_ids, inputs_embeds, labels, logits_to_keep, kwargs)
        use_cache = self._wants_cache(use_cache, cache, past_key_values, labels=labels)
        cache = _cache_of(cache, past_key_values)
        hidden = self._hidden_states(output_hidden_states)
        features_BTF, state, spans = self._read(given, attention_mask, cache, with_state=use_cache, hidden=hidden)
        some = not isinstance(logits_to_keep, int)
        logits = self._logits(features_BTF[:, logits_to_keep if some else slice(-logits_to_keep, None)], spans, cache)
        if use_cache and state is not None:
            last = self._logits(features_BTF[:, -1:], spans, cache) if some else logits
            cache.replace(self.model, state, last[:, -1].detach().clone(), given.shape[1])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=None if hidden is None else tuple(hidden),
            **{CACHE: cache if use_cache else None},
        )

    def save_context(self, path: str | Path, cache: NewllmCache, row: int = 0) -> None:
        """Write what is remembered of one row to a context file, which `newllm generate --context-in` reads too.

        Args:
            path: the file; a context that stood there is replaced.
            cache: from this model.
            row: which.

        Raises:
            UserError: the cache is empty or another model's, it has no such row, or the place may not be written.
        """
        if cache.state is None or cache.logits_BV is None:
            raise UserError("this cache is empty: call the model with it first")
        held = len(cache.logits_BV)
        if not 0 <= row < held:
            raise UserError(f"row {row}: this cache holds {held} rows, counted from 0")
        cache.check(self.model, held)
        state = cache.row(row)
        memory = Memory(state, cache.logits_BV[row], int(state["position"]))
        save_context(Path(path), memory, fingerprint(self.model))

    def load_context(self, path: str | Path) -> NewllmCache:
        """Read a context file that `save_context` or `newllm generate --context-out` wrote with these weights.

        Returns:
            A cache of one row; its `logits_BV` say what comes next.

        Raises:
            UserError: the file is missing, damaged, no context, or another model's.
        """
        memory = load_context(Path(path), self.model, fingerprint(self.model))
        cache = NewllmCache()
        cache.replace(self.model, memory.state, memory.logits_V[None], memory.tokens_read)
        return cache

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _prepare_cache_for_generation(
        self, generation_config: Any, model_kwargs: dict[str, Any], generation_mode: GenerationMode, *_: Any, **__: Any
    ) -> None:
        """Give `generate` a cache of ours, where it is to have one."""
        if generation_mode == GenerationMode.ASSISTED_GENERATION:
            raise UserError(
                "assisted generation does not fit a newllm model: its state does not go back to an earlier token; "
                "leave assistant_model, assistant_early_exit, prompt_lookup_num_tokens and the like out"
            )
        if generation_config.is_assistant:
            raise UserError(
                "a newllm model cannot be the assistant_model of another: its state does not go back to an earlier "
                "token; leave it out"
            )
        wanted = generation_config.cache_implementation
        if wanted not in (None, "dynamic"):
            raise UserError(
                f"cache_implementation='{wanted}' does not fit a newllm model, whose state has a fixed size: drop it"
            )
        if model_kwargs.get(CACHE) is None and generation_config.use_cache is not False:
            model_kwargs[CACHE] = NewllmCache()


def _cache_of(cache: Any, past_key_values: Any) -> NewllmCache:
    """Return the cache that was given under one of its names, or an empty one."""
    if cache is not None and past_key_values is not None and cache is not past_key_values:
        raise UserError("cache and past_key_values are two names of one argument: give one")
    given = past_key_values if cache is None else cache
    if given is None:
        return NewllmCache()
    if not isinstance(given, NewllmCache):
        raise UserError(f"a {type(given).__name__} is no cache of a newllm model: give newllm.hf.NewllmCache() or none")
    return given
