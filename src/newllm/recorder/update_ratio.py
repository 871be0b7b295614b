"""How far an update moves each layer, as a part of the layer's length; for any torch model.

A rule of thumb says about 1e-3 (Stanford CS231n notes, "Neural networks part 3", ratio of weights and
updates): far more is a step too long, far less a layer that hardly learns.
"""

import torch
from torch import Tensor, nn

from newllm.recorder.layers import alike, by_layer, layers, norm, read


class UpdateRatio:
    """Measures `|w_new - w_old| / |w_old|` of each layer (Euclidean norms) around one optimizer step.

    A layer is judged by its matrices, that is, its parameters of two or more axes; a layer without any by
    all its parameters. Frozen parameters are left out. It holds a copy of the weights that it judges.
    """

    def __init__(self) -> None:
        self._old: list[Tensor] = []
        self._lengths: list[Tensor] = []

    @torch.no_grad()
    def before(self, model: nn.Module) -> None:
        """Keep the weights; call it right before the optimizer's step."""
        weights = [weight for own in measured_weights(model).values() for weight in own]
        if not alike(self._old, weights):
            self._old = [torch.empty_like(weight) for weight in weights]
        # Each weight at once copied and measured: the copy is still in the cache.
        self._lengths = [norm(old.copy_(weight)) for old, weight in zip(self._old, weights, strict=True)]

    @torch.no_grad()
    def after(self, model: nn.Module) -> dict[str, float | None]:
        """Return each layer's ratio, None where the old weights were all zero; call it right after the step.

        Raises:
            RuntimeError: `before` was not called since the last time, or on a model of another shape.
        """
        groups = measured_weights(model)
        weights = [weight for own in groups.values() for weight in own]
        if len(self._lengths) != len(weights) or not alike(self._old, weights):
            raise RuntimeError("UpdateRatio.after without a before on the same model: call before(model) first")
        moved = [norm(old.sub_(weight)) for old, weight in zip(self._old, weights, strict=True)]
        numbers = read([*self._lengths, *moved])
        self._lengths = []
        length = by_layer(groups, numbers[: len(weights)])
        change = by_layer(groups, numbers[len(weights) :])
        return {name: change[name] / length[name] if length[name] != 0 else None for name in groups}


def measured_weights(model: nn.Module) -> dict[str, list[Tensor]]:
    """Return the weights that each layer is judged by."""
    found: dict[str, list[Tensor]] = {}
    for name, own in layers(model).items():
        trained = [parameter.detach() for parameter in own if parameter.requires_grad]
        matrices = [parameter for parameter in trained if parameter.dim() > 1]
        if trained:
            found[name] = matrices or trained
    return found
