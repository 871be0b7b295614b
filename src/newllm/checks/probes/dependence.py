"""What an output may depend on: not on later tokens, other rows, nor padding."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.rounding import MOVED, must_not_round
from newllm.checks.targets import inputs_before, predicts_the_next_token, targets
from newllm.checks.trees import changed_at, chosen_rows, integers, is_integer, leaves, mapped
from newllm.checks.where import first_seen
from newllm.loss_form import Targets
from newllm.messages import message

_LONGEST = 0.3  # seconds for more than two ways to change rows
_MIXING = nn.modules.batchnorm._BatchNorm


def causality(bench: Bench) -> Outcome:
    """Change the tokens from a position on: no output before may move, if the next token is what is predicted.

    Of several inputs only that whose tokens are the targets is changed: the decoder's, not the source, which may be
    read as a whole. Where the source holds the targets too, as in a copy, one of the two must not be read ahead.
    """
    labels = _labels(bench, targets(bench))
    try:
        inputs = inputs_before(bench)
    except CannotCheck:
        if not labels:
            raise
        inputs = []
    asked = [*((path, 1) for path in inputs), *((path, 0) for path in labels)]
    read = [(each, one) for one in asked if (each := read_ahead(bench, *one)).behind > MOVED]
    if not read:
        raise CannotCheck("tokens-unused" if inputs else "not-next-token-model")
    least, (path, _) = min(read, key=lambda each: each[0].before)
    evidence = {"earlier": least.before, "later": least.behind, "count": least.count}
    if least.before > MOVED:
        must_not_round(bench, "later", least.before, lambda bench: min(read_ahead(bench, *one).before for one in asked))
        cut = least.cuts[0]
        return wrong("causality", "placed", position=cut, **evidence, **_first_moved(bench, path, cut))
    return sound("causality", position=sorted(least.cuts), **evidence)


def _labels(bench: Bench, found: Targets) -> list[str]:
    """Return the labels that the model is given, by where they stand: some shift them and read them themselves."""
    arguments, options, _ = bench.called()
    inputs = {path for path, _ in bench.inputs()}
    others = [(path, each) for path, each in integers([list(arguments), options]) if path not in inputs]
    return [path for path, each in others if each.shape == found.ids.shape and _are_targets(each, found)]


def _are_targets(tensor: Tensor, found: Targets) -> bool:
    return tensor.ndim == 2 and bool((tensor == found.ids)[found.used].all())


@dataclass(frozen=True)
class Change:
    """What other tokens from some positions on did.

    Attributes:
        before: how far outputs before them moved, as a share of the output's scale; only those that are trained, since
            a prompt whose tokens are no targets may be read in both directions.
        behind: how far the others moved.
        count: positions at which outputs before moved.
        cuts: the positions; where outputs before moved, that of the row that moved most.
    """

    before: float
    behind: float
    count: int
    cuts: tuple[int, ...]


def read_ahead(bench: Bench, path: str, shift: int = 1) -> Change:
    """Change one input `[B, T]` from a position on, and see whether outputs before move.

    First from the middle on, then from several positions at once, each in rows of its own: a leak within chunks passes
    where a chunk ends in the middle. As what moves then may come from another row, it is tried in all rows.

    Args:
        bench: with the model.
        path: of the input, where it stands in what the model is called with.
        shift: the outputs before are those whose token so many positions later is changed: 1 where an output predicts
            the next token, 0 where it must not read that of its own position.
    """
    rows, length = bench.called()[2].shape[:2]
    middle = length // 2
    begins = int(targets(bench).used.any(0).nonzero()[0]) + 1  # behind the first output that is trained
    # Of two neighbours one at least is within a chunk.
    others = dict.fromkeys((begins, middle + 1, length - 1, length // 4, 3 * length // 4))
    others = [cut for cut in others if 0 < cut < length and cut != middle]
    found, tried = _with_others_from(bench, path, [middle], shift), [middle]
    for at in range(0, len(others), rows):
        if found.before > MOVED or found.behind <= MOVED:
            return found
        some = others[at : at + rows]
        tried += some
        if (mixed := _with_others_from(bench, path, some, shift)).before > MOVED:
            found = _with_others_from(bench, path, list(mixed.cuts), shift)
    return found if found.before > MOVED else replace(found, cuts=tuple(tried))


def _with_others_from(bench: Bench, path: str, cuts: list[int], shift: int) -> Change:
    """Answer with other tokens from a position on, which is the first of these in the first row, and so on."""
    rows, length = bench.called()[2].shape[:2]
    starts = torch.tensor([cuts[row % len(cuts)] for row in range(rows)])
    behind_BT = torch.arange(length) > starts[:, None] - shift
    before, after = answers(bench, _others_from(starts), at=path)
    moved_BT = (after - before).abs().flatten(2).amax(-1).cpu() / scale(bench)
    before_BT = moved_BT * (targets(bench).used.cpu() & ~behind_BT)
    at = int(before_BT.amax(1).argmax())
    count = int((before_BT.amax(0) > MOVED).sum())
    return Change(float(before_BT.max()), float((moved_BT * behind_BT).max()), count, (int(starts[at]),))


def _others_from(starts: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what gives other tokens from a position on, which each row has its own of."""

    def later(tensor: Tensor) -> Tensor:
        changed_BT = torch.arange(tensor.shape[1]) >= starts[:, None]
        other = torch.stack([row.roll(start) for row, start in zip(tensor.flip(0, 1), starts.tolist(), strict=True)])
        other = torch.where(other == tensor, (tensor + 1) % (tensor.max() + 1), other)
        return torch.where(changed_BT.to(tensor.device), other, tensor)

    return later


def _first_moved(bench: Bench, path: str, cut: int) -> dict[str, str | None]:
    """Return where outputs before a position are first moved by other tokens from there on, as `first_seen` does.

    Only tensors `[B, T, ...]` are looked at, where no other axis may be that of the positions.
    """
    rows, length = bench.called()[2].shape[:2]

    def moved(one: Tensor, other: Tensor) -> bool | None:
        if one.shape[:2] != (rows, length) or length in one.shape[2:] or length == rows:
            return None
        return _apart(one[:, :cut], other[:, :cut])

    starts = torch.full((rows,), cut)
    return _placed(bench, lambda given: changed_at(given, path, _others_from(starts)), moved)


def _placed(
    bench: Bench, change: Callable[[Any], Any], moved: Callable[[Tensor, Tensor], bool | None]
) -> dict[str, str | None]:
    """Return where two passes differ first: with what the model was given, and with that changed."""
    arguments, options, _ = bench.called()
    given: Any = [list(arguments), options]
    changed = change(given)
    return first_seen(
        bench.seen.module,
        lambda: bench.answer(*given, training=False),
        lambda: bench.answer(*changed, training=False),
        moved,
    )


def _apart(one: Tensor, other: Tensor) -> bool | None:
    if not one.numel() or one.dtype != other.dtype:
        return None
    one, other = one.double(), other.double()
    return float((other - one).abs().max()) > MOVED * max(float(one.std(correction=0)), 1e-12)


def rows(bench: Bench) -> Outcome:
    """Change half of the rows, in several ways: the outputs of the others may not move.

    The halves are those that a binary digit of the row's number divides: any two rows differ in one of the digits, so
    that each is changed once while the other stays, whichever of the two reads the other.
    """
    arguments, options, output = bench.called()
    count = output.shape[0] if output.ndim > 1 else 0
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
    if _may_be_time_first(bench, tables, output):
        raise CannotCheck("time-first")
    must_not_round(bench, "rows", moved, lambda bench: _moved_rows(bench, chosen))
    if links := _links(bench, count):
        unlinked = _moved_unlinked(bench, links, count)
        how = "unknown" if math.isnan(unlinked) else "along" if unlinked <= MOVED else "beyond"
        raise CannotCheck("linked", moved=moved, rows=count, how=how, unlinked=unlinked)
    return wrong("rows", "placed", moved=moved, rows=count, **_first_mixed(bench, chosen))


def _first_mixed(bench: Bench, chosen: Tensor) -> dict[str, str | None]:
    """Return where rows are first moved by the chosen others, as `first_seen` does; of tensors `[B, ...]` alone."""
    count = len(chosen)

    def moved(one: Tensor, other: Tensor) -> bool | None:
        if one.ndim == 0 or one.shape[0] != count or count in one.shape[1:2]:
            return None
        others = ~chosen.to(one.device)
        return _apart(one[others], other[others])

    return _placed(bench, lambda given: mapped(given, lambda one: chosen_rows(one, count, _turned(chosen))), moved)


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


def _may_be_time_first(bench: Bench, tables: list[Tensor], output: Tensor) -> bool:
    """Say whether the first axis may be that of the positions, which read those before them.

    It is not where the second is: where the targets are the tokens that follow along it, or where no output stands for
    each number on it. Otherwise a layer that takes the first axis so tells, or that no row reads a later one.
    """
    try:
        if predicts_the_next_token(bench):
            return False
    except CannotCheck:
        pass  # the targets are not known
    for tensor in tables:
        axes = min(2, tensor.ndim - tensor.is_floating_point())
        if tensor.shape[:axes] != output.shape[:axes]:
            return False
    kinds = (nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    found = [module for module in bench.model.modules() if isinstance(module, (*kinds, nn.RNNCellBase))]
    if any(not getattr(getattr(each, "self_attn", each), "batch_first", False) for each in found):
        return True
    count = len(output)
    cuts = sorted({1, count // 2, count - 1})
    return output.ndim > 2 and all(_moved_rows(bench, torch.arange(count) >= cut) <= MOVED for cut in cuts)


def answers(bench: Bench, change: Callable[[Tensor], Tensor], at: str | None = None) -> tuple[Tensor, Tensor]:
    """Return the model's answers in evaluation mode to what it was given, and to that with a change.

    Args:
        bench: with the model.
        change: of a tensor.
        at: where the only tensor that is changed stands; None for all of them.
    """
    arguments, options, _ = bench.called()
    given = [list(arguments), options]
    before = bench.once(_answer)
    arguments, options = mapped(given, change) if at is None else changed_at(given, at, change)
    after = bench.answer(arguments, options, training=False)
    if after.shape != before.shape:
        raise CannotCheck("other-shape")
    return before, after.to(before.dtype)


def _answer(bench: Bench) -> Tensor:
    """Return the model's answer in evaluation mode to what it was given, asked twice; in single precision at least."""
    arguments, options, _ = bench.called()
    first, second = (bench.answer(arguments, options, training=False) for _ in range(2))
    if not torch.equal(first, second):
        raise CannotCheck("not-repeatable")
    return first.to(torch.promote_types(first.dtype, torch.float32))


def scale(bench: Bench) -> float:
    """Return the scale of the model's answer in evaluation mode, which no division makes infinite."""
    return bench.once(_scale)


def _scale(bench: Bench) -> float:
    return spread(bench.once(_answer))


def spread(output: Tensor) -> float:
    """Return the standard deviation of an output's numbers, or a little more than nothing."""
    return max(float(output.double().std(correction=0)), 1e-12)
