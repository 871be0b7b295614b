"""Training and evaluation mode: is each part in the right one, and does nothing act by chance in evaluation?"""

from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from newllm.checks.bench import Bench, names
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.dependence import MOVED, spread
from newllm.checks.seen import ACTS


def evaluation_mode(bench: Bench) -> Outcome:
    """Answer in evaluation mode and watch for dropout: there it may not act.

    A model without dropout and batch norms answers alike in both modes, unless it says otherwise itself.
    """
    arguments, options, _ = bench.called()
    with _Chance() as chance:
        first = bench.answer(arguments, options, training=False, seed=0)
    second = bench.answer(arguments, options, training=False, seed=1)
    moved = float((first - second).abs().max()) / spread(first)
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
    return float((trained.double() - evaluated.double()).abs().max()) / spread(evaluated)


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
