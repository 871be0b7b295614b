"""RUN/training_curves.png: the losses of a run, drawn from its trace."""

import math

from newllm.data import Corpus, training_batches
from newllm.model.config import CONTEXT_BODIES
from newllm.plotting import draw_training_curves
from newllm.trace import read_trace
from newllm.training.config import RunConfig
from newllm.training.run import RunDirectory


def draw_curves(run: RunDirectory, config: RunConfig, corpus: Corpus) -> None:
    """Draw training_curves.png from the trace; by epoch where an epoch is a few steps."""
    if not run.trace.is_file():
        return
    run.check_lock()
    per_epoch = training_batches(corpus, config.data, config.seed).batches_per_epoch / config.training.accumulate
    draw_training_curves(
        read_trace(run.trace),
        run.curves,
        title=_title(run, config),
        steps_per_epoch=per_epoch,
        by_epoch=config.data.format == "sentences",
        bits_per_byte_factor=_bits_per_byte_factor(corpus),
    )


def _bits_per_byte_factor(corpus: Corpus) -> float | None:
    """Return what turns validation nats per token into bits per byte, None where the tokenizer loses bytes."""
    counts = corpus.report["counts"]
    if corpus.tokenizer.token_bytes() is None or not counts["validation_bytes"]:
        return None
    return counts["validation_targets"] / counts["validation_bytes"] / math.log(2)


def _title(run: RunDirectory, config: RunConfig) -> str:
    model = config.model
    with_rule = f", rule {model.rule}" if model.body in CONTEXT_BODIES else ""
    return f"{run.path.name}: {model.body}{with_rule}, seed {config.seed}"
