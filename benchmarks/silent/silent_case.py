"""A silent training error as a small program: how it is described, and the parts that a judge gets of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import nn

Loss = Callable[[nn.Module, Any], torch.Tensor]
Batches = Callable[[int], Any]


@dataclass
class Training:
    """A training program in parts.

    Args:
        model: The model that is trained; of two processes, the one of this rank.
        optimizer: The optimizer, as the program uses it.
        loss: Model and batch to a loss. Of a case whose fault lies in the loop, it is right.
        batches: The batch of a step.
        step: One whole training step of the program, with its fault; returns the loss. Steps count from 0.
        measure: Takes some steps and says how far the program is from what it means to do: 0 if it is right.
        loader: The data loader of the program, where it has one.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    batches: Batches
    step: Callable[[int], float]
    measure: "Callable[[Training], float]"
    loader: Any = None

    def error(self) -> float:
        """The evidence: 0 if the program is right. It trains: take a program of its own for it."""
        return self.measure(self)


class Build(Protocol):
    """Makes the program, with its fault or fixed."""

    def __call__(self, fixed: bool, seed: int = 0) -> Training:
        """All randomness follows from the seed."""
        ...


@dataclass(frozen=True)
class SilentCase:
    """A silent training error.

    Args:
        name: Of the case.
        source_url: Where the error was reported.
        what: The error in a sentence.
        first_wrong_step: The first step (from 0) in which something is wrong, or that it is wrong before training, or
            that only a comparison of the ranks shows it.
        can_be_seen_before: Whether model, optimizer, loss and batch show it before the first step, to one who does not
            know what the author meant.
        why: Why they do, or do not.
        fault_in: "parts", or "loop": then model, optimizer and loss are honest, and only `step` (and `batches`, where
            the loader is at fault) carries the error.
        evidence: What the number is that `Training.error` measures.
        processes: 1, or 2 with gloo.
        build: Makes the program.
        held_out: Not to be looked at while a tool is being made; see README.md.
    """

    name: str
    source_url: str
    what: str
    first_wrong_step: int | Literal["before training", "between ranks"]
    can_be_seen_before: bool
    why: str
    fault_in: Literal["parts", "loop"]
    evidence: str
    processes: Literal[1, 2]
    build: Build
    held_out: bool = False


def silent_case(
    *,
    source_url: str,
    what: str,
    first_wrong_step: int | Literal["before training", "between ranks"],
    can_be_seen_before: bool,
    why: str,
    fault_in: Literal["parts", "loop"],
    evidence: str,
    processes: Literal[1, 2] = 1,
) -> Callable[[Any], SilentCase]:
    """Makes a case of a function `build(fixed, seed)`, whose name it takes."""

    def described(build: Any) -> SilentCase:
        return SilentCase(
            name=build.__name__,
            source_url=source_url,
            what=what,
            first_wrong_step=first_wrong_step,
            can_be_seen_before=can_be_seen_before,
            why=why,
            fault_in=fault_in,
            evidence=evidence,
            processes=processes,
            build=build,
        )

    return described
