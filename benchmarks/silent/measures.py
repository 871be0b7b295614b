"""How far a program is from what it means to do, in numbers that are 0 if it is right."""

import copy
from collections.abc import Callable, Iterable

import torch
import torch.distributed as dist
from torch import nn

from silent_case import Loss, Training


def difference(found: torch.Tensor, right: torch.Tensor) -> float:
    """Their distance, relative to the right one."""
    return ((found - right).norm() / right.norm().clamp_min(1e-12)).item()


def gradient(loss: Loss, model: nn.Module, batch: object) -> torch.Tensor:
    """The gradient of the loss by the trainable parameters, in a row; the model stays as it is."""
    twin = copy.deepcopy(model)
    trainable = [p for p in twin.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss(twin, batch), trainable, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(trainable, found, strict=True)]
    )


def gradient_error(
    training: Training, *, steps: int = 3, planned: Callable[[torch.Tensor], torch.Tensor] = lambda g: g
) -> float:
    """The largest difference between the gradient that a step uses and what is planned with that of its batch."""
    errors = []

    def look(*_: object) -> None:
        trainable = [p for p in training.model.parameters() if p.requires_grad]
        used = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in trainable])
        right = planned(gradient(training.loss, training.model, training.batches(number)))
        errors.append(difference(used, right))

    handle = training.optimizer.register_step_pre_hook(look)
    for number in range(steps):
        training.step(number)
    handle.remove()
    return max(errors)


def clipped(limit: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """The plan "a gradient is shortened to this norm"."""
    return lambda g: g * min(1.0, limit / g.norm().item())


def unmoved_share(tensors: Iterable[torch.Tensor], training: Training, steps: Iterable[int] = range(5)) -> float:
    """The share of their numbers that stay bit by bit the same over some steps."""
    tensors = list(tensors)
    before = [t.detach().clone() for t in tensors]
    for number in steps:
        training.step(number)
    same = sum(int((a == b).sum()) for a, b in zip(before, tensors, strict=True))
    return same / sum(t.numel() for t in tensors)


def moved_share(tensors: Iterable[torch.Tensor], training: Training, steps: Iterable[int] = range(5)) -> float:
    """The share of their numbers that change over some steps."""
    return 1 - unmoved_share(tensors, training, steps)


def wrong_loss(training: Training, right: Loss, *, steps: int = 0, measured_at: int = 0) -> float:
    """The difference between the gradients of the program's loss and of the right one, after some steps."""
    for number in range(steps):
        training.step(number)
    batch = training.batches(measured_at)
    return difference(gradient(training.loss, training.model, batch), gradient(right, training.model, batch))


def influence(logits: Callable[[torch.Tensor], torch.Tensor], tokens: torch.Tensor, changed: torch.Tensor) -> float:
    """How much logits that should not depend on what changed do, in their standard deviations."""
    with torch.no_grad():
        before, after = logits(tokens), logits(changed)
    return ((after - before).abs().max() / before.std()).item()


def later_tokens_reach_back(model: nn.Module, tokens_BT: torch.Tensor) -> float:
    """How much the logits of the first half of a text depend on its second half."""
    half = tokens_BT.shape[1] // 2
    changed_BT = tokens_BT.clone()
    changed_BT[:, half:] = changed_BT[:, half:].flip(1).roll(1, 0)
    model.eval()
    return influence(lambda tokens: model(tokens)[:, :half], tokens_BT, changed_BT)


def gap_between_ranks(values: torch.Tensor, reference: torch.Tensor | None = None) -> float:
    """How far the two ranks are apart, relative to these numbers or, if there is one, to a reference."""
    every = [torch.zeros_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(every, values.detach().contiguous())
    size = values if reference is None else reference
    return ((every[0] - every[1]).norm() / size.norm().clamp_min(1e-12)).item()


def gap_after_training(parameters: Iterable[torch.Tensor], training: Training, steps: int = 5) -> float:
    """How far parameters that should be the same on both ranks are apart, relative to the way that they went."""
    parameters = list(parameters)
    before = torch.cat([p.detach().flatten().clone() for p in parameters])
    for number in range(steps):
        training.step(number)
    after = torch.cat([p.detach().flatten() for p in parameters])
    return gap_between_ranks(after, after - before)
