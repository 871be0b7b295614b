"""What a batch holds: is it left as it is, do its targets go where they belong, and do they stay out of the inputs?"""

import math
import re
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.feed import loader_of, read, rows_of_epoch, same_batch
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.answered import is_of_own_classes, second_text
from newllm.checks.seen import observed
from newllm.checks.targets import targets
from newllm.checks.trees import changed_at, chosen_rows, copied, is_integer, leaves, mapped

_SAME = 1e-6  # of the loss: rounding
_LEVEL = 1e-4  # of the gradient: the same but for rounding
_FEWEST = 4  # rows
_ROWS = 4  # of a batch that is read twice
_CHANCE = 30.0  # bits by which a column agrees with the targets beyond what chance does


def batch_kept(bench: Bench) -> Outcome:
    """Compare the batch after one pass with what it was, and see whether the loss of what is left is another."""
    changed = bench.changed
    if not changed:
        return sound("batch-kept", changed=0, fresh=False)
    batch = bench.batch
    first, second = float(bench.loss(batch).detach()), float(bench.loss(batch).detach())
    evidence = {"first": first, "second": second, "name": changed[0], "count": len(changed)}
    if abs(first - second) <= _SAME * abs(first):
        return sound("batch-kept", changed=len(changed), fresh=False)  # as where padding is set to -100 once more
    if _comes_again(bench):
        return sound("batch-kept", changed=len(changed), fresh=True)
    return wrong("batch-kept", **evidence)


def _comes_again(bench: Bench) -> bool:
    """Say whether the loader gives the same batch once more after a pass has written into the first."""
    try:
        loader = loader_of(bench)
        with put_back(loader):
            rows = rows_of_epoch(loader)[:_ROWS]
            (first,) = read(loader, [rows])
            kept = copied(first)
            try:
                bench.loss(first)
                (second,) = read(loader, [rows])
                return same_batch(kept, second)
            finally:
                with torch.no_grad():
                    for (_, now), (_, before) in zip(leaves(first), leaves(kept), strict=False):
                        now.copy_(before)  # a view of the data: they come back
    except CannotCheck:
        return False


def padding_row(bench: Bench) -> Outcome:
    """Set the padding rows of embeddings to zero: where they were not, the loss of the batch may not move."""
    tables = {
        name: module
        for name, module in bench.model.named_modules()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None
    }
    if not tables:
        raise CannotCheck("no-padding-row")
    own = [(name, module.weight, module.padding_idx) for name, module in tables.items()]
    filled = [(name, weight, at) for name, weight, at in own if bool(weight[at].any())]
    if not filled:
        return sound("padding-row", count=len(tables))
    bench.model.eval()
    with torch.no_grad():
        before, again = float(bench.loss()), float(bench.loss())
        if before != again:
            raise CannotCheck("not-repeatable")
        for name, weight, at in filled:
            row = weight[at].clone()
            weight[at] = 0
            after = float(bench.loss())
            weight[at] = row
            if abs(after - before) > _SAME * abs(before):
                size = float(row.norm() / weight.norm(dim=1).mean())
                return wrong("padding-row", name=name, row=at, size=size, before=before, after=after)
    raise CannotCheck("padding-row-unread")


def broadcast(bench: Bench) -> Outcome:
    """Give each row the target of another: the gradient of its output must follow, if shapes differ by an axis."""
    _, _, output = bench.called()
    rows = len(output) if output.ndim else 0
    if output.shape not in ((rows,), (rows, 1)) or rows < _FEWEST or bench.seen.gradient is None:
        return _warned(bench)
    batch = bench.batch
    singles = [(path, each) for path, each in leaves(batch) if each.shape in ((rows,), (rows, 1))]
    found = [(path, each) for path, each in singles if not _is_given(bench, each)]
    if len(found) != 1 or torch.equal(found[0][1], found[0][1].roll(1, 0)):
        raise CannotCheck("no-targets-known")
    path, target = found[0]
    evidence = {"path": path, "rows": rows, "output": str(list(output.shape)), "target": str(list(target.shape))}
    if target.shape == output.shape:
        return sound("broadcast", **evidence)
    # In a right loss the gradient of a row goes by its own target; in one that broadcasts by its own output and all
    # targets alike; in one that compares two sets (their means, their distributions) by all outputs.
    if not bool(_same_gradients(bench, changed_at(batch, path, lambda tensor: tensor.roll(1, 0))).all()):
        return sound("broadcast", **evidence)
    if bool(
        _same_gradients(bench, changed_at(batch, path, lambda tensor: tensor + tensor.float().std().to(tensor))).all()
    ):
        raise CannotCheck("targets-unused")
    second = torch.arange(rows).clamp(max=1)  # it takes the place of all further ones
    others = mapped(batch, lambda tensor: tensor if tensor is target else chosen_rows(tensor, rows, second))
    is_level = bool((output == output[0]).all())
    if is_level or not bool(_same_gradients(bench, others)[0]):
        raise CannotCheck("rows-unpaired")
    return wrong("broadcast", **evidence)


def _warned(bench: Bench) -> Outcome:
    """Say what torch warns of where the model gives more than one number per row, as a policy with its value does.

    Raises:
        CannotCheck: of nothing, or of other shapes than those of a column and a row of as many numbers.
    """
    for target, output in bench.seen.broadcast:
        shapes = [tuple(int(each) for each in re.findall(r"\d+", shape)) for shape in (target, output)]
        (rows, *rest), (others, *other_rest) = shapes if all(shapes) else ((0,), (0,))
        if rows == others >= _FEWEST and sorted([rest, other_rest]) == [[], [1]]:
            return wrong("broadcast", "warned", output=output, target=target, rows=rows)
    raise CannotCheck("no-single-numbers")


def _same_gradients(bench: Bench, batch: Any) -> Tensor:
    """Say for each row whether its output has the gradient that it has with the batch as it is."""
    with bench.untouched():
        gradient = observed(bench.model, bench.optimizer, lambda: bench.loss(batch)).gradient
    before = bench.seen.gradient
    if before is None or gradient is None:
        raise CannotCheck("no-gradient")
    return ((gradient - before).abs() <= _LEVEL * before.abs().max()).flatten(1).all(1)


def answers(bench: Bench) -> Outcome:
    """Look for the targets of a classification or regression among the inputs, number by number; or for a text of them.

    What a model is given for its loss, and does not read, is no answer; nor is a class that is only held back by a
    margin.
    """
    try:
        found = _single_targets(bench)
    except CannotCheck as reason:
        if (outcome := second_text(bench)) is None:
            raise reason from None
        return outcome
    rows = len(found)
    values = found.unique(return_counts=True)[1].double() / rows
    bits = rows * float(-(values * values.log2()).sum())
    looked = 0
    for name, tensor in bench.inputs():
        if not tensor.ndim or tensor.shape[0] != rows:
            continue
        columns = tensor.reshape(rows, -1)
        looked += columns.shape[1]
        same = (columns.double() == found.double()[:, None]).all(0)
        if bool(same.any()) and bits - math.log2(columns.shape[1]) > _CHANCE and _is_read(bench, name, same, found):
            return wrong("answers", name=name, column=int(same.int().argmax()), columns=columns.shape[1], rows=rows)
    if not looked or bits - math.log2(looked) <= _CHANCE:
        raise CannotCheck("too-few-targets", rows=rows)
    return sound("answers", columns=looked, rows=rows)


def _single_targets(bench: Bench) -> Tensor:
    """Return one target for each row: what the gradient shows of a classification, or the batch's only such column."""
    _, _, output = bench.called()
    try:
        found = targets(bench)
    except CannotCheck:
        shapes = ((len(output),), (len(output), 1)) if output.ndim else ()
        numbers = [each for _, each in leaves(bench.batch) if each.shape in shapes and not _is_given(bench, each)]
        if len(numbers) != 1 or output.numel() != len(output):
            raise CannotCheck("no-targets-known") from None
        return numbers[0].reshape(-1)
    if found.ids.ndim != 1 or not bool(found.used.all()) or found.classes == len(found.ids):
        raise CannotCheck("no-single-targets")
    return found.ids


def _is_read(bench: Bench, name: str, same: Tensor, found: Tensor) -> bool:
    """Say whether the model's answer moves with these columns of an input.

    Raises:
        CannotCheck: it moves for the class itself and the one in its place alone.
    """
    arguments, options, _ = bench.called()

    def exchanged(tensor: Tensor) -> Tensor:
        columns = tensor.clone().reshape(len(tensor), -1)
        columns[:, same] = columns[:, same].roll(1, 0)
        return columns.reshape(tensor.shape)

    before = bench.answer(arguments, options, training=False)
    arguments, options = changed_at([list(arguments), options], name, exchanged)
    after = bench.answer(arguments, options, training=False)
    if torch.equal(before, after):
        return False
    if is_integer(found) and after.shape == before.shape and is_of_own_classes(after - before, found, found.roll(1, 0)):
        raise CannotCheck("answers-own", name=name)
    return True


def _is_given(bench: Bench, tensor: Tensor) -> bool:
    """Say whether the model was given a tensor as an input."""
    return any(each.shape == tensor.shape and torch.equal(each, tensor) for _, each in bench.inputs())
