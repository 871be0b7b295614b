"""The evaluation: of the same batch, does it give the loss in evaluation mode, and does it change nothing?"""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench, names, set_seed
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.seen import ACTS
from newllm.checks.targets import targets
from newllm.checks.trees import chosen_rows, leaves, same

_NEAR = 1e-4  # of the loss
_ROWS = 2  # that are tried alone


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
        training = bench.model.training
    if active:
        return wrong("evaluation", "training", **names(list(dict.fromkeys(active))))
    if changed:
        return wrong("evaluation", "changes", **names(changed))
    expected = _expected(bench, bench.batch)
    evidence = {"value": value, "expected": expected, "training": training}
    if _is_near(value, expected):
        return sound("evaluation", **evidence)
    if _mixes_rows(bench):
        return wrong("evaluation", "rows", **evidence)
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
