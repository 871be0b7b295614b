"""Training and evaluation mode: is each part in the right one, and does nothing act by chance in evaluation?"""

from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from newllm.checks.bench import Bench, names
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.dependence import MOVED, spread
from newllm.checks.seen import ACTS
from newllm.messages import message


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

    A model with a train() of its own may keep parts there, as batch norms whose scale is trained. Batch norms whose
    statistics were measured may be kept so by hand, as where rows are few. Where train() still changes something, what
    was handed over is not what is trained after the first evaluation; the loop may call it yet, and this is no mistake
    as such.
    """
    model = bench.model
    found = {name: module for name, module in model.named_modules() if isinstance(module, ACTS)}
    still = [name for name, module in found.items() if not module.training]
    meant = _kept_by_train(bench, still)
    trained = [name for name in still if name not in meant and _is_trained(model, name)]
    left = [name for name in trained if not _is_measured(found[name])]
    if left and len(still) < len(found):
        return wrong("training-mode", of=len(found), **names(left))
    changed = _changed_by_train(bench)
    if changed:
        raise CannotCheck("train-changes", **names(changed))
    if not found:
        raise CannotCheck("no-modes")
    if not model.training or left:
        raise CannotCheck("all-in-evaluation")
    if trained:
        raise CannotCheck("norms-kept", of=len(found), **names(trained))
    if meant:
        evidence = {"of": len(found), "meant": len(meant)}
        return Outcome("training-mode", "sound", message("check-training-mode.kept", **evidence), evidence)
    return sound("training-mode", of=len(found))


def _is_trained(model: nn.Module, name: str) -> bool:
    """Say whether a layer is trained, or that which it stands in where it has no weights."""
    own = list(model.get_submodule(name).parameters())
    return any(each.requires_grad for each in own or model.get_submodule(name.rpartition(".")[0]).parameters())


def _is_measured(module: nn.Module) -> bool:
    """Say whether a layer is a batch norm that has taken its statistics from data, or that keeps none."""
    if not isinstance(module, nn.modules.batchnorm._BatchNorm):
        return False
    mean, variance = module.running_mean, module.running_var
    return mean is None or variance is None or bool(mean.any()) or bool((variance != 1).any())


def _kept_by_train(bench: Bench, still: list[str]) -> set[str]:
    """Return the layers in evaluation mode that the model's own train() leaves or puts there."""
    model = bench.model
    if not (still and model.training) or all(type(each).train is nn.Module.train for each in model.modules()):
        return set()
    with bench.untouched():
        model.train()
        return {name for name in still if not model.get_submodule(name).training}


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
