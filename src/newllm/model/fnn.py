"""The FNNs of a cell. The founding document's is Linear, ReLU, dropout, again and again; no residual, no norm.

The dropout masks are drawn for a whole sequence at once, by `draw_masks`, and given to `forward`: so a
loop over positions and a function that runs the whole sequence can be given the same ones.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


class FNN(nn.Sequential):
    """The layers; parameters are named by their place in the sequence, 0, 3, 6, ...

    Args:
        source: width of what it reads.
        hidden: width of every layer.
        layers: how many.
        dropout: probability, after every layer.
    """

    def __init__(self, source: int, hidden: int, layers: int, dropout: float) -> None:
        modules: list[nn.Module] = []
        for before, after in pairwise([source] + [hidden] * layers):
            modules += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*modules)

    @property
    def linears(self) -> list[nn.Linear]:
        """The linear layers in order, or what was put in their places (an adapter around one)."""
        others = nn.ReLU | nn.Dropout | nn.ModuleList
        return [module for module in self if not isinstance(module, others)]  # type: ignore[misc]

    @property
    def dropout(self) -> float:
        """The probability in force: 0 in evaluation."""
        (probability,) = {module.p for module in self if isinstance(module, nn.Dropout)}
        return probability if self.training else 0.0

    def draw_masks(self, *shape: int) -> Tensor | None:
        """Draw what each layer's output is multiplied by, from torch's global generator.

        Args:
            *shape: leading axes of the outputs.

        Returns:
            Zeros and `1 / (1 - dropout)`, `[layers, *shape, hidden]`; None where nothing is dropped.
        """
        if not self.dropout:
            return None
        linears, keep = self.linears, 1.0 - self.dropout
        weight = linears[0].weight
        # Half the time of torch's bernoulli_.
        chance = torch.rand(len(linears), *shape, len(weight), device=weight.device)
        return chance.lt_(keep).to(weight.dtype).div_(keep)

    def forward(self, source: Tensor, masks: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Return the last layer's output `[..., hidden]`.

        Args:
            source: `[..., source]`.
            masks: from `draw_masks`, one for each layer; None drops nothing.
        """
        hidden = source
        for layer, linear in enumerate(self.linears):
            hidden = torch.relu(linear(hidden))
            if masks is not None:
                hidden = hidden * masks[layer].to(hidden.dtype)
        return hidden


class ResidualFNN(FNN):
    """The same layers as pre-norm residual branches: `x + dropout(relu(linear(norm(x))))`, and a last norm.

    The first layer brings the source to the hidden width and has no branch beside it. Arguments as for FNN.
    """

    def __init__(self, source: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__(source, hidden, layers, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        for linear in self.linears[1:]:
            linear.is_residual_output = True  # type: ignore[assignment]  # scaled by depth at initialisation

    def forward(self, source: Tensor, masks: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Return the last norm's output `[..., hidden]`; see `FNN.forward`."""
        first, *branches = self.linears
        hidden = torch.relu(first(source))
        hidden = hidden * (1.0 if masks is None else masks[0].to(hidden.dtype))
        for layer, (linear, norm) in enumerate(zip(branches, self.norms, strict=False), start=1):
            branch = torch.relu(linear(norm(hidden)))
            hidden = hidden + branch * (1.0 if masks is None else masks[layer].to(branch.dtype))
        return self.norms[-1](hidden)


FNNS: dict[str, type[FNN]] = {"plain": FNN, "residual": ResidualFNN}
