"""What a training is set to, beside its learning rate: weight decay, momentum, dropout, which parameters get gradients.

These are numbers in Python, so that reading them at every update costs next to nothing. They are written on sampled
steps, and at once where one has changed.
"""

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import Row


class SettingsWatch:
    """Reads the settings of the optimizers and of a model's dropout layers.

    Args:
        optimizers: that are stepped.
        root: the model.
    """

    def __init__(self, optimizers: Optimizers, root: nn.Module) -> None:
        self._optimizers = optimizers
        self._dropouts = [(one, name) for one in root.modules() if (name := _rate_of(one))]
        self._latest: dict[str, float] = {}

    def put(self, row: Row, tensors: int | None, *, sampled: bool) -> None:
        """Record them.

        Args:
            row: where the signals go.
            tensors: how many parameters had a gradient; None where there was no backward pass.
            sampled: whether they are written even where none has changed.
        """
        for name, value in self._settings(tensors).items():
            if sampled or self._latest.get(name, value) != value:
                row.put(name, value)
            self._latest[name] = value

    def _settings(self, tensors: int | None) -> dict[str, float]:
        found: dict[str, float] = {}
        for _, group in self._optimizers.groups:
            betas = group.get("betas")
            momentum = betas[0] if isinstance(betas, tuple | list) and betas else group.get("momentum")
            for name, value in (("weight_decay", group.get("weight_decay")), ("momentum", momentum)):
                if isinstance(value, int | float) and not isinstance(value, Tensor):
                    found[name] = max(found.get(name, 0.0), float(value))
        if self._dropouts:
            found["dropout"] = max(float(getattr(one, name)) for one, name in self._dropouts)
        if tensors is not None:
            found["tensors_with_gradient"] = float(tensors)
        return found


def _rate_of(module: nn.Module) -> str:
    """Return the attribute that holds the dropout rate of a module; empty where it has none."""
    if isinstance(module, _DropoutNd):
        return "p"
    return "dropout" if isinstance(module, nn.MultiheadAttention | nn.RNNBase) else ""
