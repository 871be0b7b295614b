"""The data loader: do its workers draw different numbers, what order does it read in, are its shards disjoint?"""

import copy
import math
from collections import Counter
from typing import Any

import torch
from torch.utils.data import IterableDataset

from newllm.checks.alike import Alike, alike, contents
from newllm.checks.bench import Bench
from newllm.checks.feed import is_distributed, loader_of, read, read_stream, rows_of_epoch, rows_of_sampler, same_batch
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.targets import targets
from newllm.checks.trees import integers
from newllm.messages import message

_WORKERS = 2
_SPREAD = 12  # rows over the whole data set
_FEWEST = 8  # rows of a batch whose labels are looked at
_RANKS = 256
_CHANCE = 30.0  # bits by which an order of labels is none of chance
_MOST = 0.5  # share of the rows that hold the same as another


def workers(bench: Bench) -> Outcome:
    """Let two workers read the same row twice each: where chance is drawn, no two draws may be the same."""
    loader = loader_of(bench)
    if not loader.num_workers:
        raise CannotCheck("no-workers")
    count = min(loader.num_workers, _WORKERS)
    with put_back(loader):
        if isinstance(loader.dataset, IterableDataset):
            return _streams(bench, count)
        row = rows_of_epoch(loader)[0]
        batches = [[row]] * (2 * count)  # to one worker after the other
        first, later = read(loader, batches, workers=count), read(loader, batches, workers=count)
    evidence = {"workers": loader.num_workers, "row": row}
    if same_batch(first[0], first[count]):
        return sound("workers", draws=False, **evidence)
    if count > 1 and same_batch(first[0], first[1]):
        return wrong("workers", "alike", **evidence)
    if same_batch(first[0], later[0]):
        return wrong("workers", "epochs", **evidence)
    return sound("workers", draws=True, **evidence)


def _streams(bench: Bench, count: int) -> Outcome:
    loader = loader_of(bench)
    if count < _WORKERS:
        raise CannotCheck("no-workers")
    given = read_stream(loader, 2 * count, workers=count)
    if len(given) < 2 * count or same_batch(given[0], given[count]):
        raise CannotCheck("short-stream")
    if same_batch(given[0], given[1]) and same_batch(given[2], given[3]):
        return wrong("workers", "streams", workers=loader.num_workers)
    return sound("workers", draws=True, workers=loader.num_workers, row=0)


def order(bench: Bench) -> Outcome:
    """Compare the orders of two epochs, look at rows from all over the data, and compare what rows hold."""
    loader = loader_of(bench)
    with put_back(loader):
        first, second = rows_of_epoch(loader), rows_of_epoch(loader)
        if not first:
            raise CannotCheck("no-indices")
        if _is_one_row(loader, first):
            return wrong("order", "one-row", rows=len(set(first)))
        evidence: dict[str, Any] = {"rows": len(first), "repeated": len(first) - len(set(first))}
        in_order = first == sorted(first)
        if in_order and (label := _sorted_labels(bench, first)):
            return wrong("order", "sorted", label=label, **evidence)
        if evidence["repeated"]:
            raise CannotCheck("repeats", distinct=len(set(first)), **evidence)
        compared = alike(bench, loader, first)
    if compared and compared.missing:
        found = {"name": compared.name, "missing": compared.missing, "distinct": compared.distinct}
        return wrong("order", "in-succession", times=compared.times, **found, **evidence)
    if in_order or first != second:
        return _read(compared, {"shuffled": not in_order, **evidence})
    samplers = [loader.sampler, loader.batch_sampler]
    if any(hasattr(each, "set_epoch") for each in [*samplers, loader]):
        raise CannotCheck("set-epoch")
    if any(getattr(each, "shuffle", False) for each in samplers):
        return wrong("order", "same", **evidence)
    raise CannotCheck("own-order")


def _read(compared: Alike | None, evidence: dict[str, Any]) -> Outcome:
    """Say in which order rows are read, and how many of them hold the same; where most do, that it may be meant."""
    read, again = (compared.read, compared.alike) if compared else (0, 0)
    evidence |= {"compared": read, "alike": again, "share": again / max(1, read)}
    if compared and evidence["share"] >= _MOST:
        raise CannotCheck("same-rows", distinct=compared.distinct, **evidence)
    return Outcome("order", "sound", message("check-order.read", **evidence), evidence)


def _is_one_row(loader: Any, chosen: list[int]) -> bool:
    """Say whether rows from all over the data are all the same."""
    distinct = sorted(set(chosen))
    spread = distinct[:: max(1, len(distinct) // _SPREAD)][:_SPREAD]
    rows = read(loader, [[row] for row in spread])
    if len(rows) < _SPREAD or not all(same_batch(rows[0], row) for row in rows[1:]):
        return False
    return len(contents(rows)) == 1  # texts beside the tensors may tell them apart


def _sorted_labels(bench: Bench, chosen: list[int]) -> str | None:
    """Return where labels stand of which the first batch has one only, and which rise over the data; None if none."""
    try:
        found = targets(bench)
    except CannotCheck:
        return None
    if found.ids.ndim != 1 or len(found.ids) < _FEWEST:
        return None
    named = [path for path, each in integers(bench.batch) if each.shape == found.ids.shape and each.equal(found.ids)]
    if not named:
        return None
    loader = loader_of(bench)
    few = len(chosen) < _SPREAD * _FEWEST  # all of them are looked at
    spread = chosen if few else chosen[:: len(chosen) // _SPREAD][:_SPREAD]
    (start,), rows = read(loader, [chosen[: len(found.ids)]]), read(loader, [[row] for row in spread])
    labels = [dict(integers(row)).get(named[0]) for row in rows]
    begun = dict(integers(start)).get(named[0])
    if begun is None or any(each is None or each.numel() != 1 for each in labels):
        return None
    values = [int(each) for each in labels if each is not None]
    rises = values == sorted(values) and len(set(values)) > 1 and not (few and _is_by_chance(values))
    return named[0] if rises and int(begun.min()) == int(begun.max()) else None


def _is_by_chance(values: list[int]) -> bool:
    """Say whether so few labels may stand in their order by chance: of how many orders is theirs one."""
    orders = math.lgamma(len(values) + 1) - sum(math.lgamma(count + 1) for count in Counter(values).values())
    return orders < _CHANCE * math.log(2)


def shards(bench: Bench) -> Outcome:
    """Ask the sampler of every rank for its rows: no row may be in two."""
    loader = loader_of(bench)
    held: list[Any] = [loader.sampler, loader.batch_sampler, getattr(loader.batch_sampler, "sampler", None)]
    sampler: Any = next((each for each in held if hasattr(each, "num_replicas") and hasattr(each, "rank")), None)
    if sampler is None:
        raise CannotCheck("no-shards")
    ranks, rank = int(sampler.num_replicas), int(sampler.rank)
    world = torch.distributed.get_world_size() if is_distributed() else ranks
    own = torch.distributed.get_rank() if is_distributed() else rank
    if (world, own) != (ranks, rank):
        return wrong("shards", "world", ranks=ranks, rank=rank, world=world, own=own)
    if not 1 < ranks <= _RANKS:
        raise CannotCheck("no-shards")
    with put_back(sampler):
        rows = [rows_of_sampler(_of_rank(sampler, each)) for each in range(ranks)]
    if all(each == rows[0] for each in rows):
        raise CannotCheck("rank-fixed")
    total, distinct = sum(map(len, rows)), len(set().union(*rows))
    evidence = {"ranks": ranks, "rows": total, "twice": total - distinct}
    # So that all ranks have as many rows some may come twice.
    return wrong("shards", "overlap", **evidence) if total - distinct >= ranks else sound("shards", **evidence)


def _of_rank(sampler: Any, rank: int) -> Any:
    other = copy.copy(sampler)
    other.rank = rank
    return other
