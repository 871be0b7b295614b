"""What a step does with its gradients: clears, sums, clips, uses."""

import torch
import torch.nn.functional as F
from torch import nn

from measures import clipped, gradient_error, moved_share, unmoved_share
from silent_case import Training, silent_case
from small_models import (
    VOCABULARY,
    LanguageModel,
    classification_loss,
    classifier,
    labelled_rows,
    next_token_loss,
    texts,
)


@silent_case(
    source_url="https://stackoverflow.com/questions/60335387",
    what="zero_grad is never called, so that every step uses the sum of all gradients so far",
    first_wrong_step=1,
    can_be_seen_before=False,
    why="The first step is right, and clearing is the loop's affair.",
    fault_in="loop",
    evidence="difference between the gradient of a step and that of its batch",
)
def gradients_never_cleared(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(number: int) -> float:
        if fixed:
            optimizer.zero_grad()
        value = classification_loss(model, batches(number))
        value.backward()
        optimizer.step()
        return value.item()

    return Training(model, optimizer, classification_loss, batches, step, gradient_error)


@silent_case(
    source_url="https://github.com/milesial/Pytorch-UNet/issues/468",
    what="Gradients are clipped while they are still multiplied by the scale of mixed precision",
    first_wrong_step=0,
    can_be_seen_before=False,
    why="The order of unscaling and clipping is the loop's affair.",
    fault_in="loop",
    evidence="difference between the gradient of a step and the clipped one of its batch",
)
def clipped_while_scaled(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu")

    def step(number: int) -> float:
        optimizer.zero_grad()
        value = classification_loss(model, batches(number))
        scaler.scale(value).backward()
        if fixed:
            scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return value.item()

    return Training(
        model, optimizer, classification_loss, batches, step, lambda t: gradient_error(t, planned=clipped(1.0))
    )


@silent_case(
    source_url="https://github.com/VGraphRNN/VGRNN/issues/4",
    what="Gradients are clipped after the step that has used them",
    first_wrong_step=0,
    can_be_seen_before=False,
    why="The order of step and clipping is the loop's affair.",
    fault_in="loop",
    evidence="difference between the gradient of a step and the clipped one of its batch",
)
def clipped_after_the_step(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    limit = 0.1

    def step(number: int) -> float:
        optimizer.zero_grad()
        value = classification_loss(model, batches(number))
        value.backward()
        if fixed:
            torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        optimizer.step()
        if not fixed:
            torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        return value.item()

    return Training(
        model, optimizer, classification_loss, batches, step, lambda t: gradient_error(t, planned=clipped(limit))
    )


@silent_case(
    source_url="https://github.com/huggingface/blog/pull/2414",
    what="Losses of micro-batches are averaged, although they have different numbers of targets",
    first_wrong_step=0,
    can_be_seen_before=False,
    why="The loss of the whole batch is right; only the loop cuts it into micro-batches.",
    fault_in="loop",
    evidence="difference between the accumulated gradient and that of the whole batch",
)
def mean_of_means(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = LanguageModel(), texts(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ends_B1 = torch.tensor([2, 3, 3, 4, 8, 10, 14, 15])[:, None]

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens_BT = rows(number)
        targets_BT = tokens_BT[:, 1:].clone()
        targets_BT[torch.arange(targets_BT.shape[1]) >= ends_B1] = -100
        return tokens_BT[:, :-1], targets_BT

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    def step(number: int) -> float:
        inputs_BT, targets_BT = batches(number)
        optimizer.zero_grad()
        total = 0.0
        for part in torch.arange(len(inputs_BT)).chunk(4):
            share = (targets_BT[part] >= 0).sum() / (targets_BT >= 0).sum() if fixed else 1 / 4
            value = loss(model, (inputs_BT[part], targets_BT[part])) * share
            value.backward()
            total += value.item()
        optimizer.step()
        return total

    return Training(model, optimizer, loss, batches, step, gradient_error)


@silent_case(
    source_url="https://github.com/huggingface/diffusers/issues/1009",
    what="Rows of an embedding are frozen by clearing their gradient, and weight decay goes on shrinking them",
    first_wrong_step=0,
    can_be_seen_before=False,
    why="The four parts train the whole embedding; only the loop says which rows are frozen.",
    fault_in="loop",
    evidence="share of the frozen numbers that change",
)
def frozen_rows_decay(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = LanguageModel().requires_grad_(False), texts(seed)
    weight = model.embedding.weight.requires_grad_()
    optimizer = torch.optim.AdamW([weight], lr=5e-3, weight_decay=1e-2)
    frozen, kept = slice(0, VOCABULARY - 4), weight.detach().clone()

    def step(number: int) -> float:
        optimizer.zero_grad()
        value = next_token_loss(model, batches(number))
        value.backward()
        assert weight.grad is not None
        weight.grad[frozen] = 0
        optimizer.step()
        if fixed:
            with torch.no_grad():
                weight[frozen] = kept[frozen]
        return value.item()

    return Training(
        model, optimizer, next_token_loss, batches, step, lambda t: moved_share([weight.detach()[frozen]], t)
    )


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/115607",
    what="A captured optimizer step keeps leaving out weights that had no gradient in one step",
    first_wrong_step=3,
    can_be_seen_before=False,
    why="The optimizer is right; what is captured of it goes wrong only after a step without gradients.",
    fault_in="loop",
    evidence="share of the body's numbers that never move after that step",
)
def captured_without_gradients(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    captured: list[torch.Tensor] = []  # the weights that the captured step knows

    def captured_step() -> None:
        having = [p for p in model.parameters() if p.grad is not None]
        lacking = any(p.grad is None for p in captured)
        if fixed or not captured or lacking:  # the guard sees a gradient that is missing, but none that is back
            captured[:] = having
        for p in having:
            if not any(p is known for known in captured):
                p.grad = None
        optimizer.step()

    def step(number: int) -> float:
        optimizer.zero_grad()
        x_BF, y_B = batches(number)
        hidden_BF = model[:2](x_BF)
        value = F.cross_entropy(model[2](hidden_BF.detach() if number == 2 else hidden_BF), y_B)
        value.backward()
        captured_step()
        return value.item()

    def stays(training: Training) -> float:
        for number in range(3):
            training.step(number)
        return unmoved_share(model[0].parameters(), training, range(3, 6))

    return Training(model, optimizer, classification_loss, batches, step, stays)
