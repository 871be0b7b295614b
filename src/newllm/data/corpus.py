"""From the names of texts to tokens that are ready for batches, and the record of how that was done."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from newllm.data.cache import Prepared, cache_directory, fetch
from newllm.data.config import DataConfig
from newllm.data.documents import Document
from newllm.data.fit import check_sentences, check_stream
from newllm.data.segments import Segments, encode_blocks
from newllm.data.sources import read_documents
from newllm.data.split import Split, block_count, split_documents
from newllm.data.tokenizer import Tokenizer
from newllm.data.tokenizers import tokenizer_digest, train_tokenizer

_SCHEMA = 1
# Raised whenever the same texts and settings would give other tokens than before.
_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Corpus:
    """Tokenised text.

    Attributes:
        tokenizer: made from the training part, or the one that was given.
        train: the training part.
        validation: the held-out part.
        report: the content of data.json.
    """

    tokenizer: Tokenizer
    train: Segments
    validation: Segments
    report: dict[str, Any]


def prepare(config: DataConfig, tokenizer: Tokenizer | None = None, cache: Path | None = None) -> Corpus:
    """Read, split and tokenise texts; the second time the tokens come from the cache.

    A file that is named in `config.texts` and in `config.validation`, also by a directory or a glob that it
    lies in, is a validation text only. Copies of it under other names are not looked for.

    Args:
        config: what to read and how.
        tokenizer: use this one (`config.tokenizer` and `config.vocabulary` then mean nothing); None makes
            one from the training part.
        cache: the directory of the token cache; None for the user's.

    Raises:
        UserError: settings that cannot work, a text that cannot be read, or too little text.
    """
    config.check()
    documents, own = _read(config)
    fingerprint = _fingerprint(documents, own, config, tokenizer)
    prepared = fetch(
        Path(cache) if cache is not None else cache_directory(),
        fingerprint,
        lambda: _build(documents, own, config, tokenizer),
    )
    used = tokenizer or prepared.tokenizer
    if config.format == "sentences":
        check_sentences(prepared.train, prepared.validation, used, config.window)
    else:
        check_stream(_summary(documents), prepared.train, prepared.validation, config, _size(documents))
    report = {
        "schema": _SCHEMA,
        "sources": _sources([*documents, *own]),
        "tokenizer": {"name": used.name, "vocab_size": used.vocab_size, "sha256": tokenizer_digest(used)},
        "format": config.format,
        **prepared.facts,
        "audit": {},
        "fingerprint": fingerprint,
    }
    return Corpus(used, prepared.train, prepared.validation, report)


def _read(config: DataConfig) -> tuple[list[Document], list[Document]]:
    """Return the texts, and the validation's own; no file is in both."""
    held_out: set[Path] = set()
    own = read_documents(config.validation, config.field, config.errors, held_out) if config.validation else []
    return read_documents(config.texts, config.field, config.errors, held_out), own


def _build(
    documents: Sequence[Document], own: Sequence[Document], config: DataConfig, given: Tokenizer | None
) -> Prepared:
    name = given.name if given else config.tokenizer
    split = split_documents(documents, own, config, words=name != "bytes")
    texts = [piece.text for block in split.train for piece in block]
    tokenizer = given or train_tokenizer(name, texts, config.vocabulary)
    closed = config.format == "sentences"
    train = encode_blocks(split.train, tokenizer, closed)
    validation = encode_blocks(split.validation, tokenizer, closed)
    return Prepared(tokenizer, train, validation, _facts(split, train, validation, tokenizer))


def _facts(split: Split, train: Segments, validation: Segments, tokenizer: Tokenizer) -> dict[str, Any]:
    counts = {
        "train_tokens": len(train.tokens),
        "validation_tokens": len(validation.tokens),
        "train_targets": train.targets,
        "validation_targets": validation.targets,
        "train_bytes": sum(len(piece.text) for block in split.train for piece in block),
        "validation_bytes": sum(len(piece.text) for block in split.validation for piece in block),
        "documents": len(train.starts) + len(validation.starts),
    }
    if tokenizer.unknown is not None:
        unknown = [np.count_nonzero(validation.tokens[a + 1 : b] == tokenizer.unknown) for a, b in validation.bounds]
        counts["validation_unknown_targets"] = int(sum(unknown))
    return {"split": split.report, "counts": counts}


def _fingerprint(
    documents: Sequence[Document], own: Sequence[Document], config: DataConfig, given: Tokenizer | None
) -> str:
    """Name everything that the tokens depend on, and nothing else: not the window, not the file names."""
    tokenizer: list[Any] = [config.tokenizer]
    if given:
        tokenizer = [given.name, tokenizer_digest(given)]
    elif config.tokenizer != "bytes":
        tokenizer.append(config.vocabulary)
    if own:
        split: list[Any] = ["own files"]
    elif config.format == "sentences":
        split = [config.split_seed]
    else:
        split = [config.validation_fraction, block_count(_size(documents), config)]
    texts = [[hashlib.sha256(document.text).hexdigest() for document in part] for part in (documents, own)]
    everything = [_FORMAT_VERSION, config.format, texts, tokenizer, split]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


def _sources(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Return name, sha256 and bytes of each source's text (decompressed; a file's records joined), and its origin."""
    digests: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for document in documents:
        digests.setdefault(document.name, hashlib.sha256()).update(document.text)
        sizes[document.name] = sizes.get(document.name, 0) + len(document.text)
    origins = {document.name: {"origin": dict(document.origin)} for document in documents if document.origin}
    return [
        {"name": name, "sha256": digests[name].hexdigest(), "bytes": sizes[name], **origins.get(name, {})}
        for name in digests
    ]


def _size(documents: Sequence[Document]) -> int:
    return sum(len(document.text) for document in documents)


def _summary(documents: Sequence[Document]) -> str:
    names = list(dict.fromkeys(document.name for document in documents))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
