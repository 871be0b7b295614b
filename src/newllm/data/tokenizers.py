"""Make a tokenizer by its name, and read one back from a run directory."""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from newllm.data.bpe_tokenizer import BpeTokenizer
from newllm.data.byte_tokenizer import SCHEMA, ByteTokenizer
from newllm.data.config import TOKENIZERS
from newllm.data.tokenizer import Tokenizer
from newllm.data.word_tokenizer import WordTokenizer
from newllm.errors import UserError, unknown_name
from newllm.files import read_bytes


def train_tokenizer(name: str, texts: Iterable[bytes], vocabulary: int) -> Tokenizer:
    """Make a tokenizer from the training part. Equal arguments give an equal tokenizer.

    Args:
        name: "bytes" (which needs no training), "bpe" or "word".
        texts: valid UTF-8, the training part only.
        vocabulary: upper bound of the number of ids of "bpe" and "word".

    Raises:
        UserError: there is no such tokenizer.
    """
    if name == "bytes":
        return ByteTokenizer()
    if name == "bpe":
        return BpeTokenizer.train(texts, vocabulary)
    if name == "word":
        return WordTokenizer.train(texts, vocabulary)
    raise unknown_name("tokenizer", name, TOKENIZERS)


def tokenizer_digest(tokenizer: Tokenizer) -> str:
    """Return the sha256 of a tokenizer, which is that of the file that `Tokenizer.save` writes."""
    return hashlib.sha256(tokenizer.to_json().encode()).hexdigest()


def load_tokenizer(path: Path, sha256: str = "") -> Tokenizer:
    """Read a tokenizer.json that `Tokenizer.save` wrote. Other blanks and line ends, as an editor makes, do no harm.

    Args:
        path: the file.
        sha256: of the tokenizer, see `tokenizer_digest`; "" where nobody knows it.

    Raises:
        UserError: the file is missing, damaged, not the one that was written, or no tokenizer of ours.
    """
    path = Path(path)
    try:
        raw = read_bytes(path)
    except OSError as error:
        raise UserError(f"cannot read tokenizer '{path}' ({error.strerror}): name a run's tokenizer.json") from error
    if not sha256 or hashlib.sha256(raw).hexdigest() == sha256:
        return parse_tokenizer(path, raw)
    with contextlib.suppress(UserError):  # it may still say the same
        tokenizer = parse_tokenizer(path, raw)
        if tokenizer_digest(tokenizer) == sha256:
            return tokenizer
    raise UserError(f"tokenizer '{path}' is damaged, it is not the one of the training: put that back")


def parse_tokenizer(path: Path, raw: bytes) -> Tokenizer:
    """Return the tokenizer that the content of a tokenizer.json is of.

    Args:
        path: where it stood, for errors.
        raw: the content.

    Raises:
        UserError: it is damaged, or no tokenizer of ours.
    """
    try:
        content = raw.decode("utf-8-sig")
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"tokenizer '{path}' is damaged, it is not JSON: copy it again or train again") from error
    if not isinstance(parsed, dict):
        raise _foreign(path, "it is not a JSON object")
    if "type" in parsed:
        return _load_bytes(path, parsed)
    return _load_native(path, content, parsed)


def _load_bytes(path: Path, parsed: dict[str, Any]) -> ByteTokenizer:
    if parsed["type"] != "bytes" or parsed.get("schema") != SCHEMA:
        raise _foreign(path, f"type {parsed['type']!r}, schema {parsed.get('schema')!r}")
    return ByteTokenizer()


def _load_native(path: Path, content: str, parsed: dict[str, Any]) -> Tokenizer:
    model = parsed.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    classes = {"BPE": BpeTokenizer, "WordLevel": WordTokenizer}
    if not isinstance(kind, str) or kind not in classes:
        raise _foreign(path, f"model {kind!r}")
    from tokenizers import Tokenizer as Native

    try:
        return classes[kind](Native.from_str(content))
    except Exception as error:  # the library raises bare Exception for content that it cannot take
        raise _foreign(path, " ".join(str(error).split())) from error


def _foreign(path: Path, why: str) -> UserError:
    return UserError(f"'{path}' is no tokenizer of newllm ({why}): name the tokenizer.json of a run")
