"""Where two replays of the same state first differ from each other, and in what: a training with chance of its own.

Both go on side by side, an update of the one and then the same update of the other, and after each pair everything
that the next depends on is compared: batches, weights, the optimizer's state, torch's random state. numpy's and
Python's are seeded by nobody before an update: whoever draws from them does so in another place each time.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from newllm.replays.replica.replica import Replica, State, Update
from newllm.replays.replica.setup import Setup, digest
from newllm.replays.replica.subject import Subject


@dataclass(frozen=True)
class Disagreement:
    """Where two replays first differ.

    Attributes:
        step: updates done, the one in which they came apart included.
        parameter: whose gradient differs most, by its length; where no gradient does, the first whose weights or
            optimizer state differ, in the model's order; None if none does.
        random_state: "torch", "numpy" or "python": whose chance was drawn from without a seed of the step's own; None
            if none was.
        batch: whether they read different batches.
    """

    step: int
    parameter: str | None
    random_state: str | None
    batch: bool


def first_disagreement(
    subject: Subject, setup: Setup, state: State | None, steps: Iterable[int]
) -> Disagreement | None:
    """Replay twice from the same state, side by side.

    Args:
        subject: what is replayed.
        setup: of both.
        state: at `setup.start`.
        steps: updates done before each update, in order.

    Returns:
        None where they agree to the end.
    """
    pair = subject.start(setup, state), subject.start(setup, state)
    for step in steps:
        found = _compared(step, _updated(pair[0], step), _updated(pair[1], step), pair)
        if found is not None:
            return found
    return None


def first_different_tensor(first: State, second: State) -> str | None:
    """Return the name of the first tensor in which two states differ, weights first; None where none does."""
    for part in ("model", "optimizer", "carried"):
        ours, theirs = getattr(first, part), getattr(second, part)
        for name in dict.fromkeys([*theirs, *ours]):
            if name not in ours or name not in theirs or not same_bits(ours[name], theirs[name]):
                return name
    return None


@dataclass(frozen=True)
class _Done:
    update: Update
    batches: list[int]
    torch_state: tuple[bytes, ...]
    drawn: str | None


def _updated(replica: Replica, step: int) -> _Done:
    before, read = _unseeded(), len(replica.seen)
    update = replica.update(step)
    after = _unseeded()
    drawn = next((name for name in before if before[name] != after[name]), None)
    return _Done(update, replica.seen[read:], _torch_states(replica.device), drawn)


def _compared(step: int, first: _Done, second: _Done, pair: tuple[Replica, Replica]) -> Disagreement | None:
    name = first_different_tensor(pair[0].state(), pair[1].state())
    chance = "torch" if first.torch_state != second.torch_state else None
    batch = first.batches != second.batches
    numbers = [repr((each.update.loss, each.update.gradient_norm)) for each in (first, second)]
    if name is None and chance is None and not batch and numbers[0] == numbers[1]:
        return None
    return Disagreement(step + 1, _guiltiest(pair) or (name and parameter_of(name)), chance or first.drawn, batch)


def _guiltiest(pair: tuple[Replica, Replica]) -> str | None:
    """Return the parameter whose gradients lie farthest apart; clipping spreads a difference in one over all."""
    apart = {}
    others = dict(pair[1].model.named_parameters())
    for name, parameter in pair[0].model.named_parameters():
        one, other = parameter.grad, others[name].grad
        if one is not None and other is not None and not same_bits(one, other):
            apart[name] = float((one - other).double().norm() / one.double().norm())
    return max(apart, key=lambda name: apart[name]) if apart else None


def parameter_of(name: str) -> str:
    """Return the parameter of a tensor of a state: `PARAMETER`, or `PARAMETER/KEY` of the optimizer's."""
    return name.rpartition("/")[0] or name


def _unseeded() -> dict[str, int]:
    """Return a number for each state of the chance that no update seeds."""
    return {"numpy": digest(np.random.get_state(legacy=False)), "python": digest(random.getstate())}


def _torch_states(device: torch.device) -> tuple[bytes, ...]:
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    elif device.type == "mps":
        states.append(torch.mps.get_rng_state())
    return tuple(state.numpy().tobytes() for state in states)


def same_bits(left: Tensor, right: Tensor) -> bool:
    """Whether two tensors have the same bits; one that is not a number is the same as itself."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    left, right = left.detach().cpu().contiguous(), right.detach().cpu().contiguous()
    return torch.equal(left.reshape(-1).view(torch.uint8), right.reshape(-1).view(torch.uint8))
