"""What is written down of two trainings, and differs: their settings, and the layers of their models."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.against.difference import Difference
from newllm.diagnosis.facts import Layer
from newllm.messages import Message, message

_OF_NO_RESULT = re.compile(
    r"\w*seed|\w*(out|output|log|logging|save|work|project|exp|experiment|tensorboard|checkpoint|ckpt|cache|result)s?[_-]?"
    r"(dir|directory|path|folder|file|name|root|prefix)s?|out|output|o|run([_-]?(name|id))?|exp|experiment|project|name|id"
    r"|(exp|experiment|run|job|wandb|model|log)[_-]\w*(name|id|project|group|entity|tags?)|tags?|notes?|comments?|date|time"
    r"|verbose|quiet|progress\w*|device|gpus?|cuda|\w*workers|print\w*|log|logging|wandb|(log(ging)?|print|save|report|checkpoint)"
    r"[_-]?(interval|every|freq|frequency|steps|iters?|epochs?)(_\w+)?|\w*(dir|directory|path|folder)",
    re.IGNORECASE,
)
"""Names of settings that change no training; where data lie shows in what the model is given."""
_OF_DATA = re.compile(r"data|train|valid|test|eval|input|image|label|pretrained|init|corpus|text", re.IGNORECASE)
_OF_SIGNALS = {"optimizer.learning_rate": "learning_rate", "optimizer.weight_decay": "weight_decay",
               "optimizer.beta1": "momentum", "optimizer.momentum": "momentum"}  # fmt: skip
_NAMED = 4  # layers


def settings_that_differ(
    here: Mapping[str, Any], there: Mapping[str, Any], seen: set[str | None]
) -> tuple[list[Difference], int]:
    """Return the settings that differ: of those with the same two values one, and none that is seen as a signal."""
    names = [name for name in here.keys() & there.keys() if name == "optimizer.name" or not changes_nothing(name)]
    found: dict[tuple[str, str], Difference] = {}
    for name in sorted(names, key=lambda one: (not one.startswith("optimizer."), one)):
        own, other = here[name], there[name]
        if own == other or _OF_SIGNALS.get(name) in seen or "/" in f"{own}{other}":
            continue
        said = message("against-setting", name=name, here=str(own), there=str(other))
        found.setdefault((str(own), str(other)), Difference(said, 0.0, np.inf, recorded=False))
    return list(found.values()), len(names)


def changes_nothing(name: str) -> bool:
    """Whether a setting of this dotted name changes no training: a seed, a place to write to, what is printed."""
    last = name.rpartition(".")[2].replace("-", "_")
    return _OF_NO_RESULT.fullmatch(last) is not None and not _OF_DATA.search(last)


def layers_that_differ(
    here: tuple[Layer, ...], there: tuple[Layer, ...], seen: set[str | None]
) -> Iterator[Difference]:
    """Yield how the models differ: in layers, and in what was set for them."""
    own, other = ({layer.name: layer for layer in layers} for layers in (here, there))
    if not own or not other:
        return
    for where, names in (("here", own.keys() - other.keys()), ("there", other.keys() - own.keys())):
        if names:
            ordered = [name for name in (*own, *other) if name in names]
            yield _of_layers(f"against-layers-{where}", ordered)
    both = [(own[name], other[name]) for name in own if name in other]
    decay = () if "weight_decay" in seen else ("weight_decay", "penalty")
    for field in ("kind", "parameters", "trained", "given", *decay, "norm_momentum"):
        of_trained = field in ("given", "weight_decay", "penalty")  # what is frozen in both, none of these moves
        differ = [
            (one, (getattr(one, field), getattr(two, field)))
            for one, two in both
            if getattr(one, field) != getattr(two, field) and (one.trained or two.trained or not of_trained)
        ]
        if differ:
            values = differ[0][1]
            names = [one.name for one, pair in differ if pair == values]
            shown = {"here": _value(values[0]), "there": _value(values[1])}
            yield _of_layers("against-layers-differ", names, what=field, others=len(differ) - len(names), **shown)


def _value(value: Any) -> str | Message:
    return message("against-whether", yes=value) if isinstance(value, bool) else str(value)


def _of_layers(id: str, names: list[str], **parameters: Any) -> Difference:
    shown = {"names": names[:_NAMED], "more": max(0, len(names) - _NAMED), "count": len(names)}
    return Difference(message(id, **shown, **parameters), 0.0, np.inf)
