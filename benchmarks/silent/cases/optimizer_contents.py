"""What the optimizer holds: the weights that it should, or others."""

import copy

import torch
from torch import nn

from measures import unmoved_share
from silent_case import Training, silent_case
from small_models import (
    classification_loss,
    classifier,
    labelled_rows,
    plain_step,
)


@silent_case(
    source_url="https://discuss.pytorch.org/t/obtaining-abnormal-changes-in-loss-and-accuracy/84911",
    what="All but the batch norms is frozen, and the optimizer holds only the frozen last layer",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="No tensor of the optimizer asks for a gradient, and those that do are in no optimizer.",
    fault_in="parts",
    evidence="share of the optimizer's numbers that never move",
)
def optimizer_of_frozen_weights(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    backbone = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 32), nn.BatchNorm1d(32))
    model = nn.Sequential(backbone, nn.Linear(32, 4))
    head, norms = model[1], [module for module in backbone if isinstance(module, nn.BatchNorm1d)]
    for module in (*backbone, head):
        trainable = module in norms or (fixed and module is head)
        module.requires_grad_(trainable)
    held = [*head.parameters(), *(p for norm in norms for p in norm.parameters())] if fixed else [*head.parameters()]
    optimizer = torch.optim.Adam(held, lr=1e-3)
    batches = labelled_rows(seed)
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, lambda t: unmoved_share(held, t))


class Flattened(nn.Module):
    """All weights of a module in one flat parameter, as sharded training holds them."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.flat = nn.Parameter(torch.cat([p.detach().flatten() for p in module.parameters()]))
        self.shapes = {name: p.shape for name, p in module.named_parameters()}
        self.structure = (copy.deepcopy(module).requires_grad_(False),)  # a tuple: its weights are no part of this

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """The module with views of the flat weights."""
        pieces = self.flat.split([shape.numel() for shape in self.shapes.values()])
        views = {name: piece.view(shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)}
        return torch.func.functional_call(self.structure[0], views, (x_BF,))


@silent_case(
    source_url="https://github.com/huggingface/accelerate/issues/2665",
    what="The optimizer is made before the model's weights are flattened for sharding, and holds the old ones",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The model's parameter is in no optimizer, and the optimizer's tensors are in no model.",
    fault_in="parts",
    evidence="share of the model's numbers that never move",
)
def optimizer_of_old_weights(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    plain, batches = classifier(), labelled_rows(seed)
    model = Flattened(plain)
    optimizer = torch.optim.AdamW((model if fixed else plain).parameters(), lr=1e-3)
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, lambda t: unmoved_share([model.flat], t))


@silent_case(
    source_url="https://github.com/zjunlp/HVPNeT/issues/5",
    what="The last group of parameters is built but not appended, so that the head is never trained",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="Parameters that get a gradient are in no optimizer.",
    fault_in="parts",
    evidence="share of the head's numbers that never move",
)
def group_not_appended(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    groups = []
    group = {"params": list(model[0].parameters()), "lr": 1e-3}
    groups.append(group)
    group = {"params": list(model[2].parameters()), "lr": 3e-3}
    if fixed:
        groups.append(group)
    optimizer = torch.optim.AdamW(groups)
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(
        model, optimizer, classification_loss, batches, step, lambda t: unmoved_share(model[2].parameters(), t)
    )
