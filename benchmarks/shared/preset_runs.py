"""A preset as a run of the CPU, with its data: what benchmarks of training begin from."""

import dataclasses
from typing import Any

from newllm.data import Corpus, prepare
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.presets import preset as preset_of
from newllm.training.resolve import resolve

TEXT = "bundled:moby-dick"


def resolved(preset: str, precision: str, steps: int, changes: dict[str, Any]) -> tuple[RunConfig, Corpus]:
    """Return a preset without tables of n-grams, resolved for one thread of the CPU, and its corpus."""
    config = preset_of(preset)
    optimizer = dataclasses.replace(config.optimizer, ngram_decay=0.0)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, ngram_rows=0), optimizer=optimizer)
    if not config.data.texts:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, texts=(TEXT,)))
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, **changes))
    numerics = dataclasses.replace(config.numerics, precision=precision, device="cpu", threads=1)
    corpus = prepare(config.data)
    return resolve(dataclasses.replace(config, numerics=numerics), corpus, Budget(steps=steps))[0], corpus
