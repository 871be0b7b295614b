"""What updates and evaluations are given: scale of the inputs, and rows that came before."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

import newllm
from newllm.recorder.given import Fingerprints, given
from newllm.recorder.recorder import Recorder
from newllm.trace import read_trace


class Loop:
    """A loop that gives the model what a test says; `signals` are those of the trace by step."""

    def __init__(self, out: Path, resumed_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Dropout(0.0), nn.Linear(4, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.out, self.resumed_at = out, resumed_at
        self.recorder: Recorder | None = None

    def __enter__(self) -> "Loop":
        self.recorder = newllm.record(self.model, self.optimizer, self.out, resumed_at=self.resumed_at, every=1)
        self.recorder.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        assert self.recorder is not None
        self.recorder.__exit__()

    def update(self, *inputs: Tensor) -> None:
        self.optimizer.zero_grad()
        loss = torch.stack([self.model(one).square().mean() for one in inputs]).sum()
        loss.backward()
        self.optimizer.step()
        assert self.recorder is not None
        self.recorder.step(loss)

    def evaluate(self, *inputs: Tensor) -> None:
        self.model.eval()
        with torch.no_grad():
            loss = sum(float(self.model(one).square().mean()) for one in inputs)
        self.model.train()
        assert self.recorder is not None
        self.recorder.validation(loss)

    def signal(self, name: str) -> dict[int, float]:
        found: dict[int, float] = {}
        for line in (self.out / "trace.jsonl").read_text().splitlines():
            row = json.loads(line)
            if name in (signals := row.get("signals", row)):
                found[row["step"]] = signals[name]
        return found


def rows(*numbers: int) -> Tensor:
    return torch.stack([torch.arange(4.0) + 100 * number for number in numbers])


def test_rows_are_known_again_number_for_number(tmp_path: Path) -> None:
    with Loop(tmp_path / "run") as loop:
        loop.update(rows(1, 2))
        loop.update(rows(2, 3))
        loop.update(rows(4, 5), rows(2, 3))
        loop.update(rows(1, 9, 9, 9).flip(1))  # other rows: the numbers stand at other places
    assert loop.signal("rows") == {1: 2.0, 2: 2.0, 3: 4.0, 4: 4.0}
    assert loop.signal("rows_seen") == {1: 0.0, 2: 0.5, 3: 0.5, 4: 0.0}
    assert loop.signal("rows_repeated") == {2: 0.5, 3: 0.5}
    assert loop.signal("rows_equal") == {4: 0.5}
    assert loop.signal("rows_distinct") == {1: 2.0, 2: 3.0, 3: 5.0, 4: 7.0}


def test_a_batch_is_known_again_by_its_rows_in_any_order(tmp_path: Path) -> None:
    with Loop(tmp_path) as loop:
        for batch in (rows(1, 2), rows(3, 4), rows(3, 4), rows(2, 1), rows(1, 3), rows(4, 3)):
            loop.update(batch)
    assert loop.signal("batch_again") == {4: 3.0, 6: 3.0}  # that of the update before is no news


def test_an_evaluation_says_which_of_its_rows_were_trained_on(tmp_path: Path) -> None:
    with Loop(tmp_path / "run") as loop:
        loop.update(rows(1, 2))
        loop.evaluate(rows(1, 3), rows(3, 4, 5))
        loop.update(rows(3, 6))
        loop.evaluate(rows(1, 3))
    assert loop.signal("validation_rows") == {1: 4.0, 2: 2.0}
    assert loop.signal("validation_rows_seen") == {1: 0.25, 2: 1.0}


def test_what_is_read_between_updates_without_an_evaluation_counts_for_none(tmp_path: Path) -> None:
    with Loop(tmp_path / "run") as loop:
        loop.update(rows(1, 2))
        with torch.no_grad():
            loop.model.eval()(rows(7, 8))
        loop.model.train()
        loop.update(rows(3, 4))
        loop.evaluate(rows(5))
    assert loop.signal("validation_rows") == {2: 1.0}


def test_a_pass_with_gradients_in_evaluation_mode_is_no_update(tmp_path: Path) -> None:
    """Somebody forgot `no_grad` in an evaluation: its rows were not trained on."""
    with Loop(tmp_path / "run") as loop:
        loop.update(rows(1, 2))
        loop.model.eval()(rows(7, 8))
        loop.model.train()
        loop.update(rows(7, 8))
    assert loop.signal("rows_seen") == {1: 0.0, 2: 0.0}


def test_updates_in_evaluation_mode_are_updates_and_are_marked(tmp_path: Path) -> None:
    with Loop(tmp_path / "run") as loop:
        loop.update(rows(1, 2))
        loop.evaluate(rows(3))
        loop.model.eval()
        loop.update(rows(1, 4), rows(5, 6))
    assert loop.signal("update_in_evaluation_mode") == {2: 1.0}
    assert loop.signal("rows_seen") == {1: 0.0, 2: 0.25}


def test_after_a_resume_nobody_knows_which_rows_came_before(tmp_path: Path) -> None:
    with Loop(tmp_path / "run") as loop:
        loop.update(rows(1, 2))
    with Loop(tmp_path / "run", resumed_at=1) as loop:
        loop.update(rows(1, 2))
        loop.update(rows(1, 2))
    assert loop.signal("rows_seen") == {1: 0.0}
    assert loop.signal("rows_repeated") == {3: 1.0}


def test_mean_and_deviation_are_those_of_all_numbers_of_an_update(tmp_path: Path) -> None:
    first, second = torch.randn(6, 4), 3 * torch.randn(6, 4) + 1
    with Loop(tmp_path / "run") as loop:
        loop.update(first, second)
        loop.evaluate(second)
    whole = torch.cat([first, second])
    assert loop.signal("input_mean")[1] == pytest.approx(float(whole.mean()), abs=1e-6)
    assert loop.signal("input_std")[1] == pytest.approx(float(whole.std(correction=0)), rel=1e-5)
    assert loop.signal("validation_input_std")[1] == pytest.approx(float(second.std(correction=0)), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("width", [3, 5000])
def test_equal_rows_have_equal_fingerprints_and_others_do_not(dtype: torch.dtype, width: int) -> None:
    draw = torch.Generator().manual_seed(1)
    rows_ND = torch.randint(0, 2 if dtype == torch.bool else 100, (50, width), generator=draw).to(dtype)
    found = Fingerprints().of([rows_ND])
    again = Fingerprints().of([rows_ND[torch.arange(49, -1, -1)].T.contiguous().T])
    assert found is not None
    assert again is not None
    assert torch.equal(found.flip(0), again)
    distinct = len({tuple(row) for row in rows_ND.tolist()})
    assert len(found.unique()) == distinct


def test_inputs_are_what_has_the_rows_of_the_first_tensor_and_is_no_label() -> None:
    tokens, image, state = torch.zeros(4, 7, dtype=torch.int64), torch.zeros(4, 3, 2, 2), torch.zeros(1, 4, 8)
    found = given((tokens, (state, None)), {"pixel_values": image, "labels": tokens, "attention_mask": tokens})
    assert [one.shape for one in found] == [tokens.shape, image.shape]
    assert given((), {"labels": tokens}) == []
    assert given(({"nested": [image]},), {})[0].shape == image.shape


def test_of_whole_numbers_the_mean_is_known_and_how_long_rows_are(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(10, 3), nn.Flatten())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for length in (4, 6):
            optimizer.zero_grad()
            loss = model(torch.full((5, length), 7)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    rows = [json.loads(line) for line in (tmp_path / "run" / "trace.jsonl").read_text().splitlines()]
    signals = [row for row in rows if "loss" in row]
    assert [(one["token_mean"], one["row_numbers"]) for one in signals] == [(7.0, 4.0), (7.0, 6.0)]
    assert "input_mean" not in signals[0]


def test_of_many_small_calls_the_first_are_looked_at(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with newllm.record(model, optimizer, tmp_path, every=1) as recorder:
        for _ in range(3):
            loss = sum((model(torch.randn(rows, 3)).square().mean() for rows in [1] * 100 + [16]), torch.zeros(()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            with torch.no_grad():
                for _ in range(100):
                    model(torch.randn(1, 3))
            recorder.validation(1.0)
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.series("rows").value.tolist() == [32 + 16] * 3
    assert trace.series("validation_rows").value.tolist() == [32] * 3


class Unshared(IterableDataset[Tensor]):
    """Each worker of a loader gives all rows."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter(torch.arange(96.0).reshape(24, 4))


def test_workers_that_each_read_all_data_are_told(tmp_path: Path) -> None:
    with Loop(tmp_path / "run") as loop:
        for batch in DataLoader(Unshared(), batch_size=2, num_workers=2):
            loop.update(batch)
    assert set(loop.signal("worker_processes").values()) == {2.0}
    finding = next(one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "repeated-batch")
    assert "every batch comes 2 times" in str(finding.sentence)


@pytest.mark.filterwarnings("error")
def test_an_empty_batch_at_the_end_says_nothing(tmp_path: Path) -> None:
    model = nn.LSTM(3, 4, batch_first=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for rows in (2, 0):
            loss = model(torch.ones(rows, 5, 3))[0].sum()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert not json.loads((tmp_path / "run/recording.json").read_text())["remarks"]
