"""The model's shape as transformers keeps it: config.json has the fields of `ModelConfig` under their own names."""

import dataclasses
from typing import Any, ClassVar

from transformers import PreTrainedConfig

from newllm.model.config import ModelConfig
from newllm.training.config_file import merge

_FIELDS = dataclasses.fields(ModelConfig)


class NewllmConfig(PreTrainedConfig):
    """A `ModelConfig` for transformers, under the same names and defaults; `vocabulary` must be given.

    Args:
        use_cache: whether a call returns the state after it, if it does not say.
        tie_word_embeddings: `tied_embeddings`, under the name that transformers and config.json have for it.
        **settings: fields of `ModelConfig`, and whatever transformers keeps in a configuration.
    """

    model_type = "newllm"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["cache", "past_key_values"]
    attribute_map: ClassVar[dict[str, str]] = {
        "vocab_size": "vocabulary",
        "hidden_size": "width",
        "num_hidden_layers": "layers",
        "num_attention_heads": "heads",
        "tied_embeddings": "tie_word_embeddings",
    }

    def __init__(self, *, use_cache: bool = True, tie_word_embeddings: bool = False, **settings: Any) -> None:
        self.use_cache = use_cache
        for field in _FIELDS:
            setattr(self, field.name, settings.pop(field.name, field.default))
        super().__init__(tie_word_embeddings=tie_word_embeddings or self.tied_embeddings, **settings)

    @property
    def shape(self) -> ModelConfig:
        """The model's shape.

        Raises:
            UserError: a field has the wrong type, or a value that cannot be.
        """
        given = {field.name: getattr(self, field.name) for field in _FIELDS}
        shape = merge(ModelConfig(), given, where=f"'{self.name_or_path or 'the configuration'}'", prefix="model.")
        shape.check()
        return shape
