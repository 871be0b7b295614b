"""Faults of the model's start, and of evaluation."""
# ruff: noqa: D102 (each method is a hook, described where it is declared)

from typing import Any

import torch
from torch import Tensor, nn

from loop import Hooks
from models import logits
from setups import Setup


class VanishingInitialisation(Hooks):
    """All matrices between the first and the last layer start far too small."""

    @torch.no_grad()
    def initialise(self, model: nn.Module) -> None:
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        for matrix in matrices[1:-1]:
            matrix.mul_(self.size["factor"])


class UnboundedRecurrence(Hooks):
    """An additive context without a norm that feeds on itself."""

    def shape(self) -> dict[str, Any]:
        return {"rule": "additive", "norm": "none"}

    @torch.no_grad()
    def initialise(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if "rule.delta" in name and parameter.dim() > 1:
                parameter.mul_(self.size["factor"])


class SaturatedGates(Hooks):
    """Every gate starts shut."""

    @torch.no_grad()
    def initialise(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name.endswith("rule.gate.bias"):
                parameter.fill_(self.size["bias"])
            elif "lstm.bias_ih" in name:  # input, forget, cell and output gate
                for part in (0, 1, 3):
                    parameter.view(4, -1)[part] = self.size["bias"]


class DeadUnits(Hooks):
    """Most units of one ReLU layer never fire."""

    @torch.no_grad()
    def initialise(self, model: nn.Module) -> None:
        hidden = [part for part in model.modules() if isinstance(part, nn.Linear)][-2]
        hidden.bias[: round(self.size["share"] * len(hidden.bias))] = self.size["bias"]


class StaleEvaluation(Hooks):
    """Evaluations repeat an old value."""

    def __init__(self, setup: Setup, size: dict[str, float]) -> None:
        super().__init__(setup, size)
        self._last, self._repeats = (0.0, 0), 0

    def evaluation(self, step: int, loss: float, correct: int) -> tuple[float, int]:
        if step >= self.at and self._repeats < self.size["evaluations"]:
            self._repeats += 1
        else:
            self._last = loss, correct
        return self._last


class ChangedEvaluation(Hooks):
    """Evaluations read shorter windows from some step on; without text, logits are sharpened."""

    def predict(self, step: int, model: nn.Module, inputs: Tensor) -> Tensor:
        if step < self.at:
            return logits(model, inputs)
        if inputs.is_floating_point():
            return self.size["logits"] * logits(model, inputs)
        width = int(self.size["window"])
        return logits(model, inputs.reshape(-1, width)).reshape(*inputs.shape, -1)


class EvaluationInTrainingMode(Hooks):
    """Nobody calls `model.eval()`."""

    def evaluates_in_training_mode(self) -> bool:
        return True


MODEL_FAULTS: dict[str, type[Hooks]] = {
    "vanishing-initialisation": VanishingInitialisation,
    "unbounded-recurrence": UnboundedRecurrence,
    "saturated-gates": SaturatedGates,
    "dead-units": DeadUnits,
    "stale-evaluation": StaleEvaluation,
    "changed-evaluation": ChangedEvaluation,
    "evaluation-in-training-mode": EvaluationInTrainingMode,
}
