"""What a framework's training is made into a loop with: batches by update, rates by step, chance that is put back."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, Sampler, TensorDataset

from newllm.errors import UserError
from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.chance import own_chance, put_chance, seed_all, take_chance
from newllm.integrations.loops.copies import copied
from newllm.integrations.loops.loaders import loader_batches
from newllm.integrations.loops.read_batches import ReadBatches
from newllm.integrations.loops.sampled_batches import SampledBatches
from newllm.replays.subjects.schedule import RateTable

DATA = TensorDataset(torch.arange(23))


def read(batches: Batches, steps: range) -> list[list[list[int]]]:
    return [[one[0].tolist() for group in batches.update(step) for one in group] for step in steps]


# --- batches


class Backwards(Sampler[int]):
    """Goes through the data from the end, beginning elsewhere in each epoch that it is told of."""

    epoch = 0

    def __init__(self, data: Any) -> None:
        self.data = data

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[int]:
        return iter(np.roll(range(len(self.data)), self.epoch)[::-1].tolist())


LOADERS: dict[str, Callable[[], DataLoader]] = {
    "from the process": lambda: DataLoader(DATA, 4, shuffle=True),
    "a generator": lambda: DataLoader(DATA, 4, shuffle=True, generator=torch.Generator().manual_seed(3)),
    "in order": lambda: DataLoader(DATA, 4, drop_last=True),
    "epochs": lambda: DataLoader(DATA, 4, sampler=Backwards(DATA)),
}


@pytest.mark.parametrize("name", LOADERS)
def test_batches_are_those_of_the_loader_epoch_after_epoch(name: str) -> None:
    torch.manual_seed(5)
    loader = LOADERS[name]()
    batches = loader_batches(loader, seed=0)
    before = take_chance()
    found = [update[0] for update in read(batches, range(3 * len(loader)))]
    assert take_chance().is_as(before), "the generators of the process are where they were"
    expected = []
    for epoch in range(3):
        if hasattr(loader.sampler, "set_epoch"):
            loader.sampler.set_epoch(epoch)
        expected += [one[0].tolist() for one in loader]
    assert found == expected
    assert batches.from_process is (name == "from the process")
    assert batches.draws is False


def test_any_update_may_be_asked_for_at_any_time() -> None:
    batches = loader_batches(LOADERS["a generator"](), seed=0, accumulate=4)
    assert isinstance(batches, SampledBatches)
    assert batches.updates_per_epoch == 2
    in_order = read(batches, range(20))
    assert [len(update) for update in in_order[:4]] == [4, 2, 4, 2], "the last update of an epoch has what is left"
    assert [read(batches, range(step, step + 1))[0] for step in reversed(range(20))] == in_order[::-1]
    assert len(read(batches, range(10_000, 10_001))[0]) == 4, "past the end too"


def test_the_users_sampler_and_generator_stay_where_they_are() -> None:
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(DATA, 4, shuffle=True, generator=generator)
    before = generator.get_state()
    batches = loader_batches(loader, seed=0)
    first = read(batches, range(8))
    assert torch.equal(generator.get_state(), before)
    list(loader)  # the user trains meanwhile
    assert read(batches, range(8)) == first


class Noisy(TensorDataset):
    """Adds noise that each generator has a part in."""

    def __getitem__(self, index: int) -> Any:
        return (super().__getitem__(index)[0] + random.random() + np.random.rand() + torch.rand(()),)


def test_what_a_data_set_draws_is_a_function_of_the_batch() -> None:
    batches = loader_batches(DataLoader(Noisy(torch.zeros(8)), 2), seed=0)
    first = read(batches, range(8))
    assert batches.draws is True
    seed_all(77)
    assert read(batches, range(8)) == first
    assert first[0] != first[4], "the same samples, drawn anew in the second epoch"
    assert read(loader_batches(DataLoader(Noisy(torch.zeros(8)), 2), seed=1), range(8)) != first


class Stream(IterableDataset):
    """Numbers without a length, with noise."""

    def __iter__(self) -> Iterator[Any]:
        for at in range(10):
            yield at + torch.rand(())


def test_data_without_a_length_are_read_from_their_beginning() -> None:
    batches = loader_batches(DataLoader(Stream(), 3), seed=0, accumulate=3)
    assert isinstance(batches, ReadBatches)
    before = take_chance()
    found = [[len(one) for one in batches.update(step)[0]] for step in range(4)]
    assert found == [[3, 3, 3], [1], [3, 3, 3], [1]]
    assert batches.updates_per_epoch == 2
    values = [torch.cat(batches.update(step)[0]) for step in (3, 0, 2, 1)]
    again = loader_batches(DataLoader(Stream(), 3), seed=0, accumulate=3)
    assert all(
        torch.equal(value, torch.cat(again.update(step)[0])) for step, value in zip((3, 0, 2, 1), values, strict=True)
    )
    assert not torch.equal(values[1], values[2]), "other noise in another epoch"
    assert take_chance().is_as(before)


def test_what_an_epoch_leaves_over_may_be_joined_with_the_next() -> None:
    batches = loader_batches(DataLoader(Stream(), 3), seed=0, accumulate=3, joins=True)
    assert [[len(group) for group in batches.update(step)] for step in range(3)] == [[3], [1, 3], [1, 3]]


def test_what_is_held_of_a_stream_is_bounded() -> None:
    batches = loader_batches(DataLoader(Stream(), 1), seed=0)
    for step in range(300):
        batches.update(step)
    assert isinstance(batches, ReadBatches)
    assert len(batches._held) == 64
    assert torch.equal(batches.update(3)[0][0], loader_batches(DataLoader(Stream(), 1), seed=0).update(3)[0][0])


def test_a_stream_that_can_be_read_once_is_refused() -> None:
    numbers = iter(range(100, 400))
    batches = ReadBatches(lambda _: numbers, seed=0)
    for step in range(80):
        batches.update(step)
    with pytest.raises(UserError, match=r"^read from its beginning once more, the training data give other batches at"):
        batches.update(0)


class Locked(Sampler[int]):
    """Cannot be copied."""

    def __init__(self) -> None:
        self.lock = (one for one in range(3))

    def __iter__(self) -> Iterator[int]:
        return iter(range(3))

    def __len__(self) -> int:
        return 3


def test_a_sampler_that_cannot_be_copied_is_refused() -> None:
    with pytest.raises(UserError, match=r"^the sampler BatchSampler cannot be copied"):
        loader_batches(DataLoader(DATA, 2, sampler=Locked()), seed=0)


# --- rates


def test_rates_are_those_that_the_scheduler_sets() -> None:
    def made() -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        layer = nn.Linear(2, 2)
        groups = [{"params": [layer.weight], "lr": 0.1}, {"params": [layer.bias], "lr": 0.02}]
        optimizer = torch.optim.AdamW(groups)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(
            optimizer, [lambda step: 1 / (step + 1), lambda step: 2**-step]
        )

    optimizer, scheduler = made()
    table = RateTable(optimizer, lambda _: scheduler.step(), steps=5)
    other, stepped = made()
    for step in range(8):
        assert table(step) == [group["lr"] for group in other.param_groups]
        other.step()
        stepped.step()
    assert table(2) == [0.1 / 3, 0.02 / 4]


def test_what_a_cycle_sets_beside_the_rate_is_set_and_nothing_else() -> None:
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    table = RateTable(optimizer, lambda _: scheduler.step(), steps=10)
    assert table(50) == table(10), "the scheduler refuses to go on behind its end: the last rate stays"
    other = torch.optim.AdamW(layer.parameters(), betas=(0.95, 0.5))
    table.put_cycled(other, 3)
    beta1, beta2 = other.param_groups[0]["betas"]
    assert beta1 == pytest.approx(0.85, abs=0.01)
    assert beta2 == 0.5, "an intervention's"


def test_what_a_scheduler_raises_within_the_training_is_raised() -> None:
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
    with pytest.raises(ValueError, match="step"):
        RateTable(optimizer, lambda _: scheduler.step(), steps=10)


# --- copies


def test_what_cannot_be_copied_is_shared(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    with (tmp_path / "log").open("w") as file:
        model.log = {"file": file}  # type: ignore[assignment]
        again = copied(model, [model], "Linear", "say so")
        assert again.log is model.log
        assert again.weight is not model.weight
        assert torch.equal(again.weight, model.weight)
        with pytest.raises(UserError, match=r"^Linear cannot be copied \(.*\): say so$"):
            copied((model, file), [model], "Linear", "say so")


# --- chance


def test_every_generator_is_put_back() -> None:
    seed_all(3)
    before = take_chance()
    with own_chance():
        seed_all(9)
        assert not take_chance().is_as(before)
    assert take_chance().is_as(before)
    expected = random.random(), np.random.rand(), float(torch.rand(()))
    put_chance(before)
    assert (random.random(), np.random.rand(), float(torch.rand(()))) == expected
    with own_chance(torch_too=False):
        torch.rand(1)
    assert not torch.equal(take_chance().torch, before.torch)
