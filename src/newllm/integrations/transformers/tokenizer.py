"""Our tokenizers as the files of transformers, and back. Text gets the same ids there, the begin token first.

transformers loads such a folder without newllm: what is written is a tokenizer.json of the `tokenizers` library.
"""

import json
from pathlib import Path
from typing import Any

from newllm.data.bpe_tokenizer import SEPARATOR, byte_characters
from newllm.data.byte_tokenizer import ByteTokenizer
from newllm.data.tokenizer import Tokenizer
from newllm.data.tokenizers import parse_tokenizer
from newllm.data.word_tokenizer import SPECIALS
from newllm.errors import UserError
from newllm.files import read_bytes

_BYTES = dict(sorted(byte_characters().items(), key=lambda pair: pair[1]))


def tokenizer_files(tokenizer: Tokenizer, positions: int) -> dict[str, dict[str, Any]]:
    """Return the content of tokenizer.json and tokenizer_config.json.

    Args:
        tokenizer: ours.
        positions: longest text that the model can read; 0 for any.
    """
    content = _byte_level() if tokenizer.name == "bytes" else json.loads(tokenizer.to_json())
    begin, end, pad, unknown = (SEPARATOR,) * 3 + (None,) if tokenizer.name != "word" else _of_words()
    content["post_processor"] = _begins_with(begin, tokenizer.begin)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": begin,
        "eos_token": end,
        "pad_token": pad,
        "unk_token": unknown,
        "split_special_tokens": True,  # text never becomes a special token
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        **({"model_max_length": positions} if positions else {}),
    }
    return {"tokenizer.json": content, "tokenizer_config.json": {k: v for k, v in config.items() if v is not None}}


def read_tokenizer(path: Path) -> Tokenizer:
    """Read the tokenizer.json of such a folder, as written here or saved again by transformers.

    Raises:
        UserError: it is missing, damaged, or of another kind.
    """
    try:
        raw = read_bytes(path)
    except OSError as error:
        raise UserError(
            f"cannot read tokenizer '{path}' ({error.strerror}): save the tokenizer into the folder too"
        ) from error
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UserError(f"tokenizer '{path}' is damaged, it is no JSON object: copy it again")
    content.update(post_processor=None, truncation=None, padding=None)
    model = content.get("model")
    if isinstance(model, dict) and model.get("vocab") == {**_BYTES, SEPARATOR: len(_BYTES)} and not model.get("merges"):
        return ByteTokenizer()
    return parse_tokenizer(path, json.dumps(content).encode())


def _of_words() -> tuple[str, str, str, str]:
    pad, unknown, begin, end = SPECIALS
    return begin, end, pad, unknown


def _byte_level() -> dict[str, Any]:
    """Return a byte-level BPE without merges: one token a byte, whose id is the byte, and the separator."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    separator = {"id": len(_BYTES), "content": SEPARATOR, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**separator, "single_word": False, "lstrip": False, "rstrip": False}],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {"type": "BPE", "vocab": {**_BYTES, SEPARATOR: len(_BYTES)}, "merges": []},
    }


def _begins_with(token: str, number: int) -> dict[str, Any]:
    special, text = (
        {"SpecialToken": {"id": token, "type_id": 0}},
        [{"Sequence": {"id": name, "type_id": 0}} for name in "AB"],
    )
    return {
        "type": "TemplateProcessing",
        "single": [special, text[0]],
        "pair": [special, *text],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }
