"""Which rows of the embedding, and which classes, the data never reach: they are named, and are no mistake as such.

Rows of the data are read in a random order, by the loader's own way of reading, until all were or the time is over.
"""

import functools
import random
import time
from collections.abc import Callable, Sized
from typing import Any

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.feed import loader_of, reading, rows_of_epoch
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck, Outcome
from newllm.checks.probes.vocabulary import tokens_read
from newllm.checks.targets import targets
from newllm.checks.trees import integers
from newllm.messages import Message, message

_LONGEST = 1.5  # seconds
_SHARE = 0.3  # of the time that is left
_SHOWN = 3
_CUTS = (slice(None), slice(None, -1), slice(1, None))  # positions: the inputs and targets of a next-token model

_Place = tuple[str, slice]  # of a tensor in a batch, and the positions of it that are meant


def ids(bench: Bench) -> Outcome:
    """Count the ids that the loader's rows hold, and name some that none does."""
    loader = loader_of(bench)
    sought = {kind: found for kind, find in _KINDS.items() if (found := find(bench))}
    if not sought:
        raise CannotCheck("no-ids")
    seen = {kind: torch.zeros(size, dtype=torch.bool) for kind, (_, _, size) in sought.items()}
    ends, read = time.monotonic() + min(_LONGEST, _SHARE * bench.left), 0
    with put_back(loader):
        rows = list(dict.fromkeys(rows_of_epoch(loader)))
        random.Random(0).shuffle(rows)
        size = (loader.batch_size or 1) if loader.batch_sampler is not None else 1
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        for batch, chosen in zip(reading(loader, batches), batches, strict=False):
            held = dict(integers(batch))
            for kind, (_, (path, cut), _) in sought.items():
                if path not in held:
                    raise CannotCheck("no-ids")
                _mark(seen[kind], _cut(held[path], cut))
            read += len(chosen)
            if all(bool(one.all()) for one in seen.values()) or time.monotonic() > ends:
                break
    evidence: dict[str, Any] = {"read": read, "rows": len(rows)}
    said = []
    for kind, (name, _, size) in sought.items():
        missing = [int(one) for one in (~seen[kind]).nonzero().flatten()]
        evidence[kind] = {"name": name, "size": size, "never": len(missing), "share": len(missing) / size}
        said.append(_said(kind, missing, evidence[kind], bench.parts.tokenizer))
    all_seen = all(bool(one.all()) for one in seen.values())
    whole: bool | str = True if read == len(rows) else "found" if all_seen else False
    held = len(loader.dataset) if isinstance(loader.dataset, Sized) else len(rows)
    read_of = {"whole": whole, "read": read, "rows": len(rows), "held": held, "drawn": len(rows) < held}
    what = functools.reduce(lambda one, other: message("unseen-also", before=one, following=other), said)
    return Outcome("ids", "sound", message("check-ids.sound", what=what, **read_of), evidence)


def _mark(seen: Tensor, found: Tensor) -> None:
    """Note the ids that are found; those below zero are left out of the loss."""
    values = found.flatten().long().cpu()
    seen[values[(values >= 0) & (values < len(seen))]] = True


def _said(kind: str, missing: list[int], about: dict[str, Any], tokenizer: Any) -> Message:
    text = _text_of(tokenizer) if kind == "tokens" else str
    examples = ", ".join(text(one) for one in missing[:: max(1, len(missing) // _SHOWN)][:_SHOWN])
    return message(f"check-ids.{kind}", examples=examples, **about)


def _text_of(tokenizer: Any) -> Callable[[int], str]:
    """Return what names a token by its id: its text where the tokenizer tells it, in quotes."""
    for name in ("convert_ids_to_tokens", "id_to_token", "id_to_piece"):  # transformers, tokenizers, sentencepiece
        lookup = getattr(tokenizer, name, None)
        if callable(lookup):
            return functools.partial(_with_text, lookup)
    return str


def _with_text(lookup: Callable[[int], object], one: int) -> str:
    """Return an id with its text; alone where the embedding has more rows than the tokenizer has tokens."""
    try:
        text = lookup(one)
    except Exception:  # each tokenizer says in its own way that it has no such token
        return str(one)
    return str(one) if text is None else f"{one} {text!r}"


def _tokens(bench: Bench) -> tuple[str, _Place, int] | None:
    """Return the largest embedding that reads tokens, where these stand in a batch, and its rows."""
    try:
        name, read, size = tokens_read(bench)
    except CannotCheck:
        return None
    place = _where(bench, lambda one: one.numel() == read.numel() and bool((one.flatten() == read.flatten()).all()))
    return place and (name, place, size)


def _classes(bench: Bench) -> tuple[str, _Place, int] | None:
    """Return where the classes that are learnt stand in a batch, and how many outputs there are."""
    try:
        found = targets(bench)
    except CannotCheck:
        return None
    ids, used = found.ids.cpu(), found.used.cpu()
    place = _where(bench, lambda one: one.shape == ids.shape and bool((one[used].long().cpu() == ids[used]).all()))
    return place and ("", place, found.classes)


def _where(bench: Bench, is_it: Callable[[Tensor], bool]) -> _Place | None:
    """Return the tensor of the batch that holds what is sought: as it is, or without its last or first position."""
    for path, each in integers(bench.batch):
        for cut in _CUTS[: 3 if each.ndim > 1 else 1]:
            if is_it(_cut(each, cut)):
                return path, cut
    return None


def _cut(tensor: Tensor, cut: slice) -> Tensor:
    return tensor[:, cut] if tensor.ndim > 1 else tensor


_KINDS: dict[str, Callable[[Bench], tuple[str, _Place, int] | None]] = {"tokens": _tokens, "classes": _classes}
