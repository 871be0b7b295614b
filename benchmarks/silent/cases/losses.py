"""What a loss compares with what."""

import torch
import torch.nn.functional as F
from torch import nn

from measures import wrong_loss
from silent_case import Training, silent_case
from small_models import (
    LanguageModel,
    classification_loss,
    classifier,
    labelled_rows,
    next_token_loss,
    plain_step,
    texts,
)

END, PADDING = 0, 1  # tokens


@silent_case(
    source_url="https://github.com/Lightning-Universe/lightning-bolts/issues/654",
    what="The model ends in a softmax, and cross entropy takes another one of it",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="What cross entropy takes as logits are numbers from 0 to 1 that sum to 1.",
    fault_in="parts",
    evidence="the loss of a model that is sure and right, which should be 0",
)
def softmax_twice(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    if not fixed:
        model.append(nn.Softmax(dim=-1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def sure(_: Training) -> float:
        with torch.no_grad():
            model.get_parameter("2.weight").mul_(1e6)
            x_BF = batches(0)[0]
            return classification_loss(model, (x_BF, model(x_BF).argmax(-1))).item()

    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, sure)


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/105739",
    what="Predictions of shape (B, 1) are subtracted from targets of shape (B,), each from each",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The loss compares the prediction of a row with the targets of the others.",
    fault_in="parts",
    evidence="difference between the gradients of this loss and of the right one",
)
def targets_broadcast(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = classifier(outputs=1), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        x_BF, _ = rows(number)
        return x_BF, x_BF[:, :3].sum(1)

    def right(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return (model(batch[0]).squeeze(-1) - batch[1]).square().mean()

    def wrong(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return (model(batch[0]) - batch[1]).square().mean()

    loss = right if fixed else wrong
    step = plain_step(model, optimizer, loss, batches)
    return Training(model, optimizer, loss, batches, step, lambda t: wrong_loss(t, right))


@silent_case(
    source_url="https://github.com/huggingface/transformers/pull/44642",
    what="Targets are shifted by the program and again inside the loss, so that the token after next is learnt",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="The logits of a position are compared with the token two further on in the inputs.",
    fault_in="parts",
    evidence="difference between the gradients of this loss and of the right one",
)
def targets_shifted_twice(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = LanguageModel(), texts(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens_BT = rows(number)
        return (tokens_BT, tokens_BT) if fixed else (tokens_BT[:, :-1], tokens_BT[:, 1:])

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        inputs_BT, labels_BT = batch
        return F.cross_entropy(model(inputs_BT)[:, :-1].flatten(0, 1), labels_BT[:, 1:].flatten())

    step = plain_step(model, optimizer, loss, batches)
    return Training(
        model, optimizer, loss, batches, step, lambda t: wrong_loss(t, lambda m, _: next_token_loss(m, rows(0)))
    )


def ended(tokens_BT: torch.Tensor, filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts of several lengths, each with an end and then filled up, and a mask of what is text or end."""
    tokens_BT, ends_B1 = tokens_BT.clone(), 5 + torch.arange(len(tokens_BT))[:, None]
    place_T = torch.arange(tokens_BT.shape[1])
    tokens_BT[place_T == ends_B1] = END
    tokens_BT[place_T > ends_B1] = filler
    return tokens_BT, place_T <= ends_B1


@silent_case(
    source_url="https://github.com/huggingface/transformers/issues/23530",
    what="Texts are filled up with the token that ends them, and with the filling their ends are masked too",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="A token stands in the inputs amid what is learnt and is nowhere a target.",
    fault_in="parts",
    evidence="share of the ends of texts that are no target",
)
def ends_are_masked(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = LanguageModel(), texts(seed, least=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    filler = PADDING if fixed else END

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens_BT, _ = ended(rows(number), filler)
        return tokens_BT[:, :-1], torch.where(tokens_BT == filler, -100, tokens_BT)[:, 1:]

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    def ends_lost(_: Training) -> float:
        return 1 - int((batches(0)[1] == END).sum()) / len(batches(0)[1])

    return Training(model, optimizer, loss, batches, plain_step(model, optimizer, loss, batches), ends_lost)


@silent_case(
    source_url="https://github.com/lukas-blecher/LaTeX-OCR/issues/305",
    what="The loss ignores -100 while rows are filled up with another token, and the filling is learnt",
    first_wrong_step="before training",
    can_be_seen_before=True,
    why="Most targets are one token that fills the ends of all rows.",
    fault_in="parts",
    evidence="difference between the gradients of this loss and of the right one",
)
def padding_is_learnt(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = LanguageModel(), texts(seed, least=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    def batches(number: int) -> torch.Tensor:
        return ended(rows(number), PADDING)[0]

    def ignoring(token: int):
        def loss(model: nn.Module, tokens_BT: torch.Tensor) -> torch.Tensor:
            logits_BTV = model(tokens_BT[:, :-1])
            return F.cross_entropy(logits_BTV.flatten(0, 1), tokens_BT[:, 1:].flatten(), ignore_index=token)

        return loss

    loss = ignoring(PADDING if fixed else -100)
    step = plain_step(model, optimizer, loss, batches)
    return Training(model, optimizer, loss, batches, step, lambda t: wrong_loss(t, ignoring(PADDING)))
