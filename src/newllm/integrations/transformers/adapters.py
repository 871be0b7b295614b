"""What share of a model's parameters adapters reach (PEFT's LoRA and others): the rest stays as it was trained."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class AdapterReach:
    """What a fine-tuning with adapters can change.

    Attributes:
        reached: parameters that an adapter changes, or that are trained themselves.
        parameters: of the model, without those of the adapters.
        adapters: parameters that the adapters add.
        left_out: the number of parameters that stay as they are, by the name of the tensor, largest first.
    """

    reached: int
    parameters: int
    adapters: int
    left_out: dict[str, int]

    @property
    def share(self) -> float:
        """Reached parameters of all."""
        return self.reached / self.parameters

    def __str__(self) -> str:
        first = ", ".join(f"{name} ({count:,})" for name, count in list(self.left_out.items())[:5])
        more = f" and {len(self.left_out) - 5} more" if len(self.left_out) > 5 else ""
        rest = f"; not reached: {first}{more}" if first else ""
        return (
            f"adapters with {self.adapters:,} parameters reach {self.reached:,} of {self.parameters:,} "
            f"({100 * self.share:.1f} %){rest}"
        )


def adapter_reach(model: nn.Module) -> AdapterReach:
    """Count what adapters reach.

    Args:
        model: with adapters, as `peft.get_peft_model` returns it; a model without any is reached by none.

    Returns:
        The counts; `print` shows them in one line.
    """
    wrapped = {
        part: layer for part in model.modules() if isinstance(layer := getattr(part, "base_layer", None), nn.Module)
    }
    changed = {id(getattr(layer, "weight", None)) for layer in wrapped.values()}  # its bias stays as it is
    added = {id(value) for part in wrapped for value in part.parameters()}
    added -= {id(value) for layer in wrapped.values() for value in layer.parameters()}
    own = [(name, value) for name, value in model.named_parameters() if id(value) not in added]
    tuned = bool(wrapped)
    left_out = {
        name.removeprefix("base_model.model."): value.numel()
        for name, value in own
        if id(value) not in changed and not (tuned and value.requires_grad)
    }
    return AdapterReach(
        reached=sum(value.numel() for _, value in own) - sum(left_out.values()),
        parameters=sum(value.numel() for _, value in own),
        adapters=sum(value.numel() for value in model.parameters() if id(value) in added),
        left_out=dict(sorted(left_out.items(), key=lambda item: -item[1])),
    )
