"""What is looked at, and how much of it: rows, queries, calls and steps that are just measured, and just not."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.model.language_model import LanguageModel
from newllm.recorder.activations import ActivationWatch, first_tensor
from newllm.recorder.cell_watch import CellWatch
from newllm.recorder.context_signals import course_signals
from newllm.recorder.functions import FunctionWatch
from newllm.recorder.gates import watch_gates
from newllm.recorder.gradients import GradientWatch, euclidean, gradient_norms
from newllm.recorder.layers import alike, dense
from newllm.recorder.layout import Layout, own_name
from newllm.recorder.lyapunov import first_tangents, lyapunov_exponents, model_exponents
from newllm.recorder.lyapunov_watch import LyapunovWatch
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.outputs import embedding_size, put_logits
from newllm.recorder.pending import PendingRows, Row, read_rows
from newllm.recorder.tensors import norms
from newllm.recorder.updates import _largest
from newllm.recorder.weights import _correction
from newllm.recurrence.rules.rule import Gate
from newllm.trace import TraceWriter


def _told(row: Row) -> dict[str, float]:
    (signals,) = read_rows([row])
    return signals


# Activations.


def test_a_layer_is_measured_at_its_first_second_fourth_and_eighth_call() -> None:
    layer = nn.Linear(1, 1, bias=False)
    watch, row = ActivationWatch(Layout(layer)), Row()
    watch.open(row)
    expected = []
    for call in range(1, 10):
        output = layer(torch.tensor([[float(call)], [3.0 * call]]))
        expected.append(float(output.detach().square().mean().sqrt()))
    assert len(row.vectors) == 4
    assert _told(row) == {"activation_rms/.": pytest.approx(expected[7])}
    watch.close()
    layer(torch.ones(1, 1))
    assert len(row.vectors) == 4
    with torch.no_grad():
        watch.open(row)
        layer(torch.ones(1, 1))
    assert len(row.vectors) == 4


class Between(nn.Module):
    """A layer, some changes of shape, and an activation function."""

    def __init__(self, changes: int, *, other: bool = False) -> None:
        super().__init__()
        self.layer, self.changes, self.other = nn.Linear(3, 4), changes, other

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        for _ in range(self.changes):
            x = x.clone()
        return F.relu(x + 0 * x if self.other else x)


@pytest.mark.parametrize(
    ("model", "seen"),
    [(Between(0), True), (Between(5), True), (Between(6), False), (Between(0, other=True), False)],
)
def test_dead_units_are_those_of_a_layer_with_nothing_but_changes_of_shape_behind_it(
    model: Between, seen: bool
) -> None:
    with torch.no_grad():
        model.layer.bias.copy_(torch.tensor([-100.0, 1.0, -100.0, 1.0]))
    watch, row = ActivationWatch(Layout(model)), Row()
    watch.open(row)
    with FunctionWatch(watch.functions()):
        model(torch.randn(5, 3))
    watch.close()
    assert _told(row).get("activation_zero/layer") == (0.5 if seen else None)


def test_the_first_tensor_of_numbers_is_what_a_module_returned() -> None:
    whole, number = torch.ones(2, dtype=torch.long), torch.ones(2)
    assert first_tensor(whole) is None
    assert first_tensor({"a": whole, "b": (None, [number])}) is number
    assert first_tensor([]) is None
    assert first_tensor("x") is None


def test_a_gate_is_saturated_past_a_hundredth() -> None:
    gate, row = Gate(1, 4), Row()
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.copy_(torch.tensor([1.0, -1.0, 0.999, -1.001]) * math.log(99))
    (handle,) = watch_gates([("gate", gate), ("other", nn.Linear(1, 1))], row)
    gate(torch.ones(3, 1))
    with torch.no_grad():
        gate(torch.ones(3, 1))
    handle.remove()
    assert len(row.vectors) == 1
    with torch.no_grad():
        gate.bias.copy_(torch.tensor([4.6, -4.6, 4.59, -4.59]))
    row = Row()
    watch_gates([("gate", gate)], row)
    gate(torch.ones(3, 1))
    assert _told(row) == {"gate_saturation/gate": 0.5}


# Contexts, gradients, weights, outputs.


@pytest.mark.parametrize(
    ("norms_", "told"),
    [
        ([1.0, 2.0, 4.0], {"position-1": 1.0, "position-2": 2.0}),
        ([1.0, 2.0, 4.0, 8.0], {"position-1": 1.0, "position-2": 2.0, "position-4": 8.0, "growth": 2.0}),
        ([1.0, 2.0, 4.0, 8.0, 54.0], {"position-1": 1.0, "position-2": 2.0, "position-4": 8.0, "growth": 3.0}),
        ([1.0, 0.0, 4.0, 8.0], {"position-1": 1.0, "position-2": 0.0, "position-4": 8.0}),
    ],
)  # fmt: skip
def test_the_course_of_the_contexts_norm(norms_: list[float], told: dict[str, float]) -> None:
    signals = {
        name.removeprefix("context_norm/").removeprefix("context_"): value for name, value in course_signals(norms_)
    }
    assert signals == pytest.approx(told)


def test_a_norm_of_no_number_is_none_and_narrow_ones_are_wide() -> None:
    assert euclidean([3.0, 4.0]) == 5.0
    assert math.isnan(euclidean([math.inf, math.nan]))
    assert euclidean([]) == 0.0
    assert norms([]).tolist() == []
    half, full = torch.full((4,), 3e4, dtype=torch.float16), torch.ones(4, dtype=torch.float64)
    assert norms([half, half]).tolist() == pytest.approx([6e4, 6e4], rel=1e-3)
    assert norms([half, full]).tolist() == pytest.approx([6e4, 2.0], rel=1e-3)
    with torch.sparse.check_sparse_tensor_invariants():  # torch 2.11 warns in spite of `check_invariants=True`
        sparse = torch.sparse_coo_tensor(torch.tensor([[0, 0]]), torch.tensor([3.0, 1.0]), (5,))
    assert dense(sparse).tolist() == [4.0]
    assert alike([half], [half])
    assert not alike([half], [half, half])
    assert not alike([half], [full])
    assert gradient_norms([nn.Parameter(torch.ones(2))]) is None


def test_one_backward_pass_is_one_and_what_was_carried_is_told() -> None:
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    watch = GradientWatch([weight])
    watch.open()
    for passes in (1, 2):
        watch.reset()
        weight.grad = None
        for _ in range(passes):
            (0.5 * weight.square().sum()).backward()
        assert watch.backwards == passes
        assert watch.before is not None
        assert float(watch.before.whole()) == pytest.approx(5.0 * passes)
        weight.grad.mul_(0.5)  # type: ignore[union-attr]
        watch.update_begins(scale=torch.tensor(2.0))
        assert watch.clipped is not None
        assert float(watch.clipped.whole()) == pytest.approx(1.25 * passes)
        watch.update_ends()
    watch.reset()
    (0.5 * weight.square().sum()).backward()  # nobody cleared it
    assert not watch.carried  # nor has an optimizer read it
    watch.update_begins()
    assert [bool(left) for left in watch.carried.values()] == [True]
    watch.close()
    assert not weight._backward_hooks


@pytest.mark.parametrize(
    ("rates", "largest"),
    [([1e-3, 1e-2], 1e-2), ([torch.tensor(1e-3), torch.tensor([1e-2])], 1e-2), ([torch.tensor(1e-3), 0.5], 0.5),
     ([torch.tensor(0.5), 1e-3], 0.5)],
)  # fmt: skip
def test_of_several_rates_the_largest_is_told(rates: list[Any], largest: float) -> None:
    assert float(_largest(rates)) == pytest.approx(largest)


def test_adams_mean_is_corrected_for_its_beginning() -> None:
    assert _correction(0.9, 2) == pytest.approx(math.sqrt(0.19))
    assert _correction(torch.tensor(0.5), torch.tensor(1.0)) == pytest.approx(math.sqrt(0.5))


def test_log_z_is_of_every_second_row_from_512_on() -> None:
    for rows, mean in ((511, 255.0), (512, 255.0), (256, 127.5)):
        row = Row()
        put_logits(torch.arange(float(rows))[:, None].expand(rows, 2), row)
        assert _told(row) == {"log_z": pytest.approx(mean + math.log(2)), "logit_max": rows - 1.0, "logit_min": 0.0}
    assert embedding_size(nn.Embedding(5, 2), 5) == 5
    assert embedding_size(nn.Embedding(5, 2), 2) is None


def test_seconds_of_a_step_are_those_since_the_last(tmp_path: Path, signals, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr("newllm.recorder.recorder.time", SimpleNamespace(perf_counter=lambda: now[0]))
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with newllm.record(model, optimizer, tmp_path / "run", every=2) as recorder:
        for seconds in (1.5, 0.25, 4.0, 1.0):
            now[0] += seconds
            if seconds != 4.0:
                model(torch.ones(1, 2)).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
            recorder.step(1.0)
    found = signals()
    assert found["step_seconds"] == {1: 1.5, 2: 0.25, 3: 4.0, 4: 1.0}
    assert found["update_skipped"] == {3: 1.0}
    assert list(found["weight_norm/."]) == [1, 2, 4]
    assert set(found["learning_rate"].values()) == {0.5}
    assert "gradient_carried" not in found


def test_a_scaler_is_looked_for_in_the_first_three_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr("newllm.recorder.updates.find_caller", lambda *_: looks.append(1))
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(5):
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            recorder.step(1.0)
    assert len(looks) == 3


def test_rows_are_written_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5.0]
    monkeypatch.setattr("newllm.recorder.pending.time", SimpleNamespace(monotonic=lambda: now[0]))
    pending = PendingRows(TraceWriter(tmp_path / "trace.jsonl"))
    for step, seconds, written in ((1, 0.5, 0), (2, 0.999, 0), (3, 1.0, 3), (4, 1.5, 3), (5, 2.0, 5)):
        now[0], row = 5.0 + seconds, Row()
        row.put("loss", step)
        pending.add(step, row)
        place = tmp_path / "trace.jsonl"
        assert (place.read_text().count("\n") if place.exists() else 0) == written
    pending.close()


# A model's parts.


def test_what_minds_the_mode_is_a_batch_norm_or_a_dropout_that_drops() -> None:
    def minds(model: nn.Module) -> bool:
        layout = Layout(nn.Sequential(nn.Linear(1, 1), model))
        return layout.describe(Optimizers([torch.optim.SGD(layout.parameters)]), 1, None)["training_mode_matters"]

    assert not any(map(minds, (nn.Dropout(0.0), nn.LayerNorm(1), nn.LSTM(1, 1, 2))))
    assert all(map(minds, (nn.Dropout(0.1), nn.BatchNorm1d(1), nn.LSTM(1, 1, 2, dropout=0.5))))
    assert own_name("a._orig_mod.b") == "a.b"
    assert own_name("_orig_mod") == own_name("") == "."
    wrapped = Layout(nn.DataParallel(nn.Linear(1, 1)))
    assert (list(wrapped.layers), wrapped.compiled) == (["."], [])
    compiled = Layout(torch.compile(nn.Linear(1, 1), backend="eager"))  # type: ignore[arg-type]
    assert (list(compiled.layers), compiled.compiled) == (["."], ["."])
    assert list(compiled.callable_modules()) == []
    inside = Layout(nn.Sequential(nn.Linear(1, 1), torch.compile(nn.Linear(1, 1), backend="eager")))  # type: ignore[arg-type]
    assert inside.compiled == ["1"]
    assert [name for name, _ in inside.callable_modules()] == [".", "0"]


@pytest.mark.parametrize(("rows", "positions", "probed"), [(2, 127, 254), (2, 128, 128), (3, 100, 150)])
def test_of_a_cell_some_128_positions_are_looked_at(build, rows: int, positions: int, probed: int) -> None:
    model, sizes = build(body="cell"), []
    probe = CellWatch(Layout(model))
    probe.open(ActivationWatch(Layout(model)))
    model.body.fnn.register_forward_hook(lambda *call: sizes.append(len(call[1][0])))
    model(torch.randint(11, (rows, positions)))
    probe.close()
    assert {size for size in sizes if size > rows} == {probed}


# Exponents.


def test_the_exponents_of_a_linear_map_are_the_logs_of_its_factors() -> None:
    factors = torch.tensor([2.0, 0.5, 0.25], dtype=torch.float64)
    step = lambda context, given: context * factors + given  # noqa: E731
    inputs = [torch.zeros(2, 3, dtype=torch.float64)] * 60
    start = torch.zeros(2, 3, dtype=torch.float64)
    found = lyapunov_exponents(step, start, inputs, 3, discard=30)
    assert found[0].tolist() == pytest.approx([math.log(2), math.log(0.5), math.log(0.25)], abs=1e-6)
    assert lyapunov_exponents(step, start, inputs, discard=30).shape == (2, 1)
    real = torch.ones(2, 60, dtype=torch.bool)
    real[1, 20:] = False
    ended = lyapunov_exponents(step, start, inputs, 1, real_BT=real, aligned=True)
    assert ended[1].tolist() == pytest.approx([math.log(2)], abs=1e-6)
    for count in (0, 4):
        with pytest.raises(ValueError, match=f"count is {count}: a context of 3 channels has 1 to 3 exponents"):
            lyapunov_exponents(step, start, inputs, count)
    first = first_tangents(start, 2, 0)
    assert first.shape == (2, 3, 2)
    assert (first[0].T @ first[0]).tolist() == [pytest.approx([1, 0], abs=1e-12), pytest.approx([0, 1], abs=1e-12)]
    default = lyapunov_exponents(step, start, inputs[:3])
    assert torch.equal(default, lyapunov_exponents(step, start, inputs[:3], seed=0))
    assert not torch.equal(default, lyapunov_exponents(step, start, inputs[:3], seed=1))
    assert not torch.equal(default, lyapunov_exponents(step, start, inputs[:3], aligned=True))
    assert not torch.equal(default, lyapunov_exponents(step, start, inputs[:3], discard=1))


def test_of_a_cell_two_rows_and_32_positions_are_measured_on_the_tenth_step(
    build: Callable[..., LanguageModel],
) -> None:
    model = build(body="cell", rule="additive", norm="write").train()
    probe, row, tokens = LyapunovWatch(Layout(model)), Row(), torch.randint(11, (3, 40))
    for call in range(1, 111):
        probe.keep((tokens,) if call != 110 else ())
        probe.put(row if call in (10, 110) else Row())
        assert call != 9 or not row.numbers
    assert row.numbers == {"lyapunov": pytest.approx(model_exponents(model, tokens[:2, :32], discard=1))}
    again = Row()
    probe = LyapunovWatch(Layout(model))
    for _ in range(9):
        probe.keep((tokens,))
        probe.put(again)
    assert again.numbers == {}
    assert model_exponents(model, tokens) == model_exponents(model, tokens, discard=0, aligned=True, seed=0, count=1)
    assert model.training
    other = LyapunovWatch(Layout(nn.Linear(1, 1)))
    other.keep((tokens,))
    assert other._tokens is None
