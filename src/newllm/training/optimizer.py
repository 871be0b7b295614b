"""The optimizer, and its state by parameter name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.model.ngram_embedding import NGramTable
from newllm.training.config import OptimizerConfig
from newllm.training.muon import Muon
from newllm.training.sharded_sgd import SGD
from newllm.training.sharding import is_sharded

_DECAYED = (nn.Linear, nn.Embedding, nn.LSTM)


def build_optimizer(model: nn.Module, config: OptimizerConfig, precision: str = "fp32") -> torch.optim.Optimizer:
    """Build Adam, AdamW, Muon or SGD with momentum, fused where torch has it.

    Weight decay touches the matrices of linear layers, embeddings and LSTMs: not norms, biases, time
    scales or convolutions. Muon takes the matrices of linear layers but the head's. Tables of n-grams may decay more:
    Adam's step is as long for a row that one token of a text has as for one that thousands have, and only what is
    seen again and again outlives the decay.

    Args:
        model: whose parameters are trained.
        config: which optimizer, and its numbers.
        precision: of the run, in which Muon computes: "fp32" or "bf16".
    """
    matrices = {id(p) for m in model.modules() if isinstance(m, _DECAYED) for p in m.parameters(False) if p.dim() > 1}
    decayed = [parameter for parameter in model.parameters() if id(parameter) in matrices]
    free = [parameter for parameter in model.parameters() if id(parameter) not in matrices]
    tables = {id(m.weight) for m in model.modules() if isinstance(m, NGramTable)} if config.ngram_decay else set()
    faster = [parameter for parameter in decayed if id(parameter) in tables]
    decayed = [parameter for parameter in decayed if id(parameter) not in tables]
    further = [(faster, config.weight_decay + config.ngram_decay)] if faster else []
    if config.name == "muon":
        hidden = _hidden(model)
        inner = [parameter for parameter in decayed if id(parameter) in hidden]
        outer = [parameter for parameter in decayed if id(parameter) not in hidden]
        others = _groups((outer, config.weight_decay), (free, 0.0), *further)
        rates = config.learning_rate, (config.beta1, config.beta2), config.epsilon
        return Muon(_groups((inner, config.weight_decay)), others, *rates, precision)
    groups = _groups((decayed, config.weight_decay), (free, 0.0), *further)
    if config.name == "sgd":
        if any(map(is_sharded, model.parameters())):
            return SGD(groups, config.learning_rate, config.beta1)
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.beta1, fused=True)
    make = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return make(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.epsilon, fused=True)


def _hidden(model: nn.Module) -> set[int]:
    """Return the matrices of linear layers that lead from hidden numbers to hidden numbers, by identity."""
    head = getattr(model, "head", None)
    return {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Linear) and layer is not head}


def _groups(*listed: tuple[list[nn.Parameter], float]) -> list[dict[str, Any]]:
    """Return parameter groups of lists, each with its weight decay."""
    return [{"params": own, "weight_decay": decay} for parameters, decay in listed for own in _apart(parameters)]


def _apart(parameters: list[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Return the whole parameters, and the sharded ones, if there are any, in another list: no operation takes both."""
    sharded = [one for one in parameters if is_sharded(one)]
    return [[one for one in parameters if not is_sharded(one)], *([sharded] if sharded else [])]


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state by name, `PARAMETER/KEY`; empty before the first update."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned.

    Raises:
        UserError: a tensor belongs to no parameter of this model, or has another shape.
    """
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for path, tensor in tensors.items():
        parameter = parameter_of(path, tensor.shape, parameters)
        # The fused kernel wants the count of steps beside the parameter too.
        optimizer.state[parameter][path.rpartition("/")[2]] = tensor.to(parameter.device).clone()


def parameter_of(path: str, shape: torch.Size, parameters: Mapping[str, nn.Parameter]) -> nn.Parameter:
    """Return the parameter that a tensor of the optimizer's state belongs to.

    Raises:
        UserError: there is none, or it has another shape.
    """
    parameter = parameters.get(path.rpartition("/")[0])
    if parameter is None or (shape and shape != parameter.shape):
        raise UserError(f"the snapshot's optimizer state '{path}' does not fit this model: it belongs to another run")
    return parameter
