import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.checksum import opened
from newllm.errors import UserError
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.trace import read_trace

Signals = Callable[[], dict[str, dict[int, float]]]
Loss = Callable[[nn.Module], Tensor]


def hooks(model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    found = [optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks]
    for module in model.modules():
        found += [module._forward_hooks, module._forward_pre_hooks]
    for parameter in model.parameters():
        found += [parameter._post_accumulate_grad_hooks or {}, parameter._backward_hooks or {}]
    return sum(len(those) for those in found)


def test_a_tutorial_loop_is_recorded_with_three_added_lines(tmp_path: Path, signals: Signals) -> None:
    data = torch.utils.data.TensorDataset(torch.randn(60, 6), torch.randint(4, (60,)))
    loader = torch.utils.data.DataLoader(data, batch_size=5)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    with newllm.record(model, optimizer, out=tmp_path / "run") as recorder:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            losses.append(loss.item())
    found = signals()
    assert list(found["loss"].values()) == losses
    assert set(found["learning_rate"].values()) == {1e-2}
    assert all(seconds > 0 for seconds in found["step_seconds"].values())
    assert list(found["gradient_norm"]) == list(range(1, 13))
    layers = [
        f"{name}/{layer}" for name in ("gradient_norm", "weight_norm", "update_norm", "update_ratio") for layer in "02"
    ]
    layers += [f"{name}/{layer}" for name in ("second_moment_mismatch", "activation_rms") for layer in "02"]
    for name in [*layers, "activation_zero/0", "log_z", "logit_max"]:
        assert list(found[name]) == [1, 10], name
    assert not {"backwards", "gradient_carried", "update_skipped", "gradient_norm_clipped"} & found.keys()
    assert hooks(model, optimizer) == 0


def test_the_items_of_a_data_set_are_documents(tmp_path: Path) -> None:
    data: Any = torch.utils.data.TensorDataset(torch.arange(640).reshape(10, 64), torch.arange(10))
    loader = torch.utils.data.DataLoader(data, batch_size=5)
    model = nn.Linear(2, 2)
    with newllm.record(model, torch.optim.SGD(model.parameters()), tmp_path / "run") as recorder:
        recorder.data(data, loader)
    facts = json.loads((tmp_path / "run" / "data.json").read_text())["facts"]
    assert facts["training"]["documents"] == facts["validation"]["documents"] == 10
    assert facts["documents"]["exact"] == 10


def test_recording_json_says_what_was_recorded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(11, 6), nn.Dropout(), nn.Linear(6, 11))
    model[0].requires_grad_(False)
    with newllm.record(model, torch.optim.AdamW(model[2].parameters()), tmp_path / "run", every=3) as recorder:
        model(torch.randint(11, (2, 3))).sum().backward()
        recorder.step(0.0)
    found = opened((tmp_path / "run" / "recording.json").read_text())
    assert found.pop("optimizer_settings")["name"] == "AdamW"  # test_config has the rest
    assert found.pop("config") == {}
    assert found == {
        "schema": 1,
        "vocabulary": 11,
        "parameters": 143,
        "optimizer": "AdamW",
        "every": 3,
        "training_mode_matters": True,
        "asks_for_mode": False,
        "dropout": 0.5,
        "half": False,
        "layers": [
            {
                "name": "0",
                "kind": "Embedding",
                "parameters": 66,
                "trained": False,
                "given": False,
                "weight_decay": 0.0,
                "penalty": 0.0,
            },
            {
                "name": "2",
                "kind": "Linear",
                "parameters": 77,
                "trained": True,
                "given": True,
                "weight_decay": 0.01,
                "penalty": 0.0,
            },
        ],
        "left_out": [],
        "remarks": [],
        "ended": True,
    }


@pytest.mark.parametrize(
    ("layer", "dropout"),
    [(nn.GRU(3, 2, num_layers=2, dropout=0.25), 0.25), (nn.GRU(3, 2), 0.0), (nn.Sequential(nn.Dropout(0.1)), 0.1)],
)
def test_dropout_between_recurrent_layers_is_dropout(tmp_path: Path, layer: nn.Module, dropout: float) -> None:
    model = nn.Sequential(layer, nn.Linear(2, 2))
    with newllm.record(model, torch.optim.SGD(model.parameters(), lr=0.1), tmp_path / "run") as recorder:
        model[1](torch.ones(1, 2)).sum().backward()
        recorder.step(0.0)
    assert opened((tmp_path / "run" / "recording.json").read_text())["dropout"] == dropout


class Lion(torch.optim.SGD):
    """An optimizer of somebody's own: whether its decay is a part of the gradient, nobody can tell."""


@pytest.mark.parametrize(
    ("kind", "decay", "penalty"),
    [(torch.optim.AdamW, 0.3, 0.0), (torch.optim.Adam, 0.0, 0.3), (torch.optim.SGD, 0.0, 0.3), (Lion, 0.0, 0.0)],
)
def test_what_weight_decay_does_is_said_of_known_optimizers_alone(
    tmp_path: Path, kind: Callable, decay: float, penalty: float
) -> None:
    model = nn.Linear(3, 2)
    with newllm.record(model, kind(model.parameters(), lr=0.1, weight_decay=0.3), tmp_path / "run") as recorder:
        model(torch.ones(1, 3)).sum().backward()
        recorder.step(0.0)
    (layer,) = opened((tmp_path / "run" / "recording.json").read_text())["layers"]
    assert (layer["weight_decay"], layer["penalty"]) == (decay, penalty)


def test_norms_are_those_of_a_hand_computed_step(tmp_path: Path, signals: Signals) -> None:
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 4.0]]))
        model.bias.fill_(12.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        model(torch.tensor([[2.0, 2.0]])).sum().backward()  # gradient (2, 2) and 1
        optimizer.step()
        recorder.step(1.5)
    found = signals()
    assert found["loss"][1] == 1.5
    assert (found["gradient_norm"][1], found["gradient_norm/."][1]) == pytest.approx((3.0, 3.0))
    assert found["weight_norm/."][1] == pytest.approx(13.0)
    assert found["update_norm/."][1] == pytest.approx(1.5)
    assert found["update_ratio/."][1] == pytest.approx(math.sqrt(2) / 5)  # of the matrix alone
    assert found["activation_rms/."][1] == pytest.approx(26.0)


@pytest.mark.parametrize("steps", [1, 5])
def test_the_second_moment_is_held_against_the_gradient_without_its_bias(
    tmp_path: Path, signals: Signals, steps: int
) -> None:
    model, gradients = nn.Linear(3, 1, bias=False), torch.randn(steps, 1, 3)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99))
    with newllm.record(model, optimizer, tmp_path / "run", every=steps) as recorder:
        for gradient in gradients:
            model.weight.grad = gradient.clone()
            optimizer.step()
            recorder.step(0.0)
    weights = 0.99 ** torch.arange(steps - 1, -1, -1.0)[:, None, None]
    second_moment = (weights * gradients.square()).sum(0) / weights.sum()
    expected = (gradients[-1].square() / second_moment).mean().sqrt().item()
    assert signals()["second_moment_mismatch/."][steps] == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_is_no_number_is_data(tmp_path: Path, model: nn.Module, signals: Signals) -> None:
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as recorder:
        for loss in (1, math.nan, torch.tensor(math.inf), torch.tensor([2.0], requires_grad=True)):
            recorder.step(loss)
    assert [str(value) for value in signals()["loss"].values()] == ["1.0", "nan", "inf", "2.0"]


@pytest.mark.parametrize(
    ("loss", "said"), [(torch.zeros(2, 3), r"shape \(2, 3\)"), (None, "loss is None"), ("much", "loss is 'much'")]
)
def test_a_loss_that_is_not_one_number_is_refused(tmp_path: Path, model: nn.Module, loss: object, said: str) -> None:
    with (
        newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as recorder,
        pytest.raises(UserError, match=said),
    ):
        recorder.step(loss)  # type: ignore[arg-type]


def test_an_evaluation_is_recorded_with_what_the_loop_knows(tmp_path: Path, model: nn.Module, signals: Signals) -> None:
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as recorder:
        recorder.validation(1.5)
        recorder.step(1.0)
        model.eval()
        with torch.no_grad():
            model(torch.randn(2, 6))
        predicted = torch.tensor([3, 1, 3, 3])
        recorder.validation(torch.tensor(1.25), 3, 4, predicted, {"unknown": (7.5, 1), "seen": (1.0, 3)})
        model.train()
        with torch.no_grad():
            model(torch.randn(2, 6))
        recorder.step(1.0)
        recorder.validation(1.0)
        recorder.step(1.0)
        recorder.validation(1.0, predicted=1)
    found = signals()
    assert found["validation_loss"] == {0: 1.5, 1: 1.25, 2: 1.0, 3: 1.0}
    assert (found["validation_correct"], found["validation_count"]) == ({1: 3.0}, {1: 4.0})
    assert found["validation_accuracy"] == {1: 0.75}
    assert found["validation_classes"] == {1: 2.0, 3: 1.0}
    assert found["validation_loss/unknown"] == {1: 7.5}
    assert found["validation_count/seen"] == {1: 3.0}
    assert found["evaluation_in_training_mode"] == {2: 1.0}


def test_facts_of_the_data_are_written_once(tmp_path: Path, model: nn.Module) -> None:
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as recorder:
        recorder.data(["the whale swims", "a ship sinks"], ["the whale sinks"], shuffled=True)
        with pytest.raises(UserError, match="there already"):
            recorder.data([], [])
    facts = json.loads((tmp_path / "run" / "data.json").read_text())["facts"]
    assert facts["shuffled"] is True
    assert facts["training"]


def test_facts_of_a_loader_leave_the_chance_of_training_alone(tmp_path: Path, model: nn.Module) -> None:
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randint(9, (20, 8))), shuffle=True)
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as recorder:
        before = torch.random.get_rng_state()
        recorder.data(loader, loader)
        assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "predicted", [5, np.int64(5), torch.tensor(5), [0, 1, 2, 3, 4, 4], torch.tensor([[9, 8, 7, 6, 5]])]
)
def test_predicted_classes_or_their_number(tmp_path: Path, model: nn.Module, signals: Signals, predicted: Any) -> None:
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run") as recorder:
        recorder.validation(1.0, predicted=predicted)
    assert signals()["validation_classes"] == {0: 5.0}


def test_rates_of_several_kinds(tmp_path: Path, signals: Signals) -> None:
    model = nn.Linear(2, 2)
    groups = [{"params": [model.weight], "lr": torch.tensor(0.25)}, {"params": [model.bias], "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=0.1, foreach=False)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        recorder.step(0.0)
    assert signals()["learning_rate"] == {1: 0.5}


def test_hooks_are_gone_and_the_trace_is_whole_after_an_exception(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = newllm.record(model, optimizer, tmp_path / "run", every=1)

    def train() -> None:
        with recorder:
            for step in range(3):
                loss_of(model).backward()
                optimizer.step()
                recorder.step(step)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert hooks(model, optimizer) == 0
    assert signals()["loss"] == {1: 0.0, 2: 1.0, 3: 2.0}
    with pytest.warns(UserWarning, match="is closed"):  # that ends no training
        recorder.step(1.0)


def test_a_forward_pass_that_raises_leaves_no_function_watched(tmp_path: Path, model: nn.Module) -> None:
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "run"):
        with pytest.raises(RuntimeError, match="mat1"):
            model(torch.randn(1, 5))
        assert torch._C._len_torch_function_stack() == 0


def test_what_stands_there_is_never_overwritten(tmp_path: Path, model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        recorder.step(1.0)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(UserError, match="holds a recording already"), newllm.record(model, optimizer, tmp_path / "run"):
        pass
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_mistakes_are_told_in_one_line(tmp_path: Path, model: nn.Module) -> None:
    optimizer, other = torch.optim.SGD(model.parameters(), 0.1), torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
    (tmp_path / "file").touch()
    for given, said in (
        ((nn.ReLU(), optimizer, tmp_path / "run"), "no parameters"),
        ((len, optimizer, tmp_path / "run"), "give a torch.nn.Module"),
        ((model, None, tmp_path / "run"), "give a torch.optim.Optimizer"),
        ((model, other, tmp_path / "run"), "trains no parameter"),
        ((model, optimizer, tmp_path / "file"), "is a file"),
    ):
        with pytest.raises(UserError, match=said) as error, newllm.record(*given):  # type: ignore[arg-type]
            pass
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="every is 0"):
        newllm.record(model, optimizer, tmp_path / "run", every=0)
    assert not (tmp_path / "run").exists()


KILLED = """
import sys, time, torch, newllm
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
with newllm.record(model, optimizer, sys.argv[1]) as recorder:
    for step in range(100000):
        model(torch.randn(3, 2)).sum().backward()
        optimizer.step()
        recorder.step(step)
        print(time.time(), flush=True)
        time.sleep(0.02)
"""


@pytest.mark.slow
def test_kill_9_loses_at_most_the_last_second(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    times = [float(process.stdout.readline())]
    while times[-1] - times[0] < 2.5:
        times.append(float(process.stdout.readline()))
    os.kill(process.pid, signal.SIGKILL)
    times += [float(line) for line in process.stdout.read().split("\n")[:-1]]
    process.wait()
    process.stdout.close()
    kept = len(read_trace(tmp_path / "run" / "trace.jsonl").series("loss").step)
    assert times[-1] - times[kept - 1] < 1 + 2 * max(np.diff(times))  # the second, and steps of a busy machine


@pytest.mark.parametrize(
    ("module", "matters"),
    [
        (nn.Linear(2, 2), False),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)), True),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)), False),
        (nn.LSTM(2, 2, 2, dropout=0.1), True),
        (nn.LSTM(2, 2, 2), False),
        (nn.MultiheadAttention(2, 1, dropout=0.2), True),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), True),
        (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), False),
    ],
)
def test_whether_the_training_mode_matters(module: nn.Module, matters: bool) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    assert Layout(module).describe(Optimizers([optimizer]), 1, None)["training_mode_matters"] is matters


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(2, 1)  # torch's own code reads the mode


class Asks(Own):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropped(x)

    def dropped(self, x: torch.Tensor) -> torch.Tensor:
        return (lambda part: nn.functional.dropout(part, 0.1, training=self.training))(x)


class Inherits(Asks):
    def other(self) -> None: ...


class Decorated(Own):
    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.training else -x


class Odd(Own):
    """What a decorator says that it wraps may be a circle, or no function."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def other(self) -> None: ...


Odd.forward.__wrapped__ = Odd.forward  # type: ignore[attr-defined]
Odd.other.__wrapped__ = 3  # type: ignore[attr-defined]


class Never(Own):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.relu()


@pytest.mark.parametrize(
    ("kind", "asks"), [(Asks, True), (Inherits, True), (Decorated, True), (Odd, False), (Never, False)]
)
def test_whether_a_models_own_code_reads_the_mode(kind: type[Own], asks: bool) -> None:
    model = nn.Sequential(kind())
    described = Layout(model).describe(Optimizers([torch.optim.SGD(model.parameters(), lr=0.1)]), 1, None)
    assert described["asks_for_mode"] is asks


def test_kind_and_planned_changes_are_read_back(tmp_path: Path) -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with newllm.record(model, optimizer, out=tmp_path / "run", kind="rl") as recorder:
        recorder.note(200, "another\ngoal")
        for step in range(1, 401):
            recorder.step(1.0 + step % 7 / 100)
        with pytest.warns(UserWarning, match=r"a note at step 1\.5"):
            recorder.note(1.5, "x")  # type: ignore[arg-type]
    facts = newllm.doctor(tmp_path / "run", against=()).facts
    assert facts.kind == "reinforcement"
    assert [(one.step, one.text) for one in facts.planned] == [(200, "another goal")]
    assert newllm.doctor(tmp_path / "run", kind="gan", against=()).facts.kind == "adversarial"
    with pytest.raises(UserError, match="of the kind 'cooking'"):
        newllm.record(model, optimizer, out=tmp_path / "other", kind="cooking")


def test_a_wrapper_that_is_in_training_mode_says_nothing_of_its_parts() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    plain = nn.Sequential(nn.Linear(2, 2))
    for part in model:
        part.eval()
    assert model.training
    assert [Layout(one).runs_in_training_mode() for one in (model, plain)] == [False, True]
    model[1].train()
    assert Layout(model).runs_in_training_mode()
