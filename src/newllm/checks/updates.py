"""What a few updates do to a model: which parameters get a gradient, which move, and what moves that should stay."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.trees import dense

_FAINT = 1e-6  # of the largest gradient: what single precision rounds
UPDATES = 3  # what begins at zero (a gate, LoRA's B) keeps the gradient from others in the first of them


@dataclass(frozen=True)
class Updates:
    """What was seen in `UPDATES` updates on one batch.

    Attributes:
        trainable: names of the parameters that need a gradient.
        absent: of these, those that never had a gradient.
        zero: those whose gradient was absent or exactly 0 each time.
        faint: those whose largest gradient was nothing but the rounding of others, as of a bias before a batch norm.
        moved: names of all parameters, and running statistics, that are not what they were.
        still: by name of a parameter in half precision the share of its numbers that had a gradient and did not change.
        frozen: names of the parameters that need no gradient.
        statistics: running statistics of the batch norms whose weights are frozen.
    """

    trainable: list[str]
    absent: list[str]
    zero: list[str]
    faint: list[str]
    moved: set[str]
    still: dict[str, float]
    frozen: list[str]
    statistics: list[str]


def updates(bench: Bench) -> Updates:
    """Do the updates, once for all probes."""
    return bench.once(_updates)


def _updates(bench: Bench) -> Updates:
    parameters = dict(bench.model.named_parameters())
    statistics = dict(frozen_statistics(bench.model))
    before = {name: each.detach().clone() for name, each in [*parameters.items(), *statistics.items()]}
    trainable = [name for name, each in parameters.items() if each.requires_grad]
    absent, zero = set(trainable), set(trainable)
    pulled = {
        name: torch.zeros_like(parameters[name], dtype=torch.bool) for name in trainable if _is_half(parameters[name])
    }
    largest = dict.fromkeys(trainable, 0.0)
    bench.model.zero_grad(set_to_none=True)  # what another optimizer has left
    for seed in range(UPDATES):  # chance may leave out parts
        bench.step(seed)
        for name in trainable:
            if (grad := parameters[name].grad) is not None and grad.numel():
                largest[name] = max(largest[name], float(dense(grad).abs().max()))
        absent -= {name for name in absent if parameters[name].grad is not None}
        zero -= {name for name in zero if (grad := parameters[name].grad) is not None and bool(dense(grad).any())}
        for name, mask in pulled.items():
            if (grad := parameters[name].grad) is not None:
                mask |= dense(grad) != 0
    now = parameters | statistics
    return Updates(
        trainable=trainable,
        absent=[name for name in trainable if name in absent],
        zero=[name for name in trainable if name in zero],
        faint=[name for name, most in largest.items() if most <= _FAINT * max(largest.values())],
        moved={name for name, each in now.items() if not torch.equal(each.detach(), before[name])},
        still={
            name: float((mask & (parameters[name].detach() == before[name])).sum() / mask.sum().clamp(min=1))
            for name, mask in pulled.items()
        },
        frozen=[name for name, each in parameters.items() if not each.requires_grad],
        statistics=list(statistics),
    )


def frozen_statistics(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Return the running statistics of the batch norms whose weights are frozen, by name."""
    return [
        (f"{name}.{kind}", buffer)
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and _is_frozen(module)
        for kind, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point()
    ]


def _is_half(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.bfloat16, torch.float16)


def _is_frozen(module: nn.Module) -> bool:
    own = [parameter for parameter in module._parameters.values() if parameter is not None]
    return bool(own) and not any(each.requires_grad for each in own)
