"""Tokens on disk, so that the same text is tokenised once.

An entry is a directory `CACHE/FINGERPRINT/entry` that is whole or absent. Its meta.json, with every file's
checksum, tells a damaged entry; that one counts as absent and is made again. A lock beside it makes a second
process wait for the first instead of doing its work twice. Together they take at most `LIMIT`: where a new one is
stored, the least recently used go, but none that a live process uses (see `newllm.storage`).
"""

import contextlib
import hashlib
import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from newllm.checksum import read_checked, write_checked
from newllm.data.segments import Segments
from newllm.data.tokenizer import Tokenizer
from newllm.data.tokenizers import load_tokenizer
from newllm.errors import UserError
from newllm.files import NO_ROOM, new_directory, remove_leftovers, writing
from newllm.storage import Stored, hold, measured, trim

_SCHEMA = 2  # 1 had sizes in place of checksums: such an entry is made again
LIMIT = 10 * 10**9  # bytes of all entries
_PARTS = ("train", "validation")


@dataclass(frozen=True)
class Prepared:
    """What an entry holds: the tokenizer, both parts, and what tokenising found out (plain JSON)."""

    tokenizer: Tokenizer
    train: Segments
    validation: Segments
    facts: dict[str, Any]


def cache_directory() -> Path:
    """Return `$NEWLLM_CACHE`, else `$XDG_CACHE_HOME/newllm`, else `~/.cache/newllm`."""
    if own := os.environ.get("NEWLLM_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "newllm"


def fetch(cache: Path, fingerprint: str, build: Callable[[], Prepared]) -> Prepared:
    """Return the entry of `fingerprint`, building and storing it if it is absent or damaged.

    Args:
        cache: the directory of all entries; made if absent.
        fingerprint: names everything that the entry depends on.
        build: makes the content in memory; called at most once.

    Raises:
        UserError: the cache's place may not be written, or there is no room.
    """
    from filelock import FileLock  # lazy: it takes 50 ms to import

    home = cache / fingerprint
    entry = home / "entry"
    found = _take(entry)
    if found is not None:
        return found
    lock = FileLock(home / "lock")
    with _writing(cache):
        try:
            home.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(f"token cache '{cache}' is no directory: set NEWLLM_CACHE to one") from error
        lock.acquire()
    try:
        found = _take(entry)  # another process may have made it while this one waited
        if found is not None:
            return found
        remove_leftovers(home)
        built = build()
        _store(entry, built)
        # A memory map rather than what was built. If the disk already lost it again, go on without.
        made = _take(entry)
        trim(entries(cache), LIMIT)
        return made or built
    finally:
        lock.release()


@contextlib.contextmanager
def _writing(cache: Path) -> Iterator[None]:
    """As `writing`, but the mend is another cache: its place is not what the user named."""
    with writing(cache):
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            raise UserError(
                f"may not write token cache '{cache}' ({error.strerror}): set NEWLLM_CACHE to a directory that you own"
            ) from error


def _store(entry: Path, built: Prepared) -> None:
    with new_directory(entry) as directory:
        for part in _PARTS:
            segments: Segments = getattr(built, part)
            _save_array(directory / f"{part}.tokens.npy", segments.tokens)
            bounds = np.array(segments.bounds, dtype=np.int64).reshape(-1, 2)
            _save_array(directory / f"{part}.bounds.npy", bounds)
            _save_array(directory / f"{part}.starts.npy", segments.starts)
        built.tokenizer.save(directory / "tokenizer.json")
        sums = {file.name: _checksum(file) for file in sorted(directory.iterdir())}
        write_checked(directory / "meta.json", {"schema": _SCHEMA, "checksums": sums, "facts": built.facts})


def _save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file. When the disk is full np.save does not say so: its error has no number."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(np.ascontiguousarray(array).data)


def entries(cache: Path) -> list[Stored]:
    """Return all entries, the most recently used first."""
    return measured(cache.glob("*/entry"))


def _take(entry: Path) -> Prepared | None:
    """Return the entry as `_load`, held for as long as its tokens are in memory."""
    if not os.path.isdir(entry):  # noqa: PTH112 - of a place that may not be entered Path.is_dir raises
        return None
    let_go = hold(entry)
    found = _load(entry)
    if found is None:
        let_go()
        return None
    weakref.finalize(found.train.tokens, let_go)
    return found


def _load(entry: Path) -> Prepared | None:
    """Return the entry, None if it is absent or damaged."""
    try:
        meta = read_checked(entry / "meta.json")
        damaged = [name for name, known in meta["checksums"].items() if _checksum(entry / name) != known]
        if meta["schema"] != _SCHEMA or damaged:
            return None
        train, validation = (_load_segments(entry, part) for part in _PARTS)
        return Prepared(load_tokenizer(entry / "tokenizer.json"), train, validation, dict(meta["facts"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, MemoryError):
        return None  # numpy reads a header as Python


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _load_segments(entry: Path, part: str) -> Segments:
    tokens = np.load(entry / f"{part}.tokens.npy", mmap_mode="r", allow_pickle=False)
    bounds = np.load(entry / f"{part}.bounds.npy", allow_pickle=False)
    starts = np.load(entry / f"{part}.starts.npy", allow_pickle=False)
    return Segments(tokens, [(start, stop) for start, stop in bounds.tolist()], starts)
