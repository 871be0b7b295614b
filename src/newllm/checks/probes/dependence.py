"""What an output may depend on: not on later tokens, other rows, padding, nor on chance in evaluation."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from newllm.checks.bench import Bench, names
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.seen import ACTS
from newllm.checks.targets import predicts_the_next_token
from newllm.checks.trees import chosen_rows, leaves, mapped

MOVED = 1e-4  # of the output's scale; what is really independent moves by nothing, or by rounding
_MIXING = nn.modules.batchnorm._BatchNorm


def causality(bench: Bench) -> Outcome:
    """Change the tokens from the middle on: no output before may move, if the next token is what is predicted."""
    if not predicts_the_next_token(bench):
        raise CannotCheck("not-next-token-model")
    _, _, output = bench.called()
    shape = tuple(output.shape[:2])
    middle = shape[1] // 2

    def later(tensor: Tensor) -> Tensor:
        if tuple(tensor.shape) != shape or tensor.is_floating_point() or tensor.max() < 2:
            return tensor.clone()  # no tokens: a mask keeps what it says
        changed = tensor.clone()
        changed[:, middle:] = tensor.flip(0, 1)[:, : shape[1] - middle]
        same = changed[:, middle:] == tensor[:, middle:]
        changed[:, middle:][same] = (tensor[:, middle:][same] + 1) % (tensor.max() + 1)
        return changed

    before, after = answers(bench, later)
    size = scale(before)
    earlier = float((after - before)[:, :middle].abs().max()) / size
    behind = float((after - before)[:, middle:].abs().max()) / size
    if behind <= MOVED:
        raise CannotCheck("tokens-unused")
    moved = (after - before)[:, :middle].abs().flatten(2).amax(-1).amax(0) > MOVED * size
    evidence = {"position": middle, "earlier": earlier, "later": behind, "count": int(moved.sum())}
    return wrong("causality", **evidence) if earlier > MOVED else sound("causality", **evidence)


def rows(bench: Bench) -> Outcome:
    """Put the first row in the place of all others: its output may not move."""
    arguments, options, output = bench.called()
    count = output.shape[0] if output.ndim > 1 else 0
    tables = [tensor for _, tensor in leaves([arguments, options]) if tensor.ndim > 1]
    if count < 2 or not tables or any(tensor.shape[0] != count for tensor in tables):
        raise CannotCheck("no-rows")
    if tuple(output.shape) == (count, count):
        raise CannotCheck("in-batch")

    first = torch.zeros(count, dtype=torch.int64)
    before, after = answers(bench, lambda tensor: chosen_rows(tensor, count, first))
    moved = float((after - before)[0].abs().max()) / scale(before)
    if moved <= MOVED:
        mixing = [name for name, module in bench.model.named_modules() if isinstance(module, _MIXING)]
        return sound("rows", rows=count, moved=moved, batch_norms=len(mixing))
    if _is_time_first(bench):
        raise CannotCheck("time-first")
    return wrong("rows", moved=moved, rows=count)


def _is_time_first(bench: Bench) -> bool:
    """Say whether the first axis may be that of the positions: a recurrent layer or attention takes it so."""
    kinds = (nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    found = [module for module in bench.model.modules() if isinstance(module, kinds)]
    layers = [
        getattr(module, "batch_first", getattr(getattr(module, "self_attn", None), "batch_first", True))
        for module in found
    ]
    return any(not first for first in layers)


def evaluation_mode(bench: Bench) -> Outcome:
    """Answer in evaluation mode and watch for dropout: there it may not act.

    A model without dropout and batch norms answers alike in both modes, unless it says otherwise itself.
    """
    arguments, options, _ = bench.called()
    with _Chance() as chance:
        first = bench.answer(arguments, options, training=False, seed=0)
    second = bench.answer(arguments, options, training=False, seed=1)
    moved = float((first - second).abs().max()) / scale(first)
    if moved > 0 and chance.dropout:
        return wrong("evaluation-mode", moved=moved)
    if moved > 0:
        raise CannotCheck("samples")
    differ = _modes_differ(bench, first)
    if differ > MOVED:
        raise CannotCheck("modes-differ", moved=differ)
    return sound("evaluation-mode")


def _modes_differ(bench: Bench, evaluated: Tensor) -> float:
    """Return by how much training mode moves the answer of a model that has nothing known to act otherwise there."""
    arguments, options, _ = bench.called()
    if any(isinstance(module, ACTS) for module in bench.model.modules()):
        return 0.0
    with _Chance() as chance:
        trained = bench.answer(arguments, options, training=True, seed=0)
    if chance.dropout or trained.shape != evaluated.shape:
        return 0.0
    return float((trained.double() - evaluated.double()).abs().max()) / scale(evaluated)


class _Chance(TorchDispatchMode):
    """Listens for operations that drop values at random."""

    dropout = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note what draws, and let it draw."""
        name = func.overloadpacket.__name__
        self.dropout = self.dropout or "dropout" in name or "bernoulli" in name
        return func(*args, **(kwargs or {}))


def training_mode(bench: Bench) -> Outcome:
    """Look for single parts in evaluation mode, in which they act otherwise than in training.

    A model with a train() of its own may freeze parts there. Where train() still changes something, what was handed
    over is not what is trained after the first evaluation; the loop may call it yet, and this is no mistake as such.
    """
    found = {name: module for name, module in bench.model.named_modules() if isinstance(module, ACTS)}
    still = [name for name, module in found.items() if not module.training]
    trained = [name for name in still if any(p.requires_grad for p in _parent(bench.model, name).parameters())]
    if trained and len(still) < len(found):
        return wrong("training-mode", of=len(found), **names(trained))
    changed = _changed_by_train(bench)
    if changed:
        raise CannotCheck("train-changes", **names(changed))
    if not found:
        raise CannotCheck("no-modes")
    if len(still) == len(found):
        raise CannotCheck("all-in-evaluation")
    return sound("training-mode", of=len(found))


def _changed_by_train(bench: Bench) -> list[str]:
    """Return what the model's own train() does to a model in training mode: parameters and layers, by name."""
    model = bench.model
    if not model.training or all(type(each).train is nn.Module.train for each in model.modules()):
        return []
    modes = [(name, module) for name, module in model.named_modules() if isinstance(module, ACTS)]
    before = [each.requires_grad for each in model.parameters()], [each.training for _, each in modes]
    with bench.untouched():
        model.train()
        pairs = zip(model.named_parameters(), before[0], strict=True)
        found = [name for (name, each), needed in pairs if each.requires_grad != needed]
        own = zip(modes, before[1], strict=True)
        return found + [name for (name, each), trained in own if trained and not each.training]


def _parent(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])


def answers(bench: Bench, change: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return the model's answers in evaluation mode to what it was given, and to that with a change."""
    arguments, options, _ = bench.called()
    before = bench.once(_answer)
    after = bench.answer(mapped(arguments, change), mapped(options, change), training=False)
    if after.shape != before.shape:
        raise CannotCheck("other-shape")
    return before.double(), after.double()


def _answer(bench: Bench) -> Tensor:
    """Return the model's answer in evaluation mode to what it was given, asked twice."""
    arguments, options, _ = bench.called()
    first, second = (bench.answer(arguments, options, training=False) for _ in range(2))
    if not torch.equal(first, second):
        raise CannotCheck("not-repeatable")
    return first


def scale(output: Tensor) -> float:
    """Return the scale of an output, which no division makes infinite."""
    return max(float(output.double().std(correction=0)), 1e-12)
