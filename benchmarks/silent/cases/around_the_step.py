"""What happens around a step: schedules, evaluation, averages, what is kept of the model."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from measures import difference
from silent_case import Batches, Training, silent_case
from small_models import classification_loss, classifier, labelled_rows, plain_step

EPOCH = 8  # batches


def halves(seed: int, batch: int = 32, count: int = EPOCH) -> tuple[Batches, tuple[torch.Tensor, torch.Tensor]]:
    """Batches of some rows, so many of them, again and again, and 256 other rows."""
    rows = labelled_rows(seed, rows=512, batch=batch)
    return lambda number: rows(number % count), labelled_rows(seed, rows=512, batch=256)(1)


def rate_error(training: Training, planned: list[float]) -> float:
    """The largest relative difference between learning rates that steps use and the planned ones."""
    errors = []
    for number, plan in enumerate(planned):
        used = training.optimizer.param_groups[0]["lr"]
        training.step(number)
        errors.append(abs(used / plan - 1))
    return max(errors)


@silent_case(
    source_url="https://github.com/Lornatang/SRGAN-PyTorch/issues/1",
    what="A schedule in epochs is stepped at every batch, so that the learning rate is soon nearly zero",
    first_wrong_step=10,
    can_be_seen_before=False,
    why="The schedule is no part of model, optimizer, loss and batch, and the first rate is right.",
    fault_in="loop",
    evidence="largest relative difference between the rate of a step and the planned one",
)
def schedule_of_epochs_at_every_batch(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.3)
    plain = plain_step(model, optimizer, classification_loss, batches)

    def step(number: int) -> float:
        value = plain(number)
        if not fixed or number % EPOCH == EPOCH - 1:
            schedule.step()
        return value

    planned = [3e-3] * (3 * EPOCH)  # all of them before the tenth epoch
    return Training(model, optimizer, classification_loss, batches, step, lambda t: rate_error(t, planned))


@silent_case(
    source_url="https://github.com/huggingface/accelerate/issues/2926",
    what="A prepared schedule takes a step for every process, although its length counts them already",
    first_wrong_step=1,
    can_be_seen_before=False,
    why="The schedule is no part of model, optimizer, loss and batch, and the first rate is right.",
    fault_in="loop",
    evidence="largest relative difference between the rate of a step and the planned one",
)
def schedule_stepped_by_every_process(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = classifier(), labelled_rows(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    processes, steps = 2, 200
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: max(0.0, 1 - done / steps))
    plain = plain_step(model, optimizer, classification_loss, batches)

    def step(number: int) -> float:
        value = plain(number)
        for _ in range(1 if fixed else processes):
            schedule.step()
        return value

    planned = [3e-3 * (1 - number / steps) for number in range(80)]
    return Training(model, optimizer, classification_loss, batches, step, lambda t: rate_error(t, planned))


@silent_case(
    source_url="https://github.com/pengzhiliang/MAE-pytorch/issues/31",
    what="An average of the weights is kept at every step, and the evaluation uses the weights themselves",
    first_wrong_step=1,
    can_be_seen_before=False,
    why="Training is right; only the evaluation in the loop takes the wrong model.",
    fault_in="loop",
    evidence="difference between the evaluated weights and the average, relative to what the average has gone",
)
def average_never_evaluated(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, (batches, other_rows) = classifier(), halves(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    start = nn.utils.parameters_to_vector(model.parameters()).detach()
    plain = plain_step(model, optimizer, classification_loss, batches)
    evaluated = []  # weights and loss of each evaluation

    def step(number: int) -> float:
        value = plain(number)
        average.update_parameters(model)
        if number % 2:
            chosen = average.module if fixed else model
            with torch.no_grad():
                loss = classification_loss(chosen, other_rows).item()
            evaluated.append((nn.utils.parameters_to_vector(chosen.parameters()).detach(), loss))
        return value

    def takes_another(training: Training) -> float:
        for number in range(12):
            training.step(number)
        right = nn.utils.parameters_to_vector(average.module.parameters()).detach()
        return difference(evaluated[-1][0] - start, right - start)

    return Training(model, optimizer, classification_loss, batches, step, takes_another)


@silent_case(
    source_url="https://github.com/pytorch/tutorials/pull/188",
    what="The best weights are kept as a reference, which training goes on changing",
    first_wrong_step=1,
    can_be_seen_before=False,
    why="Training is right; only what the loop keeps of it changes.",
    fault_in="loop",
    evidence="difference between the best loss and that of the weights kept as the best, relative to the best",
)
def best_weights_are_the_last(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    # 24 rows only: after some epochs the loss of other rows grows.
    model, (batches, other_rows) = classifier(), halves(seed, batch=8, count=3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    plain = plain_step(model, optimizer, classification_loss, batches)
    best = {"loss": float("inf"), "weights": {}}

    def evaluate(judged: nn.Module) -> float:
        with torch.no_grad():
            return classification_loss(judged, other_rows).item()

    def step(number: int) -> float:
        value, reached = plain(number), evaluate(model)
        if reached < best["loss"]:
            best["loss"] = reached
            best["weights"] = copy.deepcopy(model.state_dict()) if fixed else model.state_dict()
        return value

    def another_loss(training: Training) -> float:
        for number in range(90):
            training.step(number)
        kept = classifier()
        kept.load_state_dict(best["weights"])
        return abs(evaluate(kept) / best["loss"] - 1)

    return Training(model, optimizer, classification_loss, batches, step, another_loss)


@silent_case(
    source_url="https://github.com/wkentaro/pytorch-fcn/issues/57",
    what="After a validation amid an epoch the model stays in evaluation mode until the next epoch begins",
    first_wrong_step=4,
    can_be_seen_before=False,
    why="Before training the model is in training mode; the loop changes that later.",
    fault_in="loop",
    evidence="share of the steps that train in evaluation mode",
)
def left_in_evaluation_mode(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, (batches, other_rows) = classifier(), halves(seed)
    model.insert(2, nn.Dropout(0.2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    plain = plain_step(model, optimizer, classification_loss, batches)

    def validate() -> float:
        model.eval()
        with torch.no_grad():
            value = classification_loss(model, other_rows).item()
        if fixed:
            model.train()
        return value

    def step(number: int) -> float:
        if number % EPOCH == 0:
            model.train()
        value = plain(number)
        if number % EPOCH == 3:
            validate()
        return value

    def trained_in_evaluation(training: Training) -> float:
        modes = []
        handle = model.register_forward_pre_hook(lambda module, _: modes.append(module.training))
        for number in range(2 * EPOCH):
            seen = len(modes)
            training.step(number)
            del modes[seen + 1 :]  # the first pass of a step is the one that trains
        handle.remove()
        return modes.count(False) / len(modes)

    return Training(model, optimizer, classification_loss, batches, step, trained_in_evaluation)


@silent_case(
    source_url="https://github.com/skorch-dev/skorch/issues/499",
    what="Validation is shuffled, and its predictions are compared with labels in the data's order",
    first_wrong_step=7,
    can_be_seen_before=False,
    why="Training is right; only the accuracy that the loop reports is not.",
    fault_in="loop",
    evidence="difference between the reported accuracy and the true one",
)
def shuffled_validation(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, (batches, (x_NF, y_N)) = classifier(), halves(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x_NF), batch_size=32, shuffle=not fixed)
    plain = plain_step(model, optimizer, classification_loss, batches)
    reported = []

    def step(number: int) -> float:
        value = plain(number)
        if number % EPOCH == EPOCH - 1:
            with torch.no_grad():
                predicted_N = torch.cat([model(x_BF).argmax(-1) for (x_BF,) in loader])
            reported.append((predicted_N == y_N).float().mean().item())
        return value

    def misreported(training: Training) -> float:
        for number in range(4 * EPOCH):
            training.step(number)
        return abs(reported[-1] - (model(x_NF).argmax(-1) == y_N).float().mean().item())

    return Training(model, optimizer, classification_loss, batches, step, misreported)
