"""Which weights are frozen, and which a gradient reaches."""

import torch
import torch.nn.functional as F
from torch import nn

from measures import moved_share, unmoved_share
from silent_case import Training, silent_case
from small_models import (
    FEATURES,
    Attention,
    LanguageModel,
    classification_loss,
    labelled_rows,
    next_token_loss,
    plain_step,
    texts,
)


class Backbone(nn.Sequential):
    """Two stages, of which the first few can be frozen: their weights and, in training too, their statistics."""

    def __init__(self, frozen_stages: int = 0, *, norms_too: bool = True) -> None:
        stages = [nn.Sequential(nn.Linear(i, 32), nn.BatchNorm1d(32), nn.Tanh()) for i in (FEATURES, 32)]
        super().__init__(*stages)
        self.frozen_stages, self.norms_too = frozen_stages, norms_too

    def train(self, mode: bool = True) -> "Backbone":
        """Sets the mode of all but the frozen stages."""
        super().train(mode)
        for stage in list(self)[: self.frozen_stages]:  # a slice of a Sequential would be another Backbone
            stage.requires_grad_(False)
            if self.norms_too:
                stage.eval()
        return self


@silent_case(
    source_url="https://github.com/lightly-ai/lightly/issues/1438",
    what="A stage is frozen by requires_grad, and the statistics of its batch norm go on moving",
    first_wrong_step=0,
    can_be_seen_before=True,
    why="A layer whose weights are all frozen is in training mode and has statistics.",
    fault_in="parts",
    evidence="share of the frozen stage's statistics that change",
)
def frozen_statistics_move(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    backbone = Backbone(1, norms_too=fixed)
    model = nn.Sequential(backbone, nn.Linear(32, 4)).train()
    batches = labelled_rows(seed)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    statistics = [backbone.get_buffer("0.1.running_mean"), backbone.get_buffer("0.1.running_var")]
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(
        model,
        optimizer,
        classification_loss,
        batches,
        step,
        lambda t: moved_share(statistics, t),
    )


@silent_case(
    source_url="https://github.com/open-mmlab/mmpretrain/issues/702",
    what="Stages are frozen only when train() is called, which nobody does before the first step",
    first_wrong_step="before training",
    can_be_seen_before=False,
    why="All weights ask for a gradient and get one; that some should not is said only in an attribute.",
    fault_in="parts",
    evidence="share of the numbers of the stage to be frozen that change",
)
def frozen_only_by_train(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    backbone, batches = Backbone(frozen_stages=1), labelled_rows(seed)
    model = nn.Sequential(backbone, nn.Linear(32, 4))
    if fixed:
        model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(
        model, optimizer, classification_loss, batches, step, lambda t: moved_share(backbone[0].parameters(), t)
    )


class Stack(nn.Module):
    """Layers, in a list of Python or of torch."""

    def __init__(self, registered: bool) -> None:
        super().__init__()
        layers = [nn.Linear(32, 32) for _ in range(3)]
        self.first, self.last = nn.Linear(FEATURES, 32), nn.Linear(32, 4)
        self.layers = nn.ModuleList(layers) if registered else layers

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """One layer after the other."""
        x_BF = self.first(x_BF)
        for layer in self.layers:
            x_BF = layer(x_BF.tanh())
        return self.last(x_BF.tanh())


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/59925",
    what="Layers stand in a list of Python, so that neither the model nor the optimizer knows their weights",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The loss depends on leaves that ask for a gradient and are no parameters of the model.",
    fault_in="parts",
    evidence="share of these layers' numbers that never move",
)
def layers_in_a_list(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = Stack(registered=fixed), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    weights = [p for layer in model.layers for p in layer.parameters()]
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, lambda t: unmoved_share(weights, t))


class TwoViews(nn.Module):
    """Two encoders and a head; the features of the second come from an extractor, as copies."""

    def __init__(self, detach: bool) -> None:
        super().__init__()
        self.text, self.image = nn.Linear(FEATURES, 16), nn.Linear(FEATURES, 16)
        self.head, self.detach = nn.Linear(32, 4), detach

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """Logits of the classes."""
        features_BD = self.image(x_BF).tanh()
        features_BD = features_BD.detach().clone() if self.detach else features_BD.clone()
        return self.head(torch.cat([self.text(x_BF).tanh(), features_BD], dim=1))


@silent_case(
    source_url="https://github.com/lucidrains/CoCa-pytorch/issues/6",
    what="The features of one encoder are detached on their way to the loss, and it is never trained",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="Trainable parameters that the optimizer holds get no gradient.",
    fault_in="parts",
    evidence="share of that encoder's numbers that never move",
)
def detached_encoder(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = TwoViews(detach=not fixed), labelled_rows(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(
        model, optimizer, classification_loss, batches, step, lambda t: unmoved_share(model.image.parameters(), t)
    )


class LowRank(nn.Module):
    """A frozen layer and a trainable difference of low rank; weight and bias are those of the layer."""

    def __init__(self, base: nn.Linear, rank: int = 2) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    @property
    def weight(self) -> torch.Tensor:
        """That of the layer."""
        return self.base.weight

    @property
    def bias(self) -> torch.Tensor:
        """That of the layer."""
        return self.base.bias

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """The layer and its difference."""
        return self.base(x_BTD) + self.up(self.down(x_BTD))


class ReadsTheWeight(Attention):
    """Attention whose last product reads the layer's weight, as a fused kernel does."""

    def project(self, y_BTD: torch.Tensor) -> torch.Tensor:
        """The last matrix, without a call of its layer."""
        return F.linear(y_BTD, self.out_proj.weight, self.out_proj.bias)


@silent_case(
    source_url="https://github.com/huggingface/peft/issues/761",
    what="A kernel reads the weight of a layer that LoRA has wrapped, and its difference is never used",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="Trainable parameters that the optimizer holds get no gradient.",
    fault_in="parts",
    evidence="share of the numbers of these differences that never move",
)
def lora_bypassed(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model = LanguageModel(Attention if fixed else ReadsTheWeight).requires_grad_(False)
    wrapped = []
    for layer in [layer for layer in model.modules() if isinstance(layer, Attention)]:
        layer.qkv, layer.out_proj = LowRank(layer.qkv), LowRank(layer.out_proj)  # type: ignore[assignment]
        wrapped.append(layer.out_proj)
    batches = texts(seed)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    added = [weight for layer in wrapped for weight in (layer.down.weight, layer.up.weight)]
    step = plain_step(model, optimizer, next_token_loss, batches)
    return Training(model, optimizer, next_token_loss, batches, step, lambda t: unmoved_share(added, t))
