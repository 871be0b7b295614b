"""The surprise of every token of a text, read by itself as `newllm eval` reads it."""

from collections.abc import Iterator
from typing import Any

import torch

from newllm.api.loaded import LoadedRun
from newllm.data import sentence_lines
from newllm.errors import UserError
from newllm.generation import Engine, TextStream
from newllm.playground.surprisal import Surprise
from newllm.playground.task import Task

DESCRIBED = 8192
"""So many of a text's tokens are described, its first; all are counted."""


def surprise_of_text(loaded: LoadedRun, engine: Engine, surprise: Surprise, task: Task) -> dict[str, Any]:
    """Read a text from an empty context and tell what each token cost: `tokens` and `progress` events.

    A run that was trained on sentences reads each line as one, from an empty context, and its end is predicted too.
    """
    text = task.text()
    task.check_all_taken()
    sizes = loaded.tokenizer.token_bytes()
    tokens, bits, size, line, stream = 0, 0.0, 0, 0, TextStream()
    for line, ids, predicted_TV, place in _read(loaded, engine, text):
        if task.stopped():
            break
        bits += float(surprise.bits(ids, predicted_TV).double().sum())
        size += 0 if sizes is None else int(sizes[ids].sum())
        if room := max(0, DESCRIBED - tokens):
            described = surprise.tokens(ids[:room], predicted_TV[:room], stream, first=place)
            task.emit("tokens", {"line": line, "tokens": described})
        tokens += len(ids)
        task.emit("progress", {"tokens": tokens})
    if not tokens:
        raise UserError("the text holds nothing to predict, only blanks: give one with words in it")
    return {
        "tokens": tokens, "described": min(tokens, DESCRIBED), "lines": line + 1, "bits": bits,
        "bytes": size or None, "bits_per_token": bits / tokens, "bits_per_byte": bits / size if size else None,
        "stopped_by": "stop" if task.stopped() else "end",
    }  # fmt: skip


def _read(loaded: LoadedRun, engine: Engine, text: str) -> Iterator[tuple[int, list[int], torch.Tensor, int]]:
    """Yield line, ids, what was predicted before each, and the first one's place, chunk by chunk."""
    sentences, start = loaded.config.data.format == "sentences", engine.start()
    lines = [line.decode() for line in sentence_lines(text.encode())] if sentences else [text]
    for line, content in enumerate(lines):
        memory = start
        for ids in engine.cut(memory, content):
            logits_TV, after = engine.read_ids(memory, ids)
            predicted_TV = torch.cat([memory.logits_V[None], logits_TV[:-1]])
            yield line, ids, predicted_TV, memory.tokens_read - 1
            memory = after
        if sentences and memory is not start:
            yield line, [engine.vocabulary.end], memory.logits_V[None], memory.tokens_read - 1
