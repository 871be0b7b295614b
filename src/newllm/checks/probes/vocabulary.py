"""The vocabulary: do tokenizer, embedding and outputs fit each other, and does the tokenizer know the text?"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.targets import targets
from newllm.checks.trees import integers

_UNKNOWN = 0.25  # share of the tokens of a batch


def vocabulary(bench: Bench) -> Outcome:
    """Hold the tokens of the batch, and all that the tokenizer can give, against the rows of the embedding."""
    name, tokens, rows = tokens_read(bench)
    evidence: dict[str, Any] = {
        "name": name,
        "rows": rows,
        "largest": int(tokens.max()),
        "distinct": len(tokens.unique()),
    }
    size = _size(bench.parts.tokenizer)
    if size is None:
        return sound("vocabulary", size=0, share=0.0, padding=0.0, **evidence)
    evidence["size"] = size
    if evidence["largest"] >= size:
        return wrong("vocabulary", "other-tokenizer", **evidence)
    if size > rows:
        return wrong("vocabulary", "embedding", missing=size - rows, **evidence)
    try:
        classes = targets(bench).classes if targets(bench).ids.shape == tokens.shape else size
    except CannotCheck:
        classes = size
    if classes < size:
        return wrong("vocabulary", "outputs", classes=classes, missing=size - classes, **evidence)
    unknown = _special(bench.parts.tokenizer, "unk")
    share = 0.0 if unknown is None else float((tokens == unknown).double().mean())
    if share > _UNKNOWN:
        return wrong("vocabulary", "unknown", share=share, token=unknown, **evidence)
    padding = _special(bench.parts.tokenizer, "pad")
    filled = 0.0 if padding is None else float((tokens == padding).double().mean())
    return sound("vocabulary", share=share, padding=filled, **evidence)


def tokens_beyond(bench: Bench) -> Outcome:
    """Where the loss cannot be computed, look for tokens that an embedding has no row for."""
    found: list[tuple[str, int, int]] = []

    def looking(name: str) -> Callable[[nn.Embedding, Any], None]:
        def look(module: nn.Embedding, arguments: Any) -> None:
            if arguments and isinstance(arguments[0], Tensor):
                largest = int(arguments[0].max())
                if largest >= module.num_embeddings:
                    found.append((name, largest, module.num_embeddings))

        return look

    watched = [(name, each) for name, each in bench.model.named_modules() if isinstance(each, nn.Embedding)]
    hooks = [module.register_forward_pre_hook(looking(name)) for name, module in watched]
    try:
        bench.loss()
    except IndexError:
        if found:
            name, largest, rows = found[0]
            return wrong("vocabulary", "beyond", name=name, largest=largest, rows=rows)
        raise
    finally:
        for hook in hooks:
            hook.remove()
    raise CannotCheck("no-loss")


def tokens_read(bench: Bench) -> tuple[str, Tensor, int]:
    """Return the largest embedding that reads tokens of the model's inputs, these tokens, and the embedding's rows."""
    given = [tensor for _, tensor in integers(dict(bench.inputs())) if tensor.ndim > 1]
    best: tuple[str, Tensor, int] | None = None
    for name, read in bench.seen.read.items():
        module = bench.model.get_submodule(name)
        if not isinstance(module, nn.Embedding) or (best is not None and module.num_embeddings <= best[2]):
            continue
        if any(tensor.numel() == read.numel() and torch.equal(tensor.flatten(), read.flatten()) for tensor in given):
            best = name, read, module.num_embeddings
    if best is None:
        raise CannotCheck("no-embedding")
    return best


def _size(tokenizer: Any) -> int | None:
    """Return how many ids a tokenizer can give: the largest of them and one."""
    if tokenizer is None:
        return None
    for name in ("get_vocab", "get_vocab_size", "vocab_size", "n_vocab"):  # transformers and tokenizers, others
        held = getattr(tokenizer, name, None)
        value = held() if callable(held) else held
        if isinstance(value, dict) and value:
            return 1 + max(value.values())
        if isinstance(value, int):
            return value
    raise CannotCheck("tokenizer-unknown", kind=type(tokenizer).__name__)


def _special(tokenizer: Any, kind: str) -> int | None:
    for name in (f"{kind}_token_id", f"{kind}_id"):  # transformers, sentencepiece
        held = getattr(tokenizer, name, None)
        value = held() if callable(held) else held
        if isinstance(value, int) and value >= 0:
            return value
    lookup = getattr(tokenizer, "token_to_id", None)  # tokenizers, which knows its unknown token by name only
    return lookup(f"[{kind.upper()}]") if callable(lookup) else None
