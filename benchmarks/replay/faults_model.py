"""A cause in the model of anyone's training. Those in ours are configurations (own_runs.py)."""
# ruff: noqa: D102 (each method is described where it is declared)

from torch import Tensor, nn

from training import Fault, time_of


class DropoutSwitched(Fault):
    """Dropout of another probability from some update on; before it there is none."""

    def shape(self, model: nn.Module) -> None:
        def until_then(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
            return output if time_of(model) > self.at else inputs[0]

        for part in [part for part in model.modules() if isinstance(part, nn.Dropout)]:
            part.p = self.size["probability"]
            part.register_forward_hook(until_then)
