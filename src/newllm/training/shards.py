"""Parts of a state, each rank's in files of its own, in the form of `torch.distributed.checkpoint` (DCP).

    shard-00001-model-00001-of-00002.safetensors   weights of rank 0
    shard-00001-model-00002-of-00002.safetensors   moments of rank 0, and the carried context of all rows

Names and content are DCP's. Its writer is not used: it has the ranks meet, which no thread beside the training may do.
Any number of ranks reads what any number wrote: a file says in its head where each of its tensors belongs, so that
there is no pickle, and no file beside these. What all ranks hold whole stands in rank 0's. `snapshots` has the digests,
and makes a snapshot of the files.
"""

import hashlib
import json
import os
import struct
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.files import writing

_KINDS = {"model.safetensors": 1, "optimizer.safetensors": 2}
_TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
_PIECE = 1 << 24  # bytes that are written before somebody may stop it


def write_part(
    place: Path,
    state: Mapping[str, Mapping[str, Tensor]],
    first_rows: Mapping[str, int],
    rank: int,
    go_on: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Write what this rank holds of a state, and return the digests of its files by name; the disk has them then.

    Args:
        place: a directory that all ranks see.
        state: on the CPU, by file and name, as in a snapshot of one process.
        first_rows: by name, of the tensors that are parts of sharded ones: where in the whole they begin. The others
            are rank 0's to write.
        rank: of this process.
        go_on: is called before each piece of a file; what it raises ends the writing.

    Raises:
        UserError: there is no room, or the place may not be written, or is not there.
    """
    if not place.is_dir():  # a disk of this rank's own, under the name of the leader's
        raise UserError(f"'{place}' is not there: give --out on a disk that all ranks share")
    digests = {}
    for file, tensors in state.items():
        own = {name: value for name, value in tensors.items() if rank == 0 or name in first_rows}
        if own:
            path = place / f"shard-{rank + 1:05d}-model-{_KINDS[file]:05d}-of-{len(_KINDS):05d}.safetensors"
            with writing(place):
                digests[path.name] = _write(path, own, first_rows, go_on)
    return digests


def _write(path: Path, tensors: Mapping[str, Tensor], first_rows: Mapping[str, int], go_on: Callable[[], None]) -> str:
    """Write a file of safetensors, with what DCP says of its parts, and return its digest.

    Straight from the tensors' memory: `safetensors.torch.save` would copy all of it twice, and let nobody else run
    Python meanwhile.
    """
    ordered = sorted(tensors.items(), key=lambda one: (-one[1].element_size(), one[0]))  # so that all are aligned
    starts = {name: [first_rows.get(name, 0), *[0] * value.dim()][: value.dim()] for name, value in ordered}
    parts = {name: {"saved_offsets": start} for name, start in starts.items()}
    said: dict[str, Any] = {"DCP_SHARDING_INFO": json.dumps(parts), "DCP_VERSION": "1.0", "format": "pt"}
    head, at = {"__metadata__": said}, 0
    for name, value in ordered:
        kind, shape, end = _TYPES[value.dtype], list(value.shape), at + value.nbytes
        head[name], at = {"dtype": kind, "shape": shape, "data_offsets": [at, end]}, end
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    found = hashlib.sha256()
    with path.open("wb") as file:
        for part in (struct.pack("<Q", len(text)) + text, *(_bytes(value) for _, value in ordered)):
            for start in range(0, len(part), _PIECE):
                go_on()
                piece = part[start : start + _PIECE]
                found.update(piece)
                file.write(piece)
        go_on()
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def parts_of(file: str, names: Iterable[str]) -> list[str]:
    """Return which of the names are of files that hold parts of what one process writes into `file`."""
    return [name for name in names if name.endswith(f"-{_KINDS[file]:05d}-of-{len(_KINDS):05d}.safetensors")]


def digest(path: Path) -> str:
    """Return a file's sha256.

    Raises:
        OSError: it is absent, or cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shapes_in(folder: Path, files: Collection[str]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Return shape and type of the whole tensors of which some files of a folder hold parts, or all."""
    found = _reader(folder).read_metadata()
    inside = {index.fqn for index, file in found.storage_data.items() if Path(file.relative_path).name in files}
    tensors = found.state_dict_metadata.items()
    return {name: (one.size, one.properties.dtype) for name, one in tensors if name in inside}


def read_parts(folder: Path, into: dict[str, Tensor]) -> None:
    """Read tensors by name; of those that are sharded what this rank holds."""
    import torch.distributed.checkpoint as dcp

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        dcp.load(into, storage_reader=_reader(folder), no_dist=True)


def _reader(folder: Path) -> Any:
    import torch.distributed.checkpoint as dcp

    return dcp.HuggingFaceStorageReader(str(folder))
