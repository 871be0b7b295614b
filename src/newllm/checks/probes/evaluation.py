"""The evaluation: of the same batch, does it give the loss in evaluation mode, and does it change nothing?

What the model is given in it is compared, too: of the same batch it may differ by augmentation, but not by its scale.
"""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench, names, set_seed
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.seen import ACTS, Seen, observed
from newllm.checks.targets import targets
from newllm.checks.trees import chosen_rows, leaves, same

_NEAR = 1e-4  # of the loss
_ROWS = 2  # that are tried alone
_FIT = 1e-3  # of the scale: inputs that are the same but for it differ by less
_MOVED = 0.01  # of the scale: what differs by less is the same
_FEWEST = 16  # numbers of a channel: fewer may fit by chance
_FAR = 3.0  # times: inputs of other rows, augmented or not, hardly differ so much in each channel
_BYTE, _HIGH = 255, 100  # the highest number of an image in whole numbers; one that an image of them has
_SMALL, _SEEN = 10.0, 0.05  # the largest number of an image that is normalised, and its least spread


def evaluation(bench: Bench) -> Outcome:
    """Put one batch through the evaluation and through the loss in evaluation mode, and compare."""
    if bench.parts.evaluate is None:
        raise CannotCheck("no-evaluate")
    held = dict(bench.model.named_parameters()) | dict(bench.model.named_buffers())
    before = {name: each.detach().clone() for name, each in held.items()}
    active: list[str] = []
    with bench.untouched(), ExitStack() as hooks:
        for name, module in bench.model.named_modules():
            if _acts(module):
                hooks.callback(module.register_forward_pre_hook(_noting(name, active)).remove)
        value = _evaluated(bench, bench.batch)
        changed = [name for name, each in held.items() if not same(each.detach(), before[name])]
        after = _expected(bench, bench.batch) if changed else 0.0
        training = bench.model.training
    if active and bench.parts.is_taken:
        raise CannotCheck("evaluation-acts", **names(list(dict.fromkeys(active))))
    if active:
        return wrong("evaluation", "training", **names(list(dict.fromkeys(active))))
    expected = _expected(bench, bench.batch)
    counts_only = after == expected and not any(isinstance(held[name], nn.Parameter) for name in changed)
    if changed and not (bench.parts.is_taken and counts_only):  # as a metric that is kept in a buffer
        return wrong("evaluation", "changes", **names(changed))
    evidence = {"value": value, "expected": expected, "training": training}
    if _is_near(value, expected):
        return _of_other_rows(bench) or sound("evaluation", **evidence)
    if _mixes_rows(bench):
        return wrong("evaluation", "rows", **evidence)
    if rescaled := _rescaled(bench):
        return wrong("evaluation", "rescaled", **rescaled, **evidence)
    raise CannotCheck("evaluation-other", **evidence)


def _acts(module: nn.Module) -> bool:
    return isinstance(module, ACTS) and not (isinstance(module, nn.modules.dropout._DropoutNd) and module.p == 0)


def _noting(name: str, active: list[str]) -> Any:
    def hook(module: nn.Module, _: Any) -> None:
        if module.training:
            active.append(name)

    return hook


def _evaluated(bench: Bench, batch: Any) -> float:
    evaluate = bench.parts.evaluate
    assert evaluate is not None
    with put_back(evaluate, besides=(bench.model, bench.optimizer)):
        set_seed(0)
        made = evaluate(bench.model, batch)
    if isinstance(made, dict):
        made = made.get("loss")
    if isinstance(made, Tensor) and made.numel() == 1:
        made = made.item()
    if isinstance(made, bool) or not isinstance(made, int | float):
        raise CannotCheck("evaluation-none", kind=type(made).__name__)
    return float(made)


def _expected(bench: Bench, batch: Any) -> float:
    with bench.untouched(), torch.no_grad():
        bench.model.eval()
        return float(bench.loss(batch))


def _is_near(value: float, expected: float) -> bool:
    return abs(value - expected) <= _NEAR * abs(expected)


def _mixes_rows(bench: Bench) -> bool:
    """Say whether a batch of one row many times is evaluated right: then outputs and targets differ in their order."""
    batch = bench.batch
    counts = {len(each) for _, each in leaves(batch) if each.ndim}
    try:
        used = targets(bench).used
    except CannotCheck:
        return False
    counted = used.flatten(1).sum(1) if used.ndim > 1 else used.long()
    if len(counts) != 1 or min(counts) <= _ROWS or bool((counted != counted[0]).any()):
        return False  # rows of different weight: a mean of means is another number
    for row in range(_ROWS):
        alike = chosen_rows(batch, min(counts), torch.full((min(counts),), row))
        with bench.untouched():
            value = _evaluated(bench, alike)
        if not _is_near(value, _expected(bench, alike)):
            return False
    return True


def _given(seen: Seen) -> dict[str, Tensor]:
    """Return the inputs of a pass that are measured numbers, by where they stand."""
    found = leaves([list(seen.arguments), seen.options])
    return {path: each.double() for path, each in found if each.is_floating_point() and each.ndim > 1}


def _in_evaluation(bench: Bench, batch: Any) -> Seen:
    with bench.untouched():
        return observed(bench.model, bench.optimizer, lambda: torch.tensor(_evaluated(bench, batch)))


def _rescaled(bench: Bench) -> dict[str, Any] | None:
    """Return what shows that the same batch is scaled otherwise in the evaluation, None where nothing does.

    Augmentation draws, or moves more than the scale of a channel: only what comes out alike for other chance, and is
    the same up to a factor and a shift of each channel, has been normalised otherwise.
    """
    with bench.untouched():
        again = observed(bench.model, bench.optimizer, lambda: bench.loss(seed=1))
    seen = _in_evaluation(bench, bench.batch)
    if seen.module is not bench.seen.module or again.module is not seen.module:
        return None
    given, others, drawn = _given(seen), _given(bench.seen), _given(again)
    for path in given.keys() & others.keys() & drawn.keys():
        here, there = given[path], others[path]
        if here.shape == there.shape and torch.equal(there, drawn[path]) and _is_scaled(there, here):
            return _spreads(there, here)
    return None


def _is_scaled(one: Tensor, other: Tensor) -> bool:
    """Say whether two inputs are the same up to a factor and a shift of each channel, and not the same."""
    x, y = (each.transpose(0, 1).flatten(1) for each in (one, other))
    if x.shape[1] < _FEWEST:
        return False
    mean_x, mean_y, scale = x.mean(1, keepdim=True), y.mean(1, keepdim=True), y.std()
    along = ((x - mean_x) * (y - mean_y)).sum(1, keepdim=True) / (x - mean_x).square().sum(1, keepdim=True)
    off = (y - mean_y - along * (x - mean_x)).abs().max()
    return bool((along > 0).all()) and bool(off < _FIT * scale) and bool((y - x).abs().max() > _MOVED * scale)


def _of_other_rows(bench: Bench) -> Outcome | None:
    """Compare the scale of what the model is given of the evaluation's own batch and of the training's.

    Raises:
        CannotCheck: they are far apart, which the data may be.
    """
    batch, others = bench.parts.validation, _given(bench.seen)
    if batch is None or not others:
        return None
    rows = max(len(each) for each in others.values())
    counts = [len(each) for _, each in leaves(batch) if each.ndim]
    if counts and min(counts) == max(counts) > rows:
        batch = chosen_rows(batch, counts[0], torch.arange(rows))
    seen = _in_evaluation(bench, batch)
    if seen.module is not bench.seen.module:
        return None
    for path, here in _given(seen).items():
        there = others.get(path)
        if there is None or here.ndim < 3 or here.shape[1] != there.shape[1]:
            continue
        if (_is_bytes(here) and _is_normalised(there)) or (_is_bytes(there) and _is_normalised(here)):
            return wrong("evaluation", "bytes", **_spreads(there, here))
        if _is_far(there, here):
            raise CannotCheck("evaluation-scale", **_spreads(there, here))
    return None


def _is_bytes(image: Tensor) -> bool:
    return bool((image == image.round()).all()) and bool(image.min() >= 0) and _HIGH <= float(image.max()) <= _BYTE


def _is_normalised(image: Tensor) -> bool:
    return float(image.abs().max()) <= _SMALL and float(image.std()) >= _SEEN


def _is_far(one: Tensor, other: Tensor) -> bool:
    """Say whether the means or the spreads of two inputs are far apart in every channel; none has no spread at all."""
    (mean, spread), (mean_other, spread_other) = (
        (each.mean(1), each.std(1)) for each in (one.transpose(0, 1).flatten(1), other.transpose(0, 1).flatten(1))
    )
    if not bool((spread > 0).all() and (spread_other > 0).all()):
        return False
    ratio, apart = spread / spread_other, (mean - mean_other).abs() / torch.maximum(spread, spread_other)
    return any(bool(far.all()) for far in (ratio > _FAR, ratio < 1 / _FAR, apart > _FAR))


def _spreads(training: Tensor, evaluation: Tensor) -> dict[str, float]:
    return {
        "mean": float(training.mean()), "spread": float(training.std()),
        "mean_there": float(evaluation.mean()), "spread_there": float(evaluation.std()),
    }  # fmt: skip
