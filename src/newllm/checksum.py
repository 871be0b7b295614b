"""JSON files that carry their own checksum: what is read is what was written, or it is refused.

    {"schema": 1, ..., "sha256": "..."}

The checksum is of what the file says, not of its bytes: other blanks or line ends do no harm. A file without one was
written before there were checksums, and is taken as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.files import LARGEST, read_bytes, to_json, write_bytes

KEY = "sha256"
WHOLE, ENDS = 4 << 20, 1 << 20  # bytes: of a larger data file only its beginning and end are read


def sealed(content: Mapping[str, Any], *, indent: int | None = None) -> bytes:
    """Return content as strict JSON with its checksum at the end; a non-finite number becomes null."""
    return (to_json({**content, KEY: _digest(content)}, indent=indent) + "\n").encode()


def write_checked(path: Path, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write JSON with its checksum, whole or not at all.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    write_bytes(path, sealed(content, indent=2), durable=durable)


def read_checked(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Return what a JSON file says, without its checksum.

    Raises:
        OSError: as `newllm.files.read_bytes`.
        ValueError: it is no JSON object, or not what was written.
    """
    return opened(read_bytes(path, largest))


def opened(raw: bytes | str) -> dict[str, Any]:
    """Return what a JSON file says, without its checksum.

    Raises:
        ValueError: it is no JSON object, or not what was written.
    """
    try:
        content = json.loads(raw)
        if not isinstance(content, dict):
            raise ValueError("no object")
        last = next(reversed(content), "")  # a damaged name of the checksum must not pass for a file without one
        if KEY not in content and content.get(last) != _digest({k: v for k, v in content.items() if k != last}):
            return content
        if content.pop(KEY, None) != _digest(content):
            raise ValueError("not what was written")
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return content


def data_checksum(path: Path) -> tuple[int, str] | None:
    """Return size and checksum of a file of data, of a large one of its beginning and its end; None without any."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(WHOLE if size <= WHOLE else ENDS))
            if size > WHOLE:
                file.seek(size - ENDS)
                digest.update(file.read(ENDS))
    except OSError:
        return None
    return size, digest.hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(to_json(content).encode()).hexdigest()
