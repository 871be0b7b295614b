"""What an output may depend on: not on later tokens."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.rounding import MOVED, must_not_round
from newllm.checks.targets import inputs_before, targets
from newllm.checks.trees import changed_at, integers, mapped
from newllm.checks.where import Differ, first_seen, parts_apart
from newllm.loss_form import Targets


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

    Which axis of a tensor holds the positions is seen in a pass with one less. Where the model takes no fewer, only
    tensors `[B, T, ...]` are looked at, where no other axis may be that of the positions.
    """
    rows, length = bench.called()[2].shape[:2]

    def moved(one: Tensor, other: Tensor, shape: torch.Size | None) -> bool | None:
        if shape is not None:
            return parts_apart(one, other, shape, length, torch.arange(cut), apart)
        if one.shape[:2] != (rows, length) or length in one.shape[2:] or length == rows:
            return None
        return apart(one[:, :cut], other[:, :cut])

    def shorter(tensor: Tensor) -> Tensor:
        if tensor.shape == (length, length):
            return tensor[:-1, :-1]
        if tensor.shape[:2] in ((rows, length), (1, length)):
            return tensor[:, :-1]
        return tensor[:-1] if tensor.shape == (length,) != (rows,) else tensor.clone()

    starts = torch.full((rows,), cut)
    change = lambda given: changed_at(given, path, _others_from(starts))  # noqa: E731
    return placed(bench, change, moved, lambda given: mapped(given, shorter))


def placed(
    bench: Bench, change: Callable[[Any], Any], moved: Differ, fewer: Callable[[Any], Any]
) -> dict[str, str | None]:
    """Return where two passes differ first: with what the model was given, and with that changed.

    Args:
        bench: with the model.
        change: gives what is changed.
        moved: whether two tensors of one place differ.
        fewer: gives what has one row, or position, less.
    """
    arguments, options, _ = bench.called()
    given: Any = [list(arguments), options]
    changed, less = change(given), fewer(given)
    return first_seen(
        bench.seen.module,
        lambda: bench.answer(*given, training=False),
        lambda: bench.answer(*changed, training=False),
        moved,
        lambda: bench.answer(*less, training=False),
    )


def apart(one: Tensor, other: Tensor) -> bool | None:
    """Say whether two tensors differ by more than is allowed for; None where they cannot be compared."""
    if not one.numel() or one.dtype != other.dtype:
        return None
    one, other = one.double(), other.double()
    different = one != other  # what is infinite in both, as a score that is masked, has not moved
    if not bool(different.any()):
        return False
    moved, finite = (other - one)[different].abs(), one[one.isfinite()]
    scale = float(finite.std(correction=0)) if finite.numel() else 0.0
    return not float(moved.max()) <= MOVED * max(scale, 1e-12)


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
