"""Where the weights start: initialised, loaded, tied, normed."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from measures import difference
from silent_case import Training, silent_case
from small_models import (
    FEATURES,
    VOCABULARY,
    LanguageModel,
    classification_loss,
    classifier,
    initialise,
    labelled_rows,
    next_token_loss,
    plain_step,
    texts,
)


@silent_case(
    source_url="https://github.com/huggingface/transformers/pull/17877",
    what="Every level of a model initialises all weights below it again",
    first_wrong_step="before training",
    can_be_seen_before=False,
    why="The weights are distributed as they should be; only time and random numbers are wasted.",
    fault_in="parts",
    evidence="initialisations of a weight, on average, beyond the one that it needs",
)
def initialised_at_every_level(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    draws = []

    def count(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            draws.append(module)
        initialise(module)

    class Counted(LanguageModel):
        def __init__(self) -> None:
            super().__init__()
            if not fixed:
                for block in self.blocks:
                    block.apply(count)
                self.blocks.apply(count)
            self.apply(count)

    model, batches = Counted(), texts(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step = plain_step(model, optimizer, next_token_loss, batches)
    linears = sum(isinstance(module, nn.Linear) for module in model.modules())
    return Training(model, optimizer, next_token_loss, batches, step, lambda _: len(draws) / linears - 1)


@silent_case(
    source_url="https://github.com/huggingface/transformers/issues/46620",
    what="Weights are loaded from a checkpoint, and the model's own initialisation then overwrites them",
    first_wrong_step="before training",
    can_be_seen_before=False,
    why="A model with fresh weights is right if one means to train from scratch; the parts do not tell.",
    fault_in="parts",
    evidence="difference between the weights that training starts with and the checkpoint",
)
def loaded_then_initialised(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    pretrained, batches = LanguageModel(), texts(seed)
    pretrain = plain_step(pretrained, torch.optim.AdamW(pretrained.parameters(), lr=1e-2), next_token_loss, batches)
    for number in range(40):
        pretrain(number)
    checkpoint = pretrained.state_dict()
    model = LanguageModel()
    model.load_state_dict(checkpoint)
    if not fixed:
        model.apply(initialise)
    start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    step = plain_step(model, optimizer, next_token_loss, batches)
    saved = nn.utils.parameters_to_vector(pretrained.parameters()).detach()
    return Training(model, optimizer, next_token_loss, batches, step, lambda _: difference(start, saved))


class Judged(nn.Module):
    """A network and the frozen critic by which its outputs are compared; the critic stays in evaluation mode."""

    def __init__(self, warm: int) -> None:
        super().__init__()
        self.network = classifier(outputs=FEATURES)
        layers = [torch.nn.utils.spectral_norm(nn.Linear(FEATURES, FEATURES)) for _ in range(2)]
        self.critic = nn.Sequential(layers[0], nn.Tanh(), layers[1])
        self.critic.requires_grad_(False)
        for _ in range(warm):
            self.critic(torch.randn(8, FEATURES))
        self.train()

    def train(self, mode: bool = True) -> "Judged":
        """Sets the mode of all but the critic."""
        super().train(mode)
        self.critic.eval()
        return self

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """What the critic sees of the network's output."""
        return self.critic(self.network(x_BF))


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/51800",
    what="Layers with spectral norm are put into evaluation mode before any pass in training mode, and are not normed",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The largest singular value of a weight that is normed by it is not 1.",
    fault_in="parts",
    evidence="largest difference of a normed weight's largest singular value from 1",
)
def spectral_norm_never_measured(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = Judged(warm=60 if fixed else 0), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.network.parameters(), lr=3e-3)

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        x_BF, _ = rows(number)
        return x_BF, x_BF.roll(1, 1)

    def loss(model: Any, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return 1 - F.cosine_similarity(model(batch[0]), model.critic(batch[1])).mean()

    def largest(_: Training) -> float:
        model(batches(0)[0])
        return max(abs(torch.linalg.svdvals(model.critic[layer].weight)[0].item() - 1) for layer in (0, 2))

    return Training(model, optimizer, loss, batches, plain_step(model, optimizer, loss, batches), largest)


class BagOfWords(nn.Module):
    """The sum of a row's embeddings, and a class; token 0 fills rows up."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 16, padding_idx=0)
        self.head = nn.Linear(16, 4)

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        """Logits of the classes."""
        return self.head(self.embedding(tokens_BT).sum(1))


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/6495",
    what="An own initialisation overwrites the zeros of the padding row, which then counts and is never trained",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The embedding has a padding row, and that row is not zero.",
    fault_in="parts",
    evidence="length of the padding row, relative to the mean of the others",
)
def padding_row_initialised(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = BagOfWords(), texts(seed, rows=32, least=1)
    nn.init.normal_(model.embedding.weight, std=0.3)
    if fixed:
        with torch.no_grad():
            model.embedding.weight[0] = 0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens_BT = rows(number)
        tokens_BT[torch.arange(tokens_BT.shape[1]) > 3 + torch.arange(32)[:, None] % 12] = 0
        return tokens_BT, tokens_BT[:, 0] % 4

    def length(training: Training) -> float:
        for number in range(5):
            training.step(number)
        lengths_V = model.embedding.weight.detach().norm(dim=1)
        return (lengths_V[0] / lengths_V[1:].mean()).item()

    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, length)


@silent_case(
    source_url="https://github.com/meta-pytorch/torchtune/issues/616",
    what="Embedding and head are tied on the meta device, and giving them memory makes two weights of the one",
    first_wrong_step="before training",
    can_be_seen_before=False,
    why="Two weights are as good a model; that they should be one is said nowhere in the parts.",
    fault_in="parts",
    evidence="difference between embedding and head after some steps",
)
def tied_weights_part(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    with torch.device("meta"):
        model = LanguageModel()
        model.head.weight = model.embedding.weight
    model.to_empty(device="cpu")
    if fixed:
        model.head.weight = model.embedding.weight
    model.apply(initialise)
    batches = texts(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    def apart(training: Training) -> float:
        for number in range(3):
            training.step(number)
        return difference(model.head.weight.detach(), model.embedding.weight.detach())

    step = plain_step(model, optimizer, next_token_loss, batches)
    return Training(model, optimizer, next_token_loss, batches, step, apart)
