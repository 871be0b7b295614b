"""Two processes that should hold the same weights, or read different data."""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from measures import gap_after_training, gap_between_ranks
from silent_case import Batches, Training, silent_case
from small_models import classification_loss, classifier, labelled_rows, plain_step


def of_this_rank(seed: int) -> Batches:
    """Every second batch of the data."""
    batches = labelled_rows(seed, batch=16)
    return lambda number: batches(2 * number + dist.get_rank())


def parallel(seed: int) -> tuple[DistributedDataParallel, Batches]:
    """A model that both ranks train together, and this rank's data."""
    torch.manual_seed(seed)
    return DistributedDataParallel(classifier()), of_this_rank(seed)


def shared(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, step) -> Training:
    """A training whose weights should be the same on both ranks."""

    def gap(training: Training) -> float:
        return gap_after_training(model.parameters(), training)

    return Training(model, optimizer, classification_loss, batches, step, gap)


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/104336",
    what="The wrapped model is moved and moved back, its gradient hooks are lost, and each rank trains for itself",
    first_wrong_step="between ranks",
    can_be_seen_before=True,
    why="After one backward pass, the gradients of the two ranks differ.",
    fault_in="parts",
    evidence="gap between the weights of the ranks, relative to the way that they went",
    processes=2,
)
def moved_after_wrapping(fixed: bool, seed: int = 0) -> Training:
    model, batches = parallel(seed)
    if not fixed:
        model.double()  # as the way to another device does, this makes new accumulators of gradients
        model.float()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    step = plain_step(model, optimizer, classification_loss, batches)
    return shared(model, optimizer, batches, step)


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/84803",
    what="Now and then a part of the summed gradient is lost on its way to one rank, which gets zeros",
    first_wrong_step="between ranks",
    can_be_seen_before=False,
    why="The first transfers are whole.",
    fault_in="parts",
    evidence="gap between the weights of the ranks, relative to the way that they went",
    processes=2,
)
def lost_in_transfer(fixed: bool, seed: int = 0) -> Training:
    model, batches = parallel(seed)
    transfers = []

    def sum_of_all(_: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        transfers.append(bucket.index())
        faulty = not fixed and dist.get_rank() == 1 and len(transfers) % 3 == 0

        def arrived(future: torch.futures.Future[list[torch.Tensor]]) -> torch.Tensor:
            mean = future.value()[0] / dist.get_world_size()
            if faulty:
                mean[len(mean) // 2 :] = 0
            return mean

        return dist.all_reduce(bucket.buffer(), async_op=True).get_future().then(arrived)

    model.register_comm_hook(None, sum_of_all)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    step = plain_step(model, optimizer, classification_loss, batches)
    return shared(model, optimizer, batches, step)


@silent_case(
    source_url="https://x.com/jxmnop/status/1778520637193240892",
    what="Some steps call the wrapped model and some the model inside, whose gradients are not shared",
    first_wrong_step="between ranks",
    can_be_seen_before=False,
    why="The wrapped model is right; only the loop does not always call it.",
    fault_in="loop",
    evidence="gap between the weights of the ranks, relative to the way that they went",
    processes=2,
)
def wrapped_only_sometimes(fixed: bool, seed: int = 0) -> Training:
    model, batches = parallel(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def step(number: int) -> float:
        optimizer.zero_grad()
        called = model if fixed or number % 2 == 0 else model.module
        value = classification_loss(called, batches(number))
        value.backward()
        optimizer.step()
        return value.item()

    return shared(model, optimizer, batches, step)


class TwoWays(nn.Module):
    """A network of which a pass uses one of two halves."""

    def __init__(self) -> None:
        super().__init__()
        self.ways = nn.ModuleList([classifier(), classifier()])
        self.way = 0

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """By the present way."""
        return self.ways[self.way](x_BF)


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/69031",
    what="With micro-batches that use different parts of a model, only the parts that the last one used are shared",
    first_wrong_step="between ranks",
    can_be_seen_before=False,
    why="Gradients are shared by the loop, after the micro-batches.",
    fault_in="loop",
    evidence="gap between the weights of the ranks, relative to the way that they went",
    processes=2,
)
def only_the_last_pass_is_shared(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, batches = TwoWays(), of_this_rank(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def step(number: int) -> float:
        optimizer.zero_grad()
        total = 0.0
        for model.way in (0, 1):
            value = classification_loss(model, batches(2 * number + model.way))
            value.backward()
            total += value.item() / 2
        used = model if fixed else model.ways[model.way]
        for p in used.parameters():
            assert p.grad is not None
            dist.all_reduce(p.grad)
            p.grad.div_(dist.get_world_size())
        optimizer.step()
        return total

    return shared(model, optimizer, batches, step)


@silent_case(
    source_url="https://github.com/coqui-ai/Trainer/issues/144",
    what="The loader has no distributed sampler, and all ranks train on the same rows",
    first_wrong_step="between ranks",
    can_be_seen_before=True,
    why="The batches of the two ranks are the same.",
    fault_in="loop",
    evidence="1 if the batches of the ranks are the same",
    processes=2,
)
def all_ranks_read_the_same(fixed: bool, seed: int = 0) -> Training:
    model, own = parallel(seed)
    batches = own if fixed else labelled_rows(seed, batch=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(
        model,
        optimizer,
        classification_loss,
        batches,
        step,
        lambda _: float(gap_between_ranks(batches(1)[0]) == 0),
    )
