"""The models that are compared: a table of data, one line a model."""

import dataclasses
from typing import Any

from newllm.errors import UserError, quoted, unknown_name
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recall.decay_only import without_correction
from newllm.recall.ngrams import NGrams

MODELS: dict[str, dict[str, Any]] = {
    "stack": {"body": "stack", "rule": "gated"},
    "delta": {"body": "stack", "rule": "delta"},
    "signed": {"body": "stack", "rule": "signed-delta"},
    "decay": {"body": "stack", "rule": "delta"},  # of which `build` takes the correction away
    "hybrid": {"body": "stack", "rule": "gated,delta"},  # the rules of the layers, in turn
    "attention": {"body": "attention", "heads": 1},  # one head, as in zoology
    "lstm": {"body": "lstm"},
    "zero": {"body": "zero-stack"},
}
NGRAM = "ngram"  # counts, which have no shape
NAMES = (*MODELS, NGRAM)


@dataclasses.dataclass(frozen=True)
class Shape:
    """What all models have alike.

    Attributes:
        width: of the embedding, the residual stream and the context, and the LSTM's hidden state.
        layers: blocks.
        vocabulary: tokens.
        trained: the longest row that is trained on: the longest time scale of a context at the start.
        asked: the longest row at all: attention sees all of it.
        changes: settings of `ModelConfig` as "NAME=VALUE", of every model.
        tied: the head is the embedding's matrix (`model.tied_embeddings`), as in zoology.
    """

    width: int
    layers: int
    vocabulary: int
    trained: int
    asked: int
    changes: tuple[str, ...] = ()
    tied: bool = False


def model_config(name: str, shape: Shape) -> ModelConfig:
    """Return the configuration of a model of `MODELS`.

    Raises:
        UserError: there is no such model, or what it is made of does not exist or does not fit.
    """
    if name not in MODELS:
        raise unknown_name("model", name, NAMES)
    line = MODELS[name]
    config = ModelConfig(
        **line,
        vocabulary=shape.vocabulary,
        width=shape.width,
        layers=shape.layers,
        context=shape.width,
        hidden=shape.width if line["body"] == "lstm" else _hidden(shape.width),
        window=shape.asked if line["body"] == "attention" else shape.trained,
        tied_embeddings=shape.tied,
    )
    config = dataclasses.replace(config, **dict(_setting(change) for change in shape.changes))
    config.check()
    return config


def build(name: str, shape: Shape, seed: int) -> LanguageModel | NGrams:
    """Return an untrained model of `NAMES`.

    Tied, a value that is read from a context is its own answer once one map of width by width is near the identity, and
    each answer shows the way there. Untied, every value's row of the head has to be found on its own.
    """
    if name == NGRAM:
        return NGrams(shape.vocabulary)
    model = LanguageModel(model_config(name, shape), seed)
    return without_correction(model) if name == "decay" else model


def _hidden(width: int) -> int:
    """Return the SwiGLU's width as it is by default, 704 to 256, in multiples of 8."""
    return width * 11 // 32 * 8


def _setting(change: str) -> tuple[str, Any]:
    """Return name and value of "NAME=VALUE", the value in the kind of the setting's default."""
    name, separator, value = change.partition("=")
    kinds: dict[str, Any] = {field.name: type(field.default) for field in dataclasses.fields(ModelConfig)}
    if not separator:
        raise UserError(f"--set {quoted(change)} has no '=': give NAME=VALUE, for example context=128")
    if name not in kinds:
        raise unknown_name("setting of a model", name, kinds)
    try:
        return name, {"true": True, "false": False}[value] if kinds[name] is bool else kinds[name](value)
    except (KeyError, ValueError):
        raise UserError(f"--set {quoted(change)}: give a value like {kinds[name].__name__}") from None
