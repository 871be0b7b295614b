import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.recorder.tensors import norms

Signals = Callable[[], dict[str, dict[int, float]]]
Loss = Callable[[nn.Module], Tensor]
TELLTALES = {"backwards", "gradient_carried", "update_skipped", "gradient_norm_clipped"}


def length(model: nn.Module) -> float:
    return math.hypot(*(float(p.grad.norm()) for p in model.parameters() if p.grad is not None))


def close(found: dict[int, float], expected: list[float]) -> bool:
    return list(found) == list(range(1, len(expected) + 1)) and list(found.values()) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("clearing", ["before backward", "after backward", "after the step", "in place", ".data"])
def test_a_cleared_gradient_is_not_carried(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, clearing: str
) -> None:
    optimizer, expected = torch.optim.SGD(model.parameters(), 0.1), []
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(5):
            if clearing == "before backward":
                optimizer.zero_grad()
            loss = loss_of(model)
            if clearing == "after backward":  # after the forward pass of this one, so to speak
                optimizer.zero_grad()
            loss.backward()
            expected.append(length(model))
            optimizer.step()
            if clearing in ("after the step", "in place"):
                optimizer.zero_grad(set_to_none=clearing == "after the step")
            recorder.step(loss)
            if clearing == ".data":
                for parameter in model.parameters():
                    parameter.grad.data.zero_()  # type: ignore[union-attr]
    found = signals()
    assert close(found["gradient_norm"], expected)
    assert not TELLTALES & found.keys()


@pytest.mark.parametrize("clip", [0.05, math.inf])
def test_a_gradient_that_nobody_cleared_is_found(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, clip: float
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(4):
            loss = loss_of(model)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            recorder.step(loss)
    found = signals()
    assert found["gradient_carried"] == {2: 1.0, 3: 1.0, 4: 1.0}
    assert "backwards" not in found


@pytest.mark.parametrize("first", [True, False])
def test_a_half_that_nobody_cleared_is_told_as_a_part(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, first: bool
) -> None:
    optimizer, parameters = torch.optim.SGD(model.parameters(), 0.1), list(model.parameters())
    half = len(parameters) // 2
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(4):
            for parameter in parameters[:half] if first else parameters[half:]:
                parameter.grad = None
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    carried = signals()["gradient_carried"]
    assert set(carried) == {2, 3, 4}
    assert list(carried.values()) == pytest.approx(3 * [2 / 3 if first else 1 / 3])  # of the first, middle and last
    (finding,) = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "gradient-carried"]
    assert "of some parameters was not cleared (that of the others was)" in str(finding.sentence)


def test_what_the_optimizer_does_not_hold_may_keep_its_gradient(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals
) -> None:
    """A head that is trained alone: `optimizer.zero_grad()` never clears the rest, and nobody reads it."""
    optimizer = torch.optim.SGD(list(model.parameters())[-2:], 0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(4):
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert "gradient_carried" not in signals()


@pytest.mark.parametrize("in_place", [True, False])
def test_what_another_loss_left_and_zero_grad_took_is_not_carried(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, in_place: bool
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(4):
            loss_of(model).backward()  # a generator's, through its discriminator
            optimizer.zero_grad(set_to_none=not in_place)
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert not TELLTALES & signals().keys()


@pytest.mark.parametrize("in_place", [True, False])
def test_accumulation_is_counted_and_its_norm_is_of_the_sum(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, in_place: bool
) -> None:
    optimizer, expected = torch.optim.SGD(model.parameters(), 0.1), []
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(4):
            for _ in range(3):
                loss = loss_of(model) / 3
                loss.backward()
            expected.append(length(model))
            optimizer.step()
            recorder.step(loss)
            optimizer.zero_grad(set_to_none=not in_place)
    found = signals()
    assert close(found["gradient_norm"], expected)
    assert found["backwards"] == dict.fromkeys(range(1, 5), 3.0)
    assert "gradient_carried" not in found


@pytest.mark.parametrize("kind", ["norm", "value", "by hand"])
def test_the_norm_is_taken_before_and_after_clipping(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, kind: str
) -> None:
    optimizer, before, after = torch.optim.SGD(model.parameters(), 0.1), [], []
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            before.append(length(model))
            if kind == "norm":
                nn.utils.clip_grad_norm_(model.parameters(), 0.05)
            elif kind == "value":
                nn.utils.clip_grad_value_(model.parameters(), 0.01)
            else:
                for parameter in model.parameters():
                    parameter.grad = parameter.grad.clamp(-0.02, 0.02)  # type: ignore[union-attr]
            after.append(length(model))
            optimizer.step()
            recorder.step(loss)
    found = signals()
    assert after[0] < before[0]
    assert close(found["gradient_norm"], before)
    assert close(found["gradient_norm_clipped"], after)


def test_a_step_without_an_update_is_seen(tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for step in range(4):
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            if step != 2:
                optimizer.step()
            recorder.step(loss)
    found = signals()
    assert found["update_skipped"] == {3: 1.0}
    assert list(found["gradient_norm"]) == [1, 2, 3, 4]
    assert list(found["learning_rate"]) == [1, 2, 4]


def test_weights_that_move_without_the_recorded_optimizer_are_seen(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals
) -> None:
    recorded = torch.optim.SGD(list(model.parameters()), 0.1)
    with torch.inference_mode():  # of such a tensor torch counts nothing, and asking for it is an error
        model.register_parameter("frozen", nn.Parameter(torch.ones(2), requires_grad=False))
    with newllm.record(model, recorded, tmp_path / "run") as recorder:
        for step in range(8):
            recorded.zero_grad()
            loss = loss_of(model)
            loss.backward()
            if step in (0, 1, 5):
                recorded.step()
            elif step != 7:
                with torch.no_grad():  # an update of the loop's own
                    for one in filter(lambda each: each.requires_grad, model.parameters()):
                        one.sub_(torch.zeros(()) if one.grad is None else one.grad, alpha=0.1)
            recorder.step(loss)
    found = signals()
    assert list(found["update_skipped"]) == [3, 4, 5, 7, 8]
    assert found["weights_moved"] == {4: 1.0, 5: 1.0}  # of the first without an update nobody knows


@pytest.mark.parametrize("clips", [True, False])
def test_a_loss_scale_is_taken_out_and_the_skipped_step_seen(
    tmp_path: Path, model: nn.Module, loss_of: Loss, signals: Signals, clips: bool
) -> None:
    optimizer, expected = torch.optim.SGD(model.parameters(), 0.1), []
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for step in range(6):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(model).float() * (math.inf if step == 3 else 1.0)
            scaler.scale(loss).backward()
            expected.append(length(model) / scaler.get_scale())
            if clips:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 0.05)
            scaler.step(optimizer)
            scaler.update()
            recorder.step(loss)
    found = signals()
    assert not math.isfinite(found["gradient_norm"].pop(4))
    assert list(found["gradient_norm"].values()) == pytest.approx([e for e in expected if math.isfinite(e)], rel=1e-4)
    assert found["update_skipped"] == {4: 1.0}
    if clips:
        assert list(found["gradient_norm_clipped"].values()) == pytest.approx([0.05] * 5, rel=1e-4)


def test_a_closure_is_measured_at_the_weights_before_the_update(
    tmp_path: Path, model: nn.Module, signals: Signals
) -> None:
    optimizer, inputs, expected = torch.optim.LBFGS(model.parameters(), max_iter=4), torch.randn(5, 6), []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        lengths.append(length(model))
        return loss

    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(3):
            lengths: list[float] = []
            recorder.step(optimizer.step(closure))
            expected.append(lengths[0])
    found = signals()
    assert close(found["gradient_norm"], expected)
    assert not TELLTALES & found.keys()
    assert found["update_norm/0"][1] > 0


def test_gradients_that_are_sparse_shared_frozen_or_absent(tmp_path: Path, signals: Signals) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.unused = nn.Embedding(20, 6, sparse=True), nn.Linear(2, 2)
            self.frozen, self.head = nn.Linear(6, 6), nn.Linear(6, 20, bias=False)
            self.frozen.requires_grad_(False)
            self.head.weight = nn.Parameter(torch.randn(20, 6))
            self.again = self.head

        def forward(self, tokens: Tensor) -> Tensor:
            return self.again(self.frozen(self.tokens(tokens)))

    model, expected = Tied(), []
    groups = [{"params": model.tokens.parameters()}, {"params": model.head.parameters(), "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, 0.1)
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(torch.randint(20, (3, 4))).square().mean()
            loss.backward()
            assert model.tokens.weight.grad is not None
            parts = [model.tokens.weight.grad.to_dense(), model.head.weight.grad]
            expected.append(math.hypot(*(float(part.norm()) for part in parts if part is not None)))
            optimizer.step()
            recorder.step(loss)
    found = signals()
    assert close(found["gradient_norm"], expected)
    assert set(found["learning_rate"].values()) == {0.5}
    assert {name for name in found if name.startswith("gradient_norm/")} == {
        "gradient_norm/tokens",
        "gradient_norm/head",
    }
    assert set(found["update_norm/unused"].values()) == {0.0}  # asks for a gradient, but no optimizer has it
    assert "weight_norm/frozen" not in found


def test_half_precision_gradients_do_not_overflow(tmp_path: Path, signals: Signals) -> None:
    model = nn.Linear(64, 64, bias=False).half()
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.0), tmp_path / "run") as recorder:
        model(torch.full((1, 64), 30000.0, dtype=torch.float16)).sum().backward()
        recorder.step(1.0)
    assert signals()["gradient_norm"][1] == pytest.approx(64 * 30000.0, rel=1e-3)


@pytest.mark.parametrize("kinds", [["bf16", "fp32", "fp64"], ["fp64"], ["bf16"], ["fp16"], ["fp32"], ["fp64", "fp16"]])
def test_norms_of_any_precision_are_those_in_float64(kinds: list[str]) -> None:
    types = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32, "fp64": torch.float64}
    values = [torch.randn(1000).to(types[kind]) for kind in kinds]
    if "fp64" in kinds:
        values[kinds.index("fp64")] *= 1e25  # its square is none of float32
    assert norms(values).double().tolist() == pytest.approx(
        [value.double().norm().item() for value in values], rel=1e-6
    )


@pytest.mark.parametrize("enabled", [False, True])
def test_a_scaler_that_is_switched_off_scales_nothing(
    tmp_path: Path, model: nn.Module, loss_of: Loss, enabled: bool
) -> None:
    optimizer, scaler = torch.optim.SGD(model.parameters(), 0.1), torch.amp.GradScaler("cpu", enabled=enabled)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            loss = loss_of(model)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            recorder.step(loss)
    assert json.loads((tmp_path / "run/recording.json").read_text()).get("half", False) is enabled
