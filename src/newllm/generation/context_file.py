"""Contexts as files: one safetensors file holds a whole `Memory`. No pickle.

The metadata name the model by its fingerprint and carry a sha256 of everything, so that a file that was
damaged or belongs to another model is refused before anything is continued from it.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from newllm.errors import UserError
from newllm.files import write_bytes
from newllm.generation.fingerprint import digest
from newllm.generation.memory import Memory
from newllm.model.language_model import LanguageModel

SCHEMA = 1
_KEY = "newllm_context"
_LOGITS = "logits"
_STATE = "state/"


@dataclasses.dataclass(frozen=True)
class _Header:
    """What the file says beside its tensors; `undecoded` is hex."""

    schema: int
    model: str
    tokens_read: int
    recent: list[int]
    undecoded: str


def check_writable(path: Path) -> None:
    """Refuse a place where no context can be written: ask this before a long generation.

    Raises:
        UserError: `path` is a directory or in none, or holds anything but a context, which would be lost.
    """
    try:
        if path.is_dir():
            raise UserError(f"cannot write context '{path}': it is a directory; name a file")
        if not path.parent.is_dir():
            raise UserError(f"cannot write context '{path}': make directory '{path.parent}' first")
        if path.exists() and not _is_context(path):
            raise UserError(f"cannot write context, '{path}' holds something else: choose another --context-out")
    except OSError as error:
        raise _unwritable(path, error) from error


def save_context(path: Path, memory: Memory, fingerprint: str) -> None:
    """Write a memory whole or not at all; a context that stood at `path` is replaced.

    Args:
        path: the file.
        memory: what to write.
        fingerprint: of the model that read it.

    Raises:
        UserError: there is no room, the place may not be written, or it holds something else. What stood
            there stays.
    """
    path = Path(path)
    check_writable(path)
    tensors = {_LOGITS: memory.logits_V, **{f"{_STATE}{name}": value for name, value in memory.state.items()}}
    # Clones: safetensors takes no views and no tensors that share memory.
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    header = _Header(SCHEMA, fingerprint, memory.tokens_read, list(memory.recent), memory.undecoded.hex())
    content = json.dumps(dataclasses.asdict(header))
    metadata = {_KEY: content, "sha256": digest(content, tensors)}
    try:
        write_bytes(path, _in_order(safetensors.torch.save(tensors, metadata)))
    except OSError as error:
        raise _unwritable(path, error) from error


def _in_order(content: bytes) -> bytes:
    """Return a safetensors file with its header in order: left to chance, a memory would not be the same file twice."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)  # the tensors begin at a multiple of eight
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def load_context(path: Path, model: LanguageModel, fingerprint: str) -> Memory:
    """Read a memory that `save_context` wrote, onto the model's device.

    Args:
        path: the file.
        model: the model that is to go on from it.
        fingerprint: that model's.

    Raises:
        UserError: the file is missing, damaged, no context, or another model's.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    header = _header(path, metadata)
    if digest(metadata[_KEY], tensors) != metadata.get("sha256"):
        raise _damaged(path, "its content is not what was written")
    if header.model != fingerprint:
        raise UserError(
            f"context '{path}' was written by another model ({header.model[:12]}, this one is "
            f"{fingerprint[:12]}): continue it with the run that wrote it and the same --snapshot and --weights"
        )
    state = {name.removeprefix(_STATE): value for name, value in tensors.items() if name.startswith(_STATE)}
    logits_V = tensors.get(_LOGITS)
    if logits_V is None or logits_V.shape != (model.config.vocabulary,) or not _fits(state, model):
        raise _damaged(path, "its tensors do not fit its model")
    if int(state["position"]) != header.tokens_read or max(header.recent, default=0) >= len(logits_V):
        raise _damaged(path, "its header does not fit its tensors")
    state = {name: value.to(model.device) for name, value in state.items()}
    undecoded = bytes.fromhex(header.undecoded)
    return Memory(state, logits_V.to(model.device), header.tokens_read, tuple(header.recent), undecoded)


def _open(path: Path) -> Any:
    path.open("rb").close()  # where it may not be read the system says why, safetensors does not
    return safetensors.safe_open(str(path), framework="pt", device="cpu")


def _is_context(path: Path) -> bool:
    """Say whether a context, of whatever model and version, stands at a path."""
    if not path.is_file():  # opening a pipe would wait for its other end
        return False
    try:
        with _open(path) as file:
            return _KEY in (file.metadata() or {})
    except safetensors.SafetensorError:
        return False


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read the metadata and the tensors of a safetensors file, as copies on the CPU."""
    try:
        if not path.is_file():
            raise UserError(f"there is no context file '{path}': name one that --context-out wrote")
        with _open(path) as file:
            metadata = file.metadata() or {}
            if _KEY not in metadata:
                raise UserError(f"'{path}' holds no context: name a file that --context-out wrote")
            return metadata, {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - no mapping
    except OSError as error:
        raise UserError(f"cannot read context '{path}' ({error.strerror}): look at its rights") from error
    except safetensors.SafetensorError as error:
        raise _damaged(path, "it is no whole safetensors file") from error


def _header(path: Path, metadata: Mapping[str, str]) -> _Header:
    """Parse the header and check every field's type."""
    try:
        fields = json.loads(metadata[_KEY])
        header = _Header(**fields)
        undecoded = bytes.fromhex(header.undecoded)
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, "its header cannot be read") from error
    if header.schema != SCHEMA:
        raise UserError(f"context '{path}' has schema {header.schema!r}, this newllm reads {SCHEMA}: write it anew")
    whole = isinstance(header.recent, list) and all(map(_is_count, [header.tokens_read, *header.recent]))
    if not whole or not isinstance(header.model, str) or len(undecoded) > 3:
        raise _damaged(path, "its header is not of this version")
    return header


def _fits(state: Mapping[str, Tensor], model: LanguageModel) -> bool:
    """Say whether a state has the names, dtypes and shapes of the model's; a cache starts at length 0."""
    own = model.initial_state(1)
    fits = own.keys() == state.keys() and all(_alike(value, own[name]) for name, value in state.items())
    return fits and model.knows_tokens_of(state)


def _alike(value: Tensor, start: Tensor) -> bool:
    pairs = zip(value.shape, start.shape, strict=False)
    same_shape = value.dim() == start.dim() and all(have == want or want == 0 for have, want in pairs)
    return same_shape and value.dtype == start.dtype


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot write context '{path}' ({error.strerror}): choose another place")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"context '{path}' is damaged ({what}): write it again with --context-out")
