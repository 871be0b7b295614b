"""Rows of the data compared by what they hold: a data set may give the same one under several numbers."""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from newllm.checks.bench import Bench
from newllm.checks.feed import read, reading
from newllm.checks.reached import is_array
from newllm.checks.trees import leaves

_LONGEST = 1.5  # seconds
_SHARE = 0.3  # of the time that is left
_TOGETHER = 8  # rows with numbers that follow each other, which are read together
_AGAIN = 4  # rows that are read twice: where they differ, they are drawn anew
_LARGEST = 1 << 28  # bytes of what a data set holds


class _Unknown(Exception):  # noqa: N818 (no error: what it is cannot be compared)
    """Raised where a row holds what cannot be compared."""


@dataclass(frozen=True)
class Alike:
    """What a comparison of rows came to.

    Attributes:
        read: rows that were read, each with another number.
        alike: of these, those that hold the same as another.
        distinct: different rows among them.
        times: how often each row comes, one time right after the other; 0 where it is not so, or not all were read.
        name: of what the data set holds, a row for each number; empty where none of it is what it gives.
        missing: different rows of that that were not given.
    """

    read: int
    alike: int
    distinct: int
    times: int
    name: str
    missing: int


def alike(bench: Bench, loader: DataLoader[Any], rows: list[int]) -> Alike | None:
    """Read rows for a limited time and compare what they hold, bit by bit; None where that tells nothing.

    So it is where a row is another one each time it is read, as by augmentation, or holds other things than tensors,
    arrays, texts and numbers. Rows whose numbers follow each other are read together, and these groups at random.
    """
    numbers = sorted(set(rows))
    groups = [numbers[first : first + _TOGETHER] for first in range(0, len(numbers), _TOGETHER)]
    random.Random(0).shuffle(groups)
    order = [[row] for group in groups for row in group]
    ends, held = time.monotonic() + min(_LONGEST, _SHARE * bench.left), {}
    try:
        again = [list(map(content, read(loader, order[:_AGAIN]))) for _ in range(2)]
        if again[0] != again[1]:
            return None
        for given, (row,) in zip(reading(loader, order), order, strict=False):
            held[row] = content(given)
            if time.monotonic() > ends:
                break
    except _Unknown:
        return None
    counts = Counter(held.values())
    times = _times_in_succession([held[row] for row in numbers], counts) if len(held) == len(numbers) else 0
    name, missing = _never_given(loader, numbers, times) if times else ("", 0)
    return Alike(len(held), sum(each for each in counts.values() if each > 1), len(counts), times, name, missing)


def _times_in_succession(found: list[bytes], counts: Counter[bytes]) -> int:
    """Return how often each row comes right after itself, 0 where one comes more or less often, or elsewhere."""
    times = counts[found[0]]
    groups = [found[first : first + times] for first in range(0, len(found), times)]
    even = len({group[0] for group in groups}) == len(groups)
    return times if times > 1 and even and all(len(set(group)) == 1 for group in groups) else 0


def _never_given(loader: DataLoader[Any], numbers: list[int], times: int) -> tuple[str, int]:
    """Return what the data set holds for each number, which is what it gives, and how many different rows never come.

    Returns:
        An empty name and 0 where nothing that it holds is so.
    """
    data = loader.dataset
    if not isinstance(data, Sized) or numbers != list(range(len(data))):
        return "", 0
    given = [dict(leaves(each)) for each in read(loader, [[row] for row in numbers[::times]])]
    for name, table in _tables(data, len(numbers)):
        own = {content(row) for row in table}
        for path in given[0]:
            seen = {content(each[path].squeeze(0)) for each in given if path in each}
            if seen < own:
                return name, len(own - seen)
    return "", 0


def _tables(data: Any, count: int) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors and arrays of so many rows that a data set holds, or its class, with their names."""
    for name, held in {**vars(type(data)), **getattr(data, "__dict__", {})}.items():
        several = held if isinstance(held, tuple | list) and len(held) < _TOGETHER else [held]
        for each in several:
            table = torch.as_tensor(each) if is_array(each) and each.dtype.kind in "biuf" else each
            if isinstance(table, Tensor) and table.ndim > 1 and len(table) == count and table.nbytes <= _LARGEST:
                yield name, table


def contents(rows: list[Any]) -> set[bytes]:
    """Return the checksums of what rows hold, none where that cannot be compared."""
    try:
        return set(map(content, rows))
    except _Unknown:
        return set()


def content(tree: Any) -> bytes:
    """Return a checksum of all that a row holds.

    Raises:
        _Unknown: some of it cannot be compared.
    """
    made = hashlib.blake2b(digest_size=16)
    for part in _parts(tree):
        made.update(part)
    return made.digest()


def _parts(tree: Any) -> Iterator[bytes]:
    if isinstance(tree, Tensor):
        if tree.layout != torch.strided or tree.is_quantized:
            raise _Unknown
        yield f"{tree.dtype}{list(tree.shape)}".encode()
        yield (
            tree.detach()
            .cpu()
            .resolve_conj()
            .resolve_neg()
            .reshape(-1)
            .contiguous()
            .view(torch.uint8)
            .numpy()
            .tobytes()
        )
    elif is_array(tree) and tree.dtype.kind in "biufcUS":
        yield f"{tree.dtype}{tree.shape}".encode()
        yield tree.tobytes()
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield repr(key).encode()
            yield from _parts(value)
    elif isinstance(tree, list | tuple):
        yield str(len(tree)).encode()
        for value in tree:
            yield from _parts(value)
    elif tree is None or isinstance(tree, str | bytes | int | float):
        yield repr(tree).encode()
    elif getattr(tree, "__dict__", None):
        yield from _parts(vars(tree))
    else:
        raise _Unknown
