"""Rows are compared by what they hold: one under several numbers is seen; data that repeat themselves are not wrong."""

import functools
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import classes, mlp
from torch.nn import functional as F
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from newllm.checks import alike
from newllm.checks.outcome import Outcome

ROWS = 96
Row = Any


class Given(Dataset[Row]):
    """Rows in memory, given by a function of their number and what is held."""

    def __init__(self, pick: Callable[[Any, int], Row], x: Any = None) -> None:
        self.x = torch.randn(ROWS, 10) if x is None else x
        self.y, self.pick = torch.randint(0, 3, (len(self.x),)), pick
        self.chosen = torch.randint(ROWS, (ROWS,)).tolist()

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Row:
        return self.pick(self, index)


def _row(data: Given, at: int) -> Row:
    return data.x[at], data.y[at]


def _said(data: Dataset[Row], shuffle: bool = True, **more: Any) -> Outcome:
    loader = DataLoader(data, 12, shuffle=shuffle, **more)
    batch = torch.randn(12, 10), torch.randint(0, 3, (12,))
    return asked("order", mlp(), classes, batch, loader=loader)


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("as_array", [True, False])
def test_a_row_under_several_numbers_in_succession_is_found(times: int, shuffle: bool, as_array: bool) -> None:
    torch.manual_seed(0)
    data = Given(lambda data, at: _row(data, at // times))
    if as_array:
        data.x = data.x.numpy()
    found = _said(data, shuffle)
    assert found.sentence.id == "check-order.in-succession", found
    assert found.evidence["distinct"] == ROWS // times
    assert found.evidence["missing"] == ROWS - ROWS // times
    assert found.evidence["name"] == "x"


REPEATED = {
    "a longer epoch": lambda: Given(lambda data, at: _row(data, at % 32), torch.randn(32, 10)),
    "a longer epoch of a part": lambda: Given(lambda data, at: _row(data, at % 32)),
    "in succession on purpose": lambda: Given(lambda data, at: _row(data, at // 4), torch.randn(ROWS // 4, 10)),
    "in succession as they are held": lambda: Given(_row, torch.randn(ROWS // 4, 10).repeat_interleave(4, 0)),
    "twice": lambda: ConcatDataset([TensorDataset(torch.randn(32, 10), torch.zeros(32))] * 3),
    "a bootstrap": lambda: Given(lambda data, at: _row(data, data.chosen[at])),
    "a table of truth": lambda: TensorDataset(
        torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).repeat(6, 1), torch.arange(16).repeat(6) % 2
    ),
    "binary inputs": lambda: TensorDataset(torch.randint(0, 2, (ROWS, 4)), torch.randint(0, 2, (ROWS,))),
    "one of few": lambda: TensorDataset(F.one_hot(torch.arange(ROWS) % 7), torch.arange(ROWS) % 7),
    "short texts": lambda: TensorDataset(torch.randint(0, 3, (ROWS, 2))),
}


@pytest.mark.parametrize("name", REPEATED)
def test_what_repeats_itself_is_said_and_not_called_wrong(name: str) -> None:
    torch.manual_seed(0)
    found = _said(REPEATED[name]())
    assert found.sentence.id == "check-reason.same-rows", found
    parameters = found.sentence.parameters
    assert parameters["alike"] > ROWS / 2
    assert parameters["compared"] == ROWS


def test_a_few_that_are_the_same_are_a_note() -> None:
    torch.manual_seed(0)
    x = torch.randn(ROWS, 10)
    x[5] = x[40]
    found = _said(TensorDataset(x, torch.zeros(ROWS)))
    assert (found.sentence.id, found.evidence["alike"]) == ("check-order.read", 2)
    found = _said(TensorDataset(torch.randn(ROWS, 10)))
    assert found.evidence["alike"] == 0
    assert "no two hold the same" in str(found.sentence)


def _drawn(data: Given, at: int) -> Row:
    return data.x[at // 2] + 0.1 * torch.randn(10), data.y[at // 2]


def _turned(data: Given, at: int) -> Row:
    return data.x[at].flip(0) if torch.rand(()) < 0.5 else data.x[at], data.y[at]


def test_what_is_drawn_anew_each_time_is_not_compared() -> None:
    torch.manual_seed(0)
    assert _said(Given(_drawn)).evidence["compared"] == 0
    found = _said(Given(_turned))
    assert (found.status, found.evidence["alike"]) == ("sound", 0)


def test_texts_beside_tensors_tell_rows_apart() -> None:
    torch.manual_seed(0)
    found = _said(Given(lambda _, at: {"text": f"row {at}", "label": 1}))
    assert (found.sentence.id, found.evidence["alike"]) == ("check-order.read", 0)
    found = _said(Given(lambda _, at: {"text": f"row {at // 2}", "label": 1}))
    assert found.sentence.id == "check-reason.same-rows"
    made = functools.partial(_said, collate_fn=lambda rows: rows)
    assert made(Given(lambda _, at: (torch.ones(1), iter([at])))).evidence["compared"] == 0


def test_a_part_of_the_data_and_its_labels_are_no_rows_that_never_come() -> None:
    torch.manual_seed(0)
    assert _said(Subset(Given(_row), list(range(0, ROWS, 2)))).evidence["alike"] == 0

    def tiled(data: Given, at: int) -> Row:  # what it holds besides is none of what it gives
        return torch.full((10,), float(at // 2)), data.y[at // 2]

    assert _said(Given(tiled)).sentence.id == "check-reason.same-rows"


def test_slow_data_are_compared_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "_LONGEST", 0.3)

    def slow(data: Given, at: int) -> Row:
        time.sleep(0.02)
        return _row(data, at // 2)

    torch.manual_seed(0)
    began = time.monotonic()
    found = _said(Given(slow))
    assert time.monotonic() - began < 3
    assert found.sentence.id == "check-reason.same-rows"
    assert found.sentence.parameters["compared"] < ROWS


def test_a_row_as_a_batch_of_its_own() -> None:
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(ROWS, 12, 10), torch.randint(0, 3, (ROWS, 12)))
    found = asked("order", mlp(), classes, data[0], loader=DataLoader(data, batch_size=None, shuffle=True))
    assert (found.status, found.evidence["alike"]) == ("sound", 0)
