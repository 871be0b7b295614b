"""Whether the output of a row depends on other rows, which it may not but where they are linked."""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, wrong
from newllm.checks.probes.dependence import answers, apart, placed, scale
from newllm.checks.probes.first_axis import holds_rows, reads_along
from newllm.checks.rounding import MOVED, must_not_round
from newllm.checks.seen import observed, output_of
from newllm.checks.trees import chosen_rows, is_integer, leaves, mapped
from newllm.checks.where import parts_apart
from newllm.messages import message

_LONGEST = 0.3  # seconds for more than two ways to change rows
_ONE = 1e-3  # a sum that is 1, or the logarithm of one
_LEVEL = 1e-3  # of the gradient: the same but for rounding
_FREE = 2  # rows that any factor fits
_MIXING = nn.modules.batchnorm._BatchNorm


def rows(bench: Bench) -> Outcome:
    """Change half of the rows, in several ways: the outputs of the others may not move.

    The halves are those that a binary digit of the row's number divides: any two rows differ in one of the digits, so
    that each is changed once while the other stays, whichever of the two reads the other.
    """
    arguments, options, output = bench.called()
    count = output.shape[0] if output.ndim else 0
    tables = [tensor for _, tensor in leaves([arguments, options]) if tensor.ndim > 1]
    if count < 2 or not tables or any(tensor.shape[0] != count for tensor in tables):
        raise CannotCheck("no-rows")
    if tuple(output.shape) == (count, count):
        raise CannotCheck("in-batch")

    digits = dict.fromkeys((0, (count - 1).bit_length() - 1, *range((count - 1).bit_length())))
    ends, ways, moved, chosen = time.monotonic() + _LONGEST, 0, 0.0, torch.empty(0)
    for digit, bit in itertools.product(digits, (0, 1)):
        if moved > MOVED or (ways > 1 and time.monotonic() > ends):
            break
        chosen = (torch.arange(count) >> digit) % 2 == bit
        moved, ways = _moved_rows(bench, chosen), ways + 1
    if moved <= MOVED:
        mixing = [name for name, module in bench.model.named_modules() if isinstance(module, _MIXING)]
        evidence = {"rows": count, "ways": ways, "moved": moved, "batch_norms": len(mixing)}
        return Outcome("rows", "sound", message("check-rows.every", **evidence), evidence)
    _must_be_rows(bench, tables, moved)
    must_not_round(bench, "rows", moved, lambda bench: _moved_rows(bench, chosen))
    if links := _links(bench, count):
        unlinked = _moved_unlinked(bench, links, count)
        how = "unknown" if math.isnan(unlinked) else "along" if unlinked <= MOVED else "beyond"
        raise CannotCheck("linked", moved=moved, rows=count, how=how, unlinked=unlinked)
    if output.numel() == count and _are_compared(bench, output):
        raise CannotCheck("rows-compared", moved=moved)
    return wrong("rows", "placed", moved=moved, rows=count, **_first_mixed(bench, chosen))


def _must_be_rows(bench: Bench, tables: list[Tensor], moved: float) -> None:
    """See whether the first axis may be that of positions, which read others.

    Raises:
        CannotCheck: it may: a layer takes it so, or none on it reads a later one.
    """
    output = bench.called()[2]
    if holds_rows(bench, tables, output):
        return
    if (layer := reads_along(bench, len(output))) is not None:
        how = "layer" if layer else "model"
    elif _reads_earlier_ones(bench, output):
        how = "order"
    else:
        return
    raise CannotCheck("along-first", how=how, layer=layer or "", moved=moved, rows=len(output))


def _first_mixed(bench: Bench, chosen: Tensor) -> dict[str, str | None]:
    """Return where rows are first moved by the chosen others, as `first_seen` does.

    Which axis of a tensor holds the rows is seen in a pass with one less. Where the model takes no fewer, only tensors
    `[B, ...]` are looked at, whose second axis is another.
    """
    count = len(chosen)
    others = (~chosen).nonzero().flatten()

    def moved(one: Tensor, other: Tensor, shape: torch.Size | None) -> bool | None:
        if shape is not None:
            return parts_apart(one, other, shape, count, others, apart)
        if one.ndim == 0 or one.shape[0] != count or count in one.shape[1:2]:
            return None
        return apart(one[others.to(one.device)], other[others.to(one.device)])

    def some(rows: Tensor) -> Callable[[Any], Any]:
        return lambda given: mapped(given, lambda one: chosen_rows(one, count, rows))

    return placed(bench, some(_turned(chosen)), moved, some(torch.arange(count - 1)))


def _are_compared(bench: Bench, output: Tensor) -> bool:
    """Say whether rows of one number each may be the items of one list, which are ranked or chosen from.

    So it is where the loss pulls at one of them alone, or at one by what the others are, or where their numbers are
    the probabilities of a choice among them. A loss that is a function of such a mean, as its root, pulls at all of
    them more or less.
    """
    values, count = output.reshape(-1).double(), len(output)
    is_distribution = bool((values >= 0).all()) and abs(float(values.sum()) - 1) < _ONE
    if is_distribution or abs(float(values.logsumexp(0))) < _ONE:
        return True
    gradient = bench.seen.gradient
    if gradient is None or int((gradient != 0).sum()) <= 1:
        return True
    odd = torch.arange(count, device=output.device) % 2 == 1
    return not all(_pulls_alike(bench, gradient, moved) for moved in (odd, ~odd))


def _pulls_alike(bench: Bench, before: Tensor, moved: Tensor) -> bool:
    """Say whether the loss pulls at the outputs of rows as before, but for a factor, where others are moved."""
    output = bench.called()[2]
    by = moved.reshape(output.shape).double() * max(float(output.double().std(correction=0)), _ONE)
    hook = bench.seen.module.register_forward_hook(lambda _, __, made: _with_output(made, lambda one: one + by.to(one)))
    try:
        with bench.untouched():
            after = observed(bench.model, bench.optimizer, bench.loss).gradient
    finally:
        hook.remove()
    if after is None or after.shape != before.shape:
        return False
    first, second = (each.double().reshape(-1)[~moved] for each in (before, after))
    factor = float(first @ second / max(float(first @ first), 1e-300)) if len(first) > _FREE else 1.0
    return bool(((second - factor * first).abs() <= _LEVEL * second.abs().max()).all())


def _with_output(made: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return what a model made with its answer changed."""
    answer = output_of(made)
    return mapped(made, lambda tensor: change(tensor) if tensor is answer else tensor)


def _turned(chosen: Tensor) -> Tensor:
    """Return for each row which one it holds: a chosen one that of the row before, any other its own."""
    count = len(chosen)
    return torch.where(chosen, torch.arange(count).roll(1), torch.arange(count))


def _links(bench: Bench, count: int) -> list[str]:
    """Return what may say which rows see each other, as the adjacency of a graph whose nodes they are.

    It is a matrix `[count, count]`, or the ends of edges `[2, E]`, that the model is given or holds and does not train.
    A matrix may belong to positions instead, as a causal mask, where rows have as many of them.

    Returns:
        The paths of `leaves` of what the model is given; names of what it holds, which begin with "model.".
    """
    arguments, options, _ = bench.called()
    given = dict(leaves([list(arguments), options]))
    held = {
        f"model.{place}.{name}": each
        for place, module in bench.model.named_modules()
        for name, each in [*module._buffers.items(), *vars(module).items()]
        if isinstance(each, Tensor) and not isinstance(each, nn.Parameter)
    }
    found = {path for path, each in (given | held).items() if _is_square(each, count)}
    rows_given = [each for path, each in given.items() if path not in found and each.ndim > 1]
    if any(each.shape[1] == count and (each.ndim > 2 or is_integer(each)) for each in rows_given):
        return []
    edges = {path for path, each in held.items() if is_integer(each) and each.ndim == 2 and each.numel() > 2}
    found |= {path for path in edges if 2 in held[path].shape and 0 <= held[path].min() <= held[path].max() < count}
    return sorted(found)


def _is_square(tensor: Tensor, count: int) -> bool:
    return tensor.shape == (count, count)


def _moved_unlinked(bench: Bench, links: list[str], count: int) -> float:
    """Return how far rows move by others from which no link leads to them, NaN where the links cannot be cut.

    The links between the halves are 0, before the rows of one half are changed and after.
    """
    arguments, options, _ = bench.called()
    given: Any = [list(arguments), options]
    found = dict(leaves(given))
    if count < 4 or not all(path in found and found[path].layout == torch.strided for path in links):
        return math.nan
    if not any(each.ndim > 1 for path, each in found.items() if path not in links):
        return math.nan  # nothing is left that a row holds
    half = torch.arange(count) % 2 == 1
    cut = half[:, None] == half
    others = torch.where(half, torch.arange(count).roll(2), torch.arange(count))

    def unlinked(tensor: Tensor) -> Tensor:
        return tensor * cut.to(tensor.device) if _is_square(tensor, count) else tensor

    paths = iter(found)
    tables = mapped(given, unlinked)
    changed = mapped(tables, lambda each: each.clone() if next(paths) in links else chosen_rows(each, count, others))
    before, after = (bench.answer(*each, training=False) for each in (tables, changed))
    return float((after - before)[~half.to(before.device)].abs().max()) / scale(bench)


def _moved_rows(bench: Bench, chosen: Tensor) -> float:
    """Return how far the outputs of other rows move where each chosen row holds what another one held."""
    before, after = answers(bench, lambda tensor: chosen_rows(tensor, len(chosen), _turned(chosen)))
    return float((after - before)[~chosen.to(before.device)].abs().max()) / scale(bench)


def _reads_earlier_ones(bench: Bench, output: Tensor) -> bool:
    """Say whether no row reads a later one, as where they are positions that are read in their order."""
    count = len(output)
    cuts = sorted({1, count // 2, count - 1})
    is_long = output.ndim > 2 or output.numel() == count
    return is_long and all(_moved_rows(bench, torch.arange(count) >= cut) <= MOVED for cut in cuts)
