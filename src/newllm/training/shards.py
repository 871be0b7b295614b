"""Parts of a state, each rank's in a file of its own, by `torch.distributed.checkpoint` (DCP).

    shard-00001-model-00001-of-00002.safetensors   weights of rank 0
    shard-00001-model-00002-of-00002.safetensors   moments of rank 0, and the carried context of all rows

The names are DCP's. Any number of ranks reads what any number wrote: a file says in its head where each of its tensors
belongs, so that there is no pickle, and no file beside these. What all ranks hold whole stands in rank 0's.
`snapshots` has the digests, and makes a snapshot of the files.
"""

import hashlib
import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.files import writing
from newllm.launcher import of_rank

_KINDS = {"model.safetensors": 1, "optimizer.safetensors": 2}


def write_part(place: Path, tensors: Mapping[str, Mapping[str, Tensor]], rank: int) -> dict[str, str]:
    """Write what this rank holds of a state, all ranks at once, and return the digests of its files by name.

    Args:
        place: a directory that all ranks see.
        tensors: by file and name, as in a snapshot of one process.
        rank: of this process.

    Raises:
        UserError: some rank has no room, or may not write there; all ranks raise it.
    """
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.api import CheckpointException

    content = {name: value.detach() for part in tensors.values() for name, value in sorted(part.items())}
    kinds = {name: _KINDS[file] for file, part in tensors.items() for name in part}
    kinds[""] = len(_KINDS)  # so that files are named alike where there are no moments yet
    writer = dcp.HuggingFaceStorageWriter(str(place), kinds, save_distributed=True)
    # What all ranks hold goes to rank 0: DCP's own choice hangs on the hashes of strings, another in every process.
    planner = dcp.DefaultSavePlanner(dedup_save_to_lowest_rank=True)
    try:
        dcp.save(content, storage_writer=writer, planner=planner)
    except CheckpointException as error:
        failed, (why, _) = min(error.failures.items())
        raise _failed(place, failed, why) from error
    return {path.name: digest(path) for path in sorted(place.glob(f"shard-{rank + 1:05d}-*"))}


def _failed(place: Path, rank: int, why: BaseException) -> BaseException:
    """Return what a person is told of an error on a rank."""
    if not isinstance(why, OSError):
        return why
    try:
        with writing(place):
            raise why
    except UserError as error:
        return UserError(of_rank(rank, str(error))) if rank else error
    except OSError as error:
        return error


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
