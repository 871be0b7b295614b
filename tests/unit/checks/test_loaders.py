"""What a data loader shows: its order, its workers, its shards; and that it is left as it was."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.checks.healthy import classes, mlp
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    SequentialSampler,
    get_worker_info,
)

import newllm
from newllm import UserError
from newllm.checks import CheckReport
from newllm.checks.feed import first_of

ROWS = 120
Row = tuple[Tensor, Tensor]
_loader = functools.partial(DataLoader, multiprocessing_context="fork", num_workers=2, batch_size=12)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*")  # newer versions of Python warn of threads


class Rows(Dataset[Row]):
    """Rows in memory, with noise of its own generator, of numpy's global one, or without any."""

    def __init__(self, noise: str = "none", *, is_sorted: bool = False) -> None:
        self.x, self.y = torch.randn(ROWS, 10), torch.randint(0, 3, (ROWS,))
        self.y = self.y.sort().values if is_sorted else self.y
        self.noise, self.chance, self.reads = noise, np.random.default_rng(0), 0

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Row:
        self.reads += 1
        draw = {"own": self.chance.normal, "numpy": np.random.normal, "none": lambda *, size: 0 * np.ones(size)}
        noise = torch.from_numpy(draw[self.noise](size=10)).float() if self.noise != "torch" else torch.randn(10)
        return self.x[index] + noise, self.y[index]


class OneRow(Rows):
    def __getitem__(self, index: int) -> Row:
        return super().__getitem__(0 * index)


class Stream(IterableDataset[Row]):
    """All rows, or those of the worker."""

    def __init__(self, *, divides: bool) -> None:
        self.rows, self.divides = Rows(), divides

    def __iter__(self) -> Iterator[Row]:
        worker: Any = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker and self.divides else (0, 1)
        return (self.rows[row] for row in range(first, ROWS, step))


class Own(Sampler[int]):
    """An order of its own; it may say that it shuffles, and draw from the same seed each time."""

    def __init__(self, seed: int | None, *, shuffle: bool = True) -> None:
        self.seed, self.shuffle, self.epochs = seed, shuffle, 0

    def __len__(self) -> int:
        return ROWS

    def __iter__(self) -> Iterator[int]:
        self.epochs += 1
        seed = self.epochs if self.seed is None else self.seed
        return iter(torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed)).tolist())


class Sharded(Own):
    """Every rank draws from a seed of its own, or from one that all share."""

    def __init__(self, *, shares: bool) -> None:
        super().__init__(None, shuffle=False)
        self.num_replicas, self.rank, self.shares = 4, 0, shares

    def __iter__(self) -> Iterator[int]:
        chance = torch.Generator().manual_seed(0 if self.shares else self.rank)
        order = torch.randperm(ROWS, generator=chance).tolist()
        return iter(order[self.rank :: 4] if self.shares else order[: ROWS // 4])


def seeded(_: int) -> None:
    worker: Any = get_worker_info()
    worker.dataset.chance = np.random.default_rng(worker.seed)


def seeded_by_number(number: int) -> None:
    worker: Any = get_worker_info()
    worker.dataset.chance = np.random.default_rng(number)


def seeded_by_epoch(number: int) -> None:
    worker: Any = get_worker_info()
    worker.dataset.chance = np.random.default_rng(worker.seed - number)


def _weighted() -> Any:
    return _loader(Rows(), sampler=torch.utils.data.WeightedRandomSampler([1.0] * ROWS, ROWS))


CASES: dict[str, tuple[Callable[[], Any], dict[str, str]]] = {
    "plain": (lambda: DataLoader(Rows(), 12, shuffle=True), {"order": "sound", "workers": "unchecked"}),
    "in order": (lambda: DataLoader(Rows(), 12), {"order": "sound"}),
    "in order of labels": (lambda: DataLoader(Rows(is_sorted=True), 12), {"order": "wrong"}),
    "sorted and shuffled": (lambda: DataLoader(Rows(is_sorted=True), 12, shuffle=True), {"order": "sound"}),
    "one row": (lambda: DataLoader(OneRow(), 12, shuffle=True), {"order": "wrong"}),
    "own generator": (lambda: _loader(Rows("own"), shuffle=True), {"workers": "wrong", "order": "sound"}),
    "seeded": (lambda: _loader(Rows("own"), worker_init_fn=seeded), {"workers": "sound"}),
    "seeded by number": (lambda: _loader(Rows("own"), worker_init_fn=seeded_by_number), {"workers": "wrong"}),
    "seeded by epoch": (lambda: _loader(Rows("own"), worker_init_fn=seeded_by_epoch), {"workers": "wrong"}),
    "of numpy": (lambda: _loader(Rows("numpy"), shuffle=True), {"workers": "sound"}),
    "of torch": (lambda: _loader(Rows("torch"), shuffle=True, persistent_workers=True), {"workers": "sound"}),
    "no noise": (lambda: _loader(Rows(), shuffle=True), {"workers": "sound"}),
    "one worker": (lambda: _loader(Rows("own"), num_workers=1), {"workers": "wrong"}),
    "stream": (lambda: _loader(Stream(divides=False)), {"workers": "wrong", "order": "unchecked"}),
    "divided": (lambda: _loader(Stream(divides=True)), {"workers": "sound"}),
    "with replacement": (_weighted, {"order": "unchecked"}),
    "same order": (lambda: DataLoader(Rows(), 12, sampler=Own(3)), {"order": "wrong"}),
    "own order": (lambda: DataLoader(Rows(), 12, sampler=Own(3, shuffle=False)), {"order": "unchecked"}),
    "new order": (lambda: DataLoader(Rows(), 12, sampler=Own(None)), {"order": "sound"}),
    "distributed": (
        lambda: DataLoader(Rows(), 12, sampler=DistributedSampler(Rows(), 7, 2)),
        {"order": "unchecked", "shards": "sound"},
    ),
    "shards": (lambda: DataLoader(Rows(), 12, sampler=Sharded(shares=True)), {"shards": "sound"}),
    "shards that overlap": (lambda: DataLoader(Rows(), 12, sampler=Sharded(shares=False)), {"shards": "wrong"}),
    "a list": (lambda: [(torch.randn(12, 10), torch.randint(0, 3, (12,)))], {"order": "unchecked"}),
}  # fmt: skip


def checked(loader: Any, loss: Any = classes) -> CheckReport:
    model = mlp()
    return newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-3), loss, loader=loader, seconds=60)


@pytest.mark.parametrize("name", CASES)
def test_a_loader_is_seen_through(name: str) -> None:
    torch.manual_seed(0)
    make, expected = CASES[name]
    report = checked(make())
    said = {outcome.probe: outcome.status for outcome in report.outcomes}
    assert {probe: said[probe] for probe in expected} == expected, str(report)
    assert {outcome.probe for outcome in report.wrong} == {probe for probe, one in expected.items() if one == "wrong"}


def test_a_loader_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    data = Rows("own")
    chance = torch.Generator().manual_seed(5)
    loader = _loader(data, shuffle=True, generator=chance, persistent_workers=True)
    held = (
        chance.get_state().tolist(), str(data.chance.bit_generator.state), data.reads,
        str(np.random.get_state()), data.x.clone().tolist(), sorted(vars(loader)),
    )  # fmt: skip
    model = mlp()
    before = torch.get_rng_state()
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), classes, loader=loader, seconds=60)
    assert [outcome.probe for outcome in report.wrong] == ["workers"]
    now = (
        chance.get_state().tolist(), str(data.chance.bit_generator.state), data.reads,
        str(np.random.get_state()), data.x.tolist(), sorted(vars(loader)),
    )  # fmt: skip
    assert now == held
    assert loader._iterator is None
    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_that_is_written_into_is_right_where_the_loader_gives_it_anew() -> None:
    def centred(model: nn.Module, batch: Row) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0].sub_(5).div_(3)), batch[1])

    class Views(Rows):
        """Gives a batch as a view of its memory."""

        def __getitem__(self, index: int) -> Row:
            return self.x[12 * index : 12 * index + 12], self.y[12 * index : 12 * index + 12]

        def __len__(self) -> int:
            return ROWS // 12

    torch.manual_seed(0)
    assert checked(DataLoader(Rows(), 12), centred).wrong == []
    data = Views()
    before = data.x.clone()
    assert [outcome.probe for outcome in checked(DataLoader(data, batch_size=None), centred).wrong] == ["batch-kept"]
    assert torch.equal(data.x, before)


class Tuples(BatchSampler):
    """Gives the rows of a batch as a tuple."""

    def __iter__(self) -> Iterator[Any]:
        return map(tuple, super().__iter__())


@pytest.mark.parametrize(
    "make",
    [
        lambda data, chosen: DataLoader(data, batch_size=None, sampler=BatchSampler(chosen, 4, drop_last=False)),
        lambda data, chosen: DataLoader(data, batch_size=None, sampler=Tuples(chosen, 4, drop_last=False)),
        lambda data, chosen: DataLoader(data, batch_sampler=BatchSampler(chosen, 4, drop_last=False)),
        lambda data, chosen: DataLoader(data, batch_sampler=Tuples(chosen, 4, drop_last=False)),
        lambda data, _: DataLoader(data, batch_size=None),
    ],
)
def test_the_first_batch_is_the_one_that_the_loader_gives(make: Callable[[Any, Any], Any]) -> None:
    class Gathered(Rows):
        """May be asked for many rows at once."""

        def __getitem__(self, index: Any) -> Row:
            return super().__getitem__(list(index) if isinstance(index, tuple) else index)  # type: ignore[arg-type]

    data = Gathered()
    loader = make(data, SequentialSampler(data))
    assert all(torch.equal(*pair) for pair in zip(first_of(loader), next(iter(loader)), strict=True))


@pytest.mark.parametrize(
    ("loader", "says"),
    [(iter([1]), "which ends"), ([], "no batch could be had of the loader (StopIteration"), (3, "TypeError: 'int'")],
)
def test_a_loader_that_gives_nothing_is_one_line(loader: Any, says: str) -> None:
    with pytest.raises(UserError) as raised:
        checked(loader)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [(64, 8, "wrong"), (64, 16, "wrong"), (64, 64, "sound"), (16, 8, "sound")],
    ids=["half a class", "a class", "all in one batch", "so few that it may be chance"],
)
def test_few_rows_in_the_order_of_their_labels(rows: int, size: int, expected: str) -> None:
    torch.manual_seed(0)
    y = torch.arange(rows) * 3 // rows
    held = torch.utils.data.TensorDataset(torch.randn(rows, 10), y)
    (found,) = (each for each in checked(DataLoader(held, size)).outcomes if each.probe == "order")
    assert found.status == expected
    mixed = torch.utils.data.TensorDataset(torch.randn(rows, 10), y[torch.randperm(rows)])
    (found,) = (each for each in checked(DataLoader(mixed, size)).outcomes if each.probe == "order")
    assert found.status == "sound"
