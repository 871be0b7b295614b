"""A response as bytes: one safetensors file with the state as its tensor and the record as metadata. No pickle.

The metadata carry a sha256 of the entry's name, the record and the state: what is damaged, or stands under another
name, is never believed. Every store keeps these bytes, in memory too.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from newllm.files import to_json
from newllm.serve.store.store import DamagedError, StoredResponse

_TENSOR, _RECORD, _SHA256 = "state", "newllm_response", "sha256"
_SIZE = 8  # bytes that say how long the header is


def packed(name: str, record: Mapping[str, Any], blob: bytes) -> bytes:
    """Return an entry as a safetensors file."""
    text = to_json(record)
    metadata = {_RECORD: text, _SHA256: _digest(name, text, blob)}
    return safetensors.numpy.save({_TENSOR: np.frombuffer(blob, np.uint8)}, metadata)


def unpacked(name: str, content: bytes) -> StoredResponse:
    """Return what `packed` was given.

    Raises:
        DamagedError: these are other bytes, or another entry's.
    """
    response = name.rpartition("/")[2]
    start = _SIZE + int.from_bytes(content[:_SIZE], "little")
    blob = content[start:]
    try:
        header = json.loads(content[_SIZE:start])
        metadata, tensor = header["__metadata__"], header[_TENSOR]
        text = metadata[_RECORD]
        if tensor != {"dtype": "U8", "shape": [len(blob)], "data_offsets": [0, len(blob)]}:
            raise DamagedError(response, "its state is cut")
        if metadata[_SHA256] != _digest(name, text, blob):
            raise DamagedError(response, "it is not what was written")
        return StoredResponse(json.loads(text), blob)
    except DamagedError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedError(response, "its header cannot be read") from error


def _digest(name: str, text: str, blob: bytes) -> str:
    record = text.encode()
    digest = hashlib.sha256(f"{name} {len(record)} ".encode())
    digest.update(record)
    digest.update(blob)
    return digest.hexdigest()
