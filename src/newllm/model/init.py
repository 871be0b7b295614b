"""Initialisation, each parameter from its own stream of chance, so that adding one changes no other.

Modules set what is not random (time scales, norms, convolutions) in their constructors; here only
weights of linear layers, embeddings and LSTMs are drawn, and of convolutions that are to start at random.

A matrix is drawn whole, as its numbers come from one stream; of one that is sharded a rank keeps its rows. So a model
can be built as an outline, without its matrices, then sharded, then drawn, and no rank ever holds more than one whole.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from newllm.chance import stream_seed
from newllm.model.convolution import ShortConvolution
from newllm.model.ngram_embedding import NGramTable
from newllm.model.tied_head import TiedHead
from newllm.recurrence import Gate

FOUNDING_STD = 0.02  # founding document: every Linear and Embedding weight ~ N(0, 0.02)
_BY_DEPTH = ("scaled", "scaled-embedding")
_DRAWN = (nn.Linear, nn.Embedding, nn.LSTM)


@contextlib.contextmanager
def outlining() -> Iterator[None]:
    """Build models as outlines while this is open: the matrices that are to be drawn are on the device "meta"."""

    def leave_out(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:  # noqa: ARG001
        if isinstance(module, _DRAWN) and parameter is not None and parameter.dim() > 1:
            return nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)
        return parameter

    handle = register_module_parameter_registration_hook(leave_out)  # type: ignore[arg-type]
    try:
        yield
    finally:
        handle.remove()


def is_outline(model: nn.Module) -> bool:
    """Whether a model was built without its matrices."""
    return any(one.is_meta for one in model.parameters())


def initialise(model: nn.Module, scheme: str, seed: int) -> None:
    """Draw all weights; those that an outline is without stay so.

    Args:
        model: the model; its `config.layers` scales residual outputs. Of what is sharded this rank's rows are kept.
        scheme: "normal", the founding document's; "scaled": N(0, 1/fan-in) with the outputs of residual
            branches divided by sqrt(2 * layers) (Radford et al. 2019, GPT-2); "scaled-embedding": the same with
            embeddings N(0, 1/width) in place of N(0, 0.02); or "he": N(0, 2/fan-in) (He et al. 2015).
        seed: of the run.
    """
    depth = (2 * model.config.layers) ** -0.5  # type: ignore[union-attr, operator]
    for path, module in model.named_modules():
        if isinstance(module, TiedHead):
            continue  # its matrix is drawn as the embedding
        if isinstance(module, nn.Linear):
            inputs = module.in_features
            std = {"normal": FOUNDING_STD, "he": (2 / inputs) ** 0.5}.get(scheme, inputs**-0.5)
            scale = depth if scheme in _BY_DEPTH and hasattr(module, "is_residual_output") else 1.0
            _normal(module.weight, std * scale, seed, f"{path}.weight")
            if module.bias is not None and not isinstance(module, Gate):
                nn.init.zeros_(module.bias)
        elif isinstance(module, NGramTable):
            _draw(module.weight, torch.Tensor.zero_)
        elif isinstance(module, nn.Embedding):
            std = module.embedding_dim**-0.5 if scheme == "scaled-embedding" else FOUNDING_STD
            _normal(module.weight, std, seed, f"{path}.weight")
        elif isinstance(module, ShortConvolution) and module.drawn:
            bound = module.weight.shape[0] ** -0.5
            _uniform(module.weight, bound, seed, f"{path}.weight")
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
            _uniform(parameter, bound, seed, f"{path}.{name}")


def _normal(parameter: torch.Tensor, std: float, seed: int, name: str) -> None:
    _draw(parameter, lambda whole: whole.normal_(0.0, std, generator=_generator(seed, name)))


def _uniform(parameter: torch.Tensor, bound: float, seed: int, name: str) -> None:
    _draw(parameter, lambda whole: whole.uniform_(-bound, bound, generator=_generator(seed, name)))


@torch.no_grad()
def _draw(parameter: Any, fill: Callable[[torch.Tensor], object]) -> None:
    """Draw a parameter on the CPU, wherever it is; of a sharded one keep what is this rank's."""
    if parameter.is_meta:
        return
    is_sharded = hasattr(parameter, "device_mesh")  # no import: torch.distributed.tensor takes a while
    if not is_sharded and parameter.device.type == "cpu":
        fill(parameter)
        return
    whole = torch.empty(parameter.shape, dtype=parameter.dtype, device="cpu")
    fill(whole)
    if is_sharded:
        from torch.distributed.tensor import distribute_tensor

        own = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
        parameter, whole = parameter.to_local(), own.to_local()
    parameter.copy_(whole)


def _generator(seed: int, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, "initialisation", name))
