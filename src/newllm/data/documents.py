"""From the bytes of one file to documents of valid UTF-8: plain text, and JSON lines. UTF-16 and UTF-32 are decoded.

Whatever comes out is non-empty UTF-8 without a byte order mark. Line ends are left as they are.
"""

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newllm.errors import UserError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (  # the longer first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Document:
    """One text.

    Attributes:
        name: where it comes from, as the user knows it. All records of a JSONL file share its name.
        text: valid UTF-8, not empty.
        origin: what else data.json says of the source; None for a file.
    """

    name: str
    text: bytes
    origin: Mapping[str, Any] | None = field(default=None, compare=False)


def clean_text(name: str, raw: bytes, errors: str) -> bytes:
    """Return `raw` as valid UTF-8 without a byte order mark; empty if there is no text.

    Args:
        name: the source, for the message.
        raw: the content, decompressed.
        errors: "strict" refuses invalid UTF-8, "replace" puts U+FFFD in its place.

    Raises:
        UserError: `raw` is binary or not valid; the message gives the byte's offset.
    """
    for mark, encoding in _WIDE_MARKS:
        if raw.startswith(mark):
            return _from_wide(name, raw, encoding, errors)
    offset = raw.find(b"\0")
    if offset >= 0 and (encoding := _unmarked(raw)):
        how = f"iconv -f {encoding} -t UTF-8"
        raise UserError(f"{name!r} looks like {encoding} without a byte order mark: convert it to UTF-8 ({how})")
    if offset >= 0:
        raise UserError(f"{name!r} is binary: NUL byte at offset {offset}; give UTF-8 text")
    skipped = len(_BYTE_ORDER_MARK) if raw.startswith(_BYTE_ORDER_MARK) else 0
    text = raw[skipped:]
    try:
        text.decode()
    except UnicodeDecodeError as error:
        if errors == "replace":
            return text.decode(errors="replace").encode()
        at = error.start
        raise UserError(
            f"{name!r} is not valid UTF-8: byte 0x{text[at]:02x} at offset {at + skipped}; "
            "convert it, or pass --errors replace"
        ) from error
    return text


def _from_wide(name: str, raw: bytes, encoding: str, errors: str) -> bytes:
    """Return text that says by its mark that it is UTF-16 or UTF-32 as UTF-8."""
    try:
        text = raw.decode(encoding, errors).encode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name!r} is not valid {encoding.upper()}: at offset {error.start}; convert it, or pass --errors replace"
        ) from error
    if b"\0" in text:
        raise UserError(f"{name!r} begins as {encoding.upper()} does and is binary (it holds U+0000): give text")
    return text


def _unmarked(raw: bytes) -> str:
    """Return which of UTF-16's forms bytes look like, every second one being zero; empty where they do not."""
    head = raw[:1000]
    for encoding, zeros, others in (("UTF-16LE", head[1::2], head[::2]), ("UTF-16BE", head[::2], head[1::2])):
        if len(head) > 3 and zeros.count(0) > 0.9 * len(zeros) and others.count(0) == 0:
            return encoding
    return ""


def parse_json_lines(name: str, text: bytes, field: str, errors: str) -> list[Document]:
    """Return one document for every record that has text; blank lines and empty texts are left out.

    Args:
        name: the file, for the message.
        text: valid UTF-8, one JSON object a line.
        field: the field that holds the text.
        errors: what a lone surrogate (which UTF-8 cannot hold) does: "strict" or "replace".

    Raises:
        UserError: a line that is no JSON object, or without a string in `field`; the message gives the
            line's number.
    """
    documents = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if line.strip():
            content = _record_text(f"{name!r} line {number}", line, field, errors)
            if content:
                documents.append(Document(name, content))
    return documents


def _record_text(location: str, line: bytes, field: str, errors: str) -> bytes:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{location} is not JSON: every line must be one JSON object, {{{field!r}: ...}}") from error
    if not isinstance(record, dict):
        raise UserError(f"{location} holds a JSON {_kind(record)}: every line must be one JSON object")
    if field not in record:
        present = ", ".join(repr(name) for name in record) or "none"
        raise UserError(
            f"{location} has no field {field!r}: fields present: {present}; "
            "name one with --set data.field=NAME (eval: --field NAME)"
        )
    content = record[field]
    if not isinstance(content, str):
        raise UserError(f"{location}: field {field!r} holds a {_kind(content)}, not a string; name another field")
    try:
        return content.encode()
    except UnicodeEncodeError as error:
        if errors == "replace":
            return content.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        raise UserError(
            f"{location}: field {field!r} holds a lone surrogate at character {error.start}; "
            "mend it, or pass --errors replace"
        ) from error


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
