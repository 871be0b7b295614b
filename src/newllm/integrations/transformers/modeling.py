"""The language model as a transformers model: what `generate`, `Trainer` and `pipeline` call.

Shapes: B rows, T positions, D width, V vocabulary.
"""

import dataclasses
import inspect
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from newllm.errors import UserError
from newllm.generation import Memory, fingerprint, load_context, save_context
from newllm.integrations.transformers.cache import NewllmCache
from newllm.integrations.transformers.configuration import NewllmConfig
from newllm.integrations.transformers.padding import Spans, read_padded, read_without_state, repeated, spans_of
from newllm.model.language_model import LanguageModel

CACHE = (
    "cache"
    if "cache" in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
    else "past_key_values"
)
"""What the installed transformers calls the argument and the output: `cache` from 5.24 on."""

_OF_LOSS = {"num_items_in_batch"}


class NewllmForCausalLM(PreTrainedModel, GenerationMixin):
    """A `LanguageModel` behind the interface of transformers.

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
    _is_stateful = True  # with which transformers refuses assisted generation: a state does not go back
    _tied_weights_keys: ClassVar[dict[str, str]] = {"model.head.weight": "model.embedding.weight"}
    _no_split_modules: ClassVar[list[str]] = ["Block"]

    def __init__(self, config: NewllmConfig) -> None:
        super().__init__(config)
        device = torch.empty(0).device.type
        device = device if device == "meta" else "cpu"  # `from_pretrained` builds on "meta": it has the weights already
        seed = 0 if device == "meta" else int(torch.randint(2**31, (1,)))
        with torch.device(device), torch.random.fork_rng(devices=[]):
            self.model = LanguageModel(config.shape, seed)
        if config.tie_word_embeddings and self.model.head.weight.shape != self.model.embedding.weight.shape:
            wide, high = self.model.head.weight.shape[1], self.model.embedding.weight.shape[1]
            raise UserError(
                f"tie_word_embeddings: the head reads {wide} channels, the embedding has {high}: leave it out"
            )
        self.gradient_checkpointing = False
        for value in () if device == "meta" else (*self.model.parameters(), *self.model.buffers()):
            value._is_hf_initialized = True  # type: ignore[attr-defined]
        self.post_init()

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
            **kwargs: `num_items_in_batch` of the Trainer.

        Returns:
            Loss, logits `[B, T, V]`, and the cache.

        Raises:
            UserError: the arguments contradict each other, ask for what this model has not, or the mask has padding
                between tokens.
        """
        self._check_arguments(input_ids, inputs_embeds, labels, logits_to_keep, kwargs)
        if use_cache is None:
            given = cache is not None or past_key_values is not None
            use_cache = given or (self.config.use_cache and not self.training and labels is None)
        cache = _cache_of(cache, past_key_values)
        x_BTD = self.model.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        rows, length = x_BTD.shape[:2]
        cache.check(self.model, rows)
        spans = spans_of(attention_mask, rows, length, cache.positions)
        if spans is None:
            features_BTF, state = self.model.read(x_BTD, cache.state)
        elif use_cache or cache.state is not None:
            features_BTF, state = read_padded(self.model, x_BTD, cache.state, spans)
        else:
            features_BTF, state = read_without_state(self.model, x_BTD, spans), None
        if spans is not None:
            features_BTF = repeated(features_BTF, spans)
        some = not isinstance(logits_to_keep, int)
        logits = self._logits(features_BTF[:, logits_to_keep if some else slice(-logits_to_keep, None)], spans, cache)
        if use_cache and state is not None:
            last = self._logits(features_BTF[:, -1:], spans, cache) if some else logits
            cache.replace(self.model, state, last[:, -1].detach().clone(), length)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **kwargs)
        return CausalLMOutputWithPast(loss=loss, logits=logits, **{CACHE: cache if use_cache else None})

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

    def _init_weights(self, module: nn.Module) -> None:
        """Refuse a folder without some of the weights; draw those of a module that is new, as for more tokens."""
        own = (*module.parameters(recurse=False), *module.buffers(recurse=False))
        if all(getattr(value, "_is_hf_initialized", False) for value in own):
            return
        name = next((path for path, other in self.named_modules() if other is module), None)
        if name is not None:
            raise UserError(f"the weights of '{name}' are missing or have another shape: export the run again")
        super()._init_weights(module)

    def _logits(self, features_BTF: Tensor, spans: Spans | None, before: NewllmCache) -> Tensor:
        logits = self.model.head(features_BTF)
        if spans is None or before.logits_BV is None:
            return logits
        # A row that is all padding stays where it was.
        return torch.where((spans.length_B > 0)[:, None, None], logits, before.logits_BV[:, None])

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _prepare_cache_for_generation(
        self, generation_config: Any, model_kwargs: dict[str, Any], *_: Any, **__: Any
    ) -> None:
        """Give `generate` a cache of ours, where it is to have one."""
        wanted = generation_config.cache_implementation
        if wanted not in (None, "dynamic"):
            raise UserError(
                f"cache_implementation='{wanted}' does not fit a newllm model, whose state has a fixed size: drop it"
            )
        if model_kwargs.get(CACHE) is None and generation_config.use_cache is not False:
            model_kwargs[CACHE] = NewllmCache()

    def _check_arguments(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        labels: Tensor | None,
        logits_to_keep: int | Tensor,
        others: dict[str, Any],
    ) -> None:
        dtype = self.model.head.weight.dtype
        if dtype not in (torch.float32, torch.float64):
            raise UserError(
                f"the weights are {dtype}, a newllm model takes float32: .float() it, and use torch.autocast"
            )
        if (input_ids is None) == (inputs_embeds is None):
            raise UserError("give input_ids or inputs_embeds, one of them")
        given = input_ids if inputs_embeds is None else inputs_embeds
        assert given is not None
        if given.dim() != (2 if inputs_embeds is None else 3) or 0 in given.shape:
            raise UserError(f"the input has shape {list(given.shape)}: give [rows, positions], none of them 0")
        if labels is not None and not (isinstance(logits_to_keep, int) and logits_to_keep == 0):
            raise UserError("labels need the logits of every position: drop logits_to_keep")
        for name in [name for name in others if name not in _OF_LOSS]:
            value = others.pop(name)
            if value is not None and value is not False:
                raise UserError(f"a newllm model takes no {name}: drop it")


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
