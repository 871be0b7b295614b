"""Initialisation, each parameter from its own stream of chance, so that adding one changes no other.

Modules set what is not random (time scales, norms, convolutions) in their constructors; here only
weights of linear layers, embeddings and LSTMs are drawn, and of convolutions that are to start at random.
"""

import torch
from torch import nn

from newllm.chance import stream_seed
from newllm.model.convolution import ShortConvolution
from newllm.model.tied_head import TiedHead
from newllm.recurrence import Gate

FOUNDING_STD = 0.02  # founding document: every Linear and Embedding weight ~ N(0, 0.02)


def initialise(model: nn.Module, scheme: str, seed: int) -> None:
    """Draw all weights.

    Args:
        model: the model; its `config.layers` scales residual outputs.
        scheme: "normal", the founding document's; "scaled": N(0, 1/fan-in) with the outputs of residual
            branches divided by sqrt(2 * layers) (Radford et al. 2019, GPT-2); or "he": N(0, 2/fan-in)
            (He et al. 2015).
        seed: of the run.
    """
    depth = (2 * model.config.layers) ** -0.5  # type: ignore[union-attr, operator]
    for path, module in model.named_modules():
        if isinstance(module, TiedHead):
            continue  # its matrix is drawn as the embedding
        if isinstance(module, nn.Linear):
            std = {"normal": FOUNDING_STD, "scaled": module.in_features**-0.5, "he": (2 / module.in_features) ** 0.5}
            scale = depth if scheme == "scaled" and hasattr(module, "is_residual_output") else 1.0
            _normal(module.weight, std[scheme] * scale, seed, f"{path}.weight")
            if module.bias is not None and not isinstance(module, Gate):
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            _normal(module.weight, FOUNDING_STD, seed, f"{path}.weight")
        elif isinstance(module, ShortConvolution) and module.drawn:
            bound = module.weight.shape[0] ** -0.5
            nn.init.uniform_(module.weight, -bound, bound, generator=_generator(seed, f"{path}.weight"))
        elif isinstance(module, nn.LSTM):
            _lstm(module, path, seed)


def _lstm(module: nn.LSTM, path: str, seed: int) -> None:
    """Draw torch's own uniform weights from named streams; open the forget gate (Jozefowicz et al. 2015)."""
    bound = module.hidden_size**-0.5
    for name, parameter in module.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                with torch.no_grad():
                    parameter[module.hidden_size : 2 * module.hidden_size] = 1.0
        else:
            nn.init.uniform_(parameter, -bound, bound, generator=_generator(seed, f"{path}.{name}"))


def _normal(parameter: torch.Tensor, std: float, seed: int, name: str) -> None:
    nn.init.normal_(parameter, 0.0, std, generator=_generator(seed, name))


def _generator(seed: int, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, "initialisation", name))
