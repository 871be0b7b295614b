"""A single probe asked, without all others."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome
from newllm.checks.parts import Parts
from newllm.checks.probes import PROBES

Loss = Callable[[Any, Any], Tensor]


def asked(
    probe: str, model: nn.Module, loss: Loss, batch: Any, *, optimizer: torch.optim.Optimizer | None = None, **more: Any
) -> Outcome:
    """Return what a probe answers."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3) if optimizer is None else optimizer
    bench = Bench(Parts(model, optimizer, loss, batch, **more), 60)
    try:
        with bench.untouched():
            return PROBES[probe](bench)
    except CannotCheck as reason:
        return Outcome(probe, "unchecked", reason.message)


def answer(probe: str, model: nn.Module, loss: Loss, batch: Any, **more: Any) -> str:
    """Return "sound", "wrong", or the reason that there is no answer."""
    outcome = asked(probe, model, loss, batch, **more)
    return outcome.sentence.id.rpartition(".")[2] if outcome.status == "unchecked" else outcome.status
