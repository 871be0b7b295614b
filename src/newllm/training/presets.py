"""Configurations by name: the founding document's runs, and sizes for real text.

The founding runs follow the document's description: Adam at 1e-4 without warm-up or decay, batch 16 (two
updates an epoch), clipping at 1.0, sentences padded to 32.
"""

import dataclasses
from typing import Any

from newllm.data.config import DataConfig
from newllm.errors import UserError, unknown_name
from newllm.model.config import ModelConfig
from newllm.training.config import NumericsConfig, OptimizerConfig, RunConfig, TrainingConfig

UPDATES_PER_EPOCH = 2  # 24 sentences in batches of 16


def _founding(name: str, epochs: int, **model: Any) -> RunConfig:
    shape: dict[str, Any] = {"width": 256, "vocabulary": 1000, "positions": 32, "window": 32, "dropout": 0.1, **model}
    return RunConfig(
        preset=name,
        model=ModelConfig(initialisation="normal", **shape),
        data=DataConfig(
            texts=("bundled:sentences",), format="sentences", tokenizer="word", vocabulary=1000, window=31, batch=16
        ),
        optimizer=OptimizerConfig(
            name="adam", learning_rate=1e-4, beta2=0.999, weight_decay=0.0, warmup=0, schedule="constant"
        ),
        training=TrainingConfig(
            steps=UPDATES_PER_EPOCH * epochs, evaluate_every=UPDATES_PER_EPOCH, snapshot_every=20 * UPDATES_PER_EPOCH
        ),
        numerics=NumericsConfig(precision="fp32"),
    )


def _founding_cell(name: str, epochs: int, hidden: int, layers: int, context: int) -> RunConfig:
    return _founding(name, epochs, body="cell", rule="additive", hidden=hidden, layers=layers, context=context)


def _sized(name: str, width: int, layers: int, hidden: int, heads: int, learning_rate: float) -> RunConfig:
    model = ModelConfig(width=width, layers=layers, hidden=hidden, context=width, heads=heads, ngram_rows=8192)
    optimizer = OptimizerConfig(learning_rate=learning_rate, ngram_decay=3.0)
    return RunConfig(preset=name, model=model, optimizer=optimizer)


PRESETS: dict[str, RunConfig] = {
    preset.preset: preset
    for preset in (
        _founding_cell("founding-baseline", 50, hidden=512, layers=8, context=256),
        _founding_cell("founding-experiment1", 50, hidden=512, layers=8, context=512),
        _founding_cell("founding-experiment2", 50, hidden=1024, layers=10, context=512),
        _founding_cell("founding-experiment3", 150, hidden=1024, layers=10, context=512),
        _founding("founding-transformer", 50, body="founding-transformer", layers=6, hidden=1024, heads=4),
        _sized("tiny", width=128, layers=4, hidden=352, heads=4, learning_rate=3e-3),
        _sized("small", width=256, layers=4, hidden=704, heads=8, learning_rate=2e-3),
        _sized("medium", width=384, layers=8, hidden=1024, heads=12, learning_rate=1e-3),
        _sized("large", width=640, layers=12, hidden=1728, heads=20, learning_rate=6e-4),
    )
}
# The names that the founding presets had first. A run begun under one keeps it: its configuration stays the same.
ALIASES = {name.replace("founding-", "seed-"): name for name in PRESETS if name.startswith("founding-")}


def preset(name: str) -> RunConfig:
    """Return the configuration of a preset, under the name that it was called by.

    Raises:
        UserError: no preset has this name.
    """
    if name in ALIASES:
        return dataclasses.replace(PRESETS[ALIASES[name]], preset=name)
    if name not in PRESETS:
        raise unknown_name("preset", str(name), PRESETS)
    return PRESETS[name]


def with_width(config: RunConfig, width: int) -> RunConfig:
    """Return the configuration with another width, and hidden, context and heads in proportion to it.

    The matrices of rule "delta" get the largest width that divides the context.

    Raises:
        UserError: it is below 1.
    """
    model = config.model
    if width < 1:
        raise UserError(f"model.width is {width}: it must be at least 1")

    def scaled(value: int, unit: int) -> int:
        return max(unit, round(value * width / model.width / unit) * unit)

    heads = scaled(model.heads, 1)
    heads = heads if width % (2 * heads) == 0 else model.heads
    context = scaled(model.context, 1)
    shape = {"hidden": scaled(model.hidden, 8), "context": context, "heads": heads}
    shape["head_width"] = next(w for w in range(min(context, model.head_width), 0, -1) if context % w == 0)
    return dataclasses.replace(config, model=dataclasses.replace(model, width=width, **shape))


def with_body(config: RunConfig, body: str) -> RunConfig:
    """Return the configuration with another body, of about as many parameters on the sizes for real text.

    Attention's mixer counts the same as the context's; its learning rate is half again as high, which is
    what it wants at size "small" (docs/LOG.md). The LSTM and the cell keep width and change what is
    inside; the founding Transformer gets learned positions for one window.
    """
    model = config.model
    if body == "lstm" and model.body != "lstm":
        model = dataclasses.replace(model, hidden=2 * model.width, layers=max(1, model.layers // 2))
    elif body in ("cell", "zero-cell") and model.body not in ("cell", "zero-cell"):
        model = dataclasses.replace(model, hidden=2 * model.width, layers=2 * model.layers)
    elif body == "founding-transformer" and not model.positions:
        model = dataclasses.replace(model, positions=config.data.window, hidden=4 * model.width)
    optimizer = config.optimizer
    if body == "attention" and model.body != "attention":
        optimizer = dataclasses.replace(optimizer, learning_rate=1.5 * optimizer.learning_rate)
    return dataclasses.replace(config, model=dataclasses.replace(model, body=body), optimizer=optimizer)
