"""The parameters: is each in the optimizer once, does each get a gradient and move, and does the rest stay?"""

import gc
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from newllm.checks.bench import Bench, names
from newllm.checks.loop import calls
from newllm.checks.met import must_not_be_met
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.reached import reached
from newllm.checks.scaled import scaled_alike
from newllm.checks.updates import UPDATES, Updates, updates
from newllm.model.plain_containers import in_plain_containers
from newllm.model.tied_head import TiedHead

_LOST = 0.5  # share of the numbers of a tensor


def optimizer_holds(bench: Bench) -> Outcome:
    """Hold the optimizer's parameters against those of the model that need a gradient."""
    held = [id(each) for group in bench.optimizer.param_groups for each in group["params"]]
    trainable = {name: each for name, each in bench.model.named_parameters() if each.requires_grad}
    elsewhere = {id(each) for other in _other_optimizers(bench) for g in other.param_groups for each in g["params"]}
    if not trainable:
        return wrong("optimizer-holds", "nothing-trainable")
    twice = [name for name, each in trainable.items() if held.count(id(each)) > 1]
    missing = [name for name, each in trainable.items() if id(each) not in held and id(each) not in elsewhere]
    others = len(set(held) - {id(each) for each in bench.model.parameters()})
    if len(missing) == len(trainable):
        return wrong("optimizer-holds", "other-model", others=others)
    if missing:
        shared = _held_by_others(bench, trainable, missing)
        if shared == missing:
            raise CannotCheck("other-optimizer", share=_share(bench, missing), **names(missing))
        missing = [name for name in missing if name not in shared]
        return wrong("optimizer-holds", "missing", share=_share(bench, missing), others=others, **names(missing))
    if twice:
        return wrong("optimizer-holds", "twice", **names(twice))
    return sound("optimizer-holds", count=len(trainable), others=others)


def _other_optimizers(bench: Bench) -> list[Optimizer]:
    """Return the optimizers that the loop's step holds beside the one that was given."""
    if bench.parts.step is None:
        return []
    found = reached(bench.parts.step, besides=(bench.model, bench.optimizer))
    return [each for each in found if isinstance(each, Optimizer)]


def _held_by_others(bench: Bench, trainable: Mapping[str, Tensor], missing: list[str]) -> list[str]:
    """Return what other optimizers of this process hold, where no step says which of them the training uses."""
    if bench.parts.step is not None:
        return []
    gc.collect()  # one that is no more used is none
    alive = [each for each in gc.get_objects() if issubclass(type(each), Optimizer) and each is not bench.optimizer]
    held = {id(each) for other in alive for group in other.param_groups for each in group["params"]}
    return [name for name in missing if id(trainable[name]) in held]


def tied(bench: Bench) -> Outcome:
    """Where a model's configuration says that embedding and head are one weight, see whether they are.

    Models of transformers say it, and tie the two again when they are loaded: what one of two weights has learnt is
    lost then. Layers that an adapter has taken the place of are left out, since it keeps copies on purpose. A head of
    ours has no weight that could be another.
    """
    where = {id(each): path for path, each in bench.model.named_modules()}
    for name, module in bench.model.named_modules():
        if isinstance(module, TiedHead) and id(module.embedding) in where:
            return sound("tied", embedding=where[id(module.embedding)], head=name)
        if getattr(getattr(module, "config", None), "tie_word_embeddings", False) is not True:
            continue
        given, made = (getattr(module, f"get_{kind}_embeddings", lambda: None)() for kind in ("input", "output"))
        if type(given) is not nn.Embedding or type(made) is not nn.Linear or given.weight.shape != made.weight.shape:
            continue
        evidence = {"embedding": where.get(id(given), name), "head": where.get(id(made), name)}
        return sound("tied", **evidence) if given.weight is made.weight else wrong("tied", **evidence)
    raise CannotCheck("no-tie")


def registered(bench: Bench) -> Outcome:
    """Look for weights that the loss uses and that stand in plain lists and dictionaries of the model."""
    foreign = {id(each) for each in bench.seen.foreign}
    hidden = [name for name, each in _weights_in_containers(bench.model) if id(each) in foreign]
    return wrong("registered", **names(hidden)) if hidden else sound("registered")


def _weights_in_containers(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and tensors in plain containers of a model, with where they stand."""
    for place, one in in_plain_containers(model):
        if isinstance(one, nn.Module):
            yield from ((f"{place}.{part}", each) for part, each in one.named_parameters())
        else:
            yield place, one


def gradients(bench: Bench) -> Outcome:
    """See which parameters never got a gradient in a few updates.

    An expert, a head or a layer may be one of several in a list, of which a batch reaches some.
    """
    found = updates(bench)
    if len(found.absent) == len(found.trainable):
        raise CannotCheck("no-gradient")
    if len(found.zero) == len(found.trainable):
        must_not_be_met(bench)
    waiting = _waiting(bench.model, found.trainable, set(found.zero))
    cancelled = _cancelled(found)
    for case, lost in (("absent", found.absent), ("zero", found.zero)):
        if lost := [name for name in lost if name not in waiting and name not in cancelled]:
            return wrong("gradients", case, share=_share(bench, lost), **names(lost))
    if cancelled:
        raise CannotCheck("cancelled", **names(cancelled))
    if waiting:
        lost = [name for name in found.zero if name in waiting]
        raise CannotCheck("unreached", share=_share(bench, lost), **names(lost))
    return sound("gradients", count=len(found.trainable), updates=UPDATES)


def _cancelled(found: Updates) -> list[str]:
    """Return the biases that have a gradient of 0 while the weights of their layers are pulled at.

    What comes of such a layer reaches the loss, and the loss does not change with a constant that is added to it: as
    where one mean of outputs is taken from another, or their order counts alone.
    """
    lost = set(found.zero) - set(found.absent)
    weights = {name: f"{name.removesuffix('bias')}weight" for name in lost if name.rpartition(".")[2] == "bias"}
    return sorted(name for name, weight in weights.items() if weight in found.trainable and weight not in found.zero)


def _waiting(model: nn.Module, trainable: list[str], lost: set[str]) -> set[str]:
    """Return what belongs to a part of a ModuleList or ModuleDict that got nothing, beside one of its kind that did."""
    found: set[str] = set()
    for place, holder in model.named_modules():
        if not isinstance(holder, nn.ModuleList | nn.ModuleDict):
            continue
        parts: dict[Any, list[set[str]]] = {}
        for name, part in holder.named_children():
            own = f"{place}.{name}.".removeprefix(".")
            kind = type(part), *(inner for inner, _ in part.named_parameters())
            parts.setdefault(kind, []).append({each for each in trainable if each.startswith(own)})
        for alike in parts.values():
            if any(not own <= lost for own in alike):
                found = found.union(*(own for own in alike if own <= lost))
    return found


def moves(bench: Bench) -> Outcome:
    """See what has a gradient, is in the optimizer, and did not move in a few updates."""
    groups = bench.optimizer.param_groups
    held = {id(each): float(group.get("lr", 1.0)) for group in groups for each in group["params"]}
    if held and not any(held.values()):
        raise CannotCheck("rate-zero")
    found = updates(bench)
    parameters = dict(bench.model.named_parameters())
    pulled = [name for name in found.trainable if name not in found.zero and held.get(id(parameters[name]))]
    if not pulled:
        must_not_be_met(bench)
        raise CannotCheck("no-gradient")
    still = [name for name in pulled if name not in found.moved and name not in found.faint]
    if still:
        first = parameters[still[0]]
        dtype = str(first.dtype).removeprefix("torch.")
        return wrong("moves", updates=UPDATES, dtype=dtype, rate=held[id(first)], **names(still))
    lost = [name for name in pulled if found.still.get(name, 0.0) > _LOST]
    if lost:
        first = parameters[lost[0]]
        dtype = str(first.dtype).removeprefix("torch.")
        share, rate = found.still[lost[0]], held[id(first)]
        return wrong("moves", "partly", share=share, updates=UPDATES, dtype=dtype, rate=rate, **names(lost))
    resting = [name for name in found.trainable if name not in found.zero and held.get(id(parameters[name])) == 0]
    if resting:
        raise CannotCheck("some-rest", moved=len(pulled), **names(resting))
    return sound("moves", count=len(pulled), updates=UPDATES)


def stays(bench: Bench) -> Outcome:
    """See whether what is frozen moved, or the running statistics that belong to it; also in the loop's own step.

    A step may move on purpose what no gradient trains: a teacher that follows, a codebook, what is annealed.
    """
    found = updates(bench)
    if not found.frozen:
        raise CannotCheck("nothing-frozen")
    if moved := [name for name in found.frozen if name in found.moved]:
        return wrong("stays", "weights", **names(moved))
    by_step = _moved_by_step(bench)
    if by_step and (scaled := scaled_alike(bench, by_step))[0]:
        return wrong("stays", "step", factor=scaled[1], **names(scaled[0]))
    following = _of_followers(bench.model, found.statistics)
    moved = [name for name in found.statistics if name in found.moved or name in by_step]
    if own := [name for name in moved if name not in following]:
        return wrong("stays", "statistics", **names(own))
    if moved:
        raise CannotCheck("follows", **names(moved))
    if by_step:
        raise CannotCheck("step-writes", **names(by_step))
    return sound("stays", count=len(found.frozen))


def _of_followers(model: nn.Module, statistics: list[str]) -> set[str]:
    """Return the statistics that stand in a frozen part of which another one of the same form is trained.

    So it is with a teacher, or the encoder of keys, whose batch norms work as those of the part that it follows.
    """
    forms = {
        name: [(inner, each.shape) for inner, each in part.named_parameters()] for name, part in model.named_modules()
    }
    trained = [
        (type(part), forms[name])
        for name, part in model.named_modules()
        if forms[name] and all(each.requires_grad for each in part.parameters())
    ]
    found = set[str]()
    for name in statistics:
        place = name.split(".")[:-2]  # what holds the batch norm
        while place:
            around = ".".join(place)
            part = model.get_submodule(around)
            is_frozen = not any(each.requires_grad for each in part.parameters())
            if is_frozen and (type(part), forms[around]) in trained:
                found.add(name)
            place = place[:-1]
    return found


def _moved_by_step(bench: Bench) -> list[str]:
    try:
        return calls(bench)[-1].frozen_moved
    except CannotCheck:  # none was given, or it makes no update
        return []


def _share(bench: Bench, chosen: list[str]) -> float:
    """Return the share of all trainable numbers that these parameters hold."""
    sizes = {name: each.numel() for name, each in bench.model.named_parameters() if each.requires_grad}
    return sum(sizes[name] for name in chosen) / sum(sizes.values())
