"""What comes as a batch: changed, repeated, in the same order."""

import warnings
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler, TensorDataset

from measures import difference
from silent_case import Training, silent_case
from small_models import (
    classification_loss,
    classifier,
    labelled_rows,
    plain_step,
)


@silent_case(
    source_url="https://github.com/pytorch/vision/issues/680",
    what="The batch, a view of the data in memory, is normalised in place, once more in every epoch",
    first_wrong_step=8,
    can_be_seen_before=True,
    why="A call of the loss changes the batch.",
    fault_in="parts",
    evidence="change of the data over an epoch, relative to the data",
)
def batch_changed_in_place(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, rows = classifier(), labelled_rows(seed)
    data = [(x_BF * 3 + 5, y_B) for x_BF, y_B in map(rows, range(8))]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        return data[number % 8]

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        x_BF = batch[0].clone() if fixed else batch[0]
        return F.cross_entropy(model(x_BF.sub_(5).div_(3)), batch[1])

    def drift(training: Training) -> float:
        before = torch.stack([x_BF for x_BF, _ in data])
        for number in range(8):
            training.step(number)
        return difference(torch.stack([x_BF for x_BF, _ in data]), before)

    return Training(model, optimizer, loss, batches, plain_step(model, optimizer, loss, batches), drift)


class Noisy(Dataset):
    """Rows with noise of numpy; noise and number of the row come along."""

    def __init__(self, seed: int) -> None:
        self.x_NF, self.y_N = labelled_rows(seed, batch=256)(0)
        self.chance = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.x_NF)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        noise_F = torch.from_numpy(self.chance.normal(scale=0.2, size=self.x_NF.shape[1])).float()
        return self.x_NF[index] + noise_F, self.y_N[index], noise_F


def seed_worker(_: int) -> None:
    """Gives every worker, in every epoch, random numbers of its own."""
    worker: Any = torch.utils.data.get_worker_info()
    worker.dataset.chance = np.random.default_rng(worker.seed)


@silent_case(
    source_url="https://stackoverflow.com/questions/67180955",
    what="Workers of a loader are copies with the same random state of numpy, and draw the same noise",
    first_wrong_step=1,
    can_be_seen_before=False,
    why="One batch is right by itself; only the next one has the same noise.",
    fault_in="loop",
    evidence="share of the batches with the noise of the batch before",
)
def workers_draw_alike(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model = classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loader = DataLoader(
        Noisy(seed),
        batch_size=32,
        num_workers=2,
        multiprocessing_context="fork",
        worker_init_fn=seed_worker if fixed else None,
    )
    with warnings.catch_warnings():  # newer versions of Python warn of a fork in a process of several threads
        warnings.simplefilter("ignore", DeprecationWarning)
        drawn = [batch for _ in range(2) for batch in loader]

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        return drawn[number % len(drawn)][:2]

    def alike(_: Training) -> float:
        noises = [noise_BF for _, _, noise_BF in drawn]
        return sum(torch.equal(noises[i], noises[i + 1]) for i in range(0, len(noises), 2)) / (len(noises) // 2)

    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, alike, loader)


@silent_case(
    source_url="https://github.com/pytorch/pytorch/issues/31771",
    what="A distributed sampler is never told the epoch, and shuffles every epoch in the same order",
    first_wrong_step=4,
    can_be_seen_before=False,
    why="The first epoch is right; only the next one has its order.",
    fault_in="loop",
    evidence="share of the rows that come at the same place in the second epoch",
)
def same_order_in_every_epoch(fixed: bool, seed: int = 0) -> Training:
    torch.manual_seed(seed)
    model, (x_NF, y_N) = classifier(), labelled_rows(seed, batch=256)(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    sampler = DistributedSampler(TensorDataset(x_NF, y_N), num_replicas=2, rank=0, shuffle=True, seed=seed)

    def order(number: int) -> list[int]:
        epoch, place = divmod(number, 4)
        if fixed:
            sampler.set_epoch(epoch)
        return list(sampler)[32 * place : 32 * (place + 1)]

    def batches(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = order(number)
        return x_NF[rows], y_N[rows]

    def same_places(_: Training) -> float:
        pairs = [pair for place in range(4) for pair in zip(order(place), order(4 + place), strict=True)]
        return sum(a == b for a, b in pairs) / len(pairs)

    step = plain_step(model, optimizer, classification_loss, batches)
    return Training(model, optimizer, classification_loss, batches, step, same_places)
