"""What changes weights or moments between two updates is told at the update before which it happened."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.recorder import ledger
from newllm.recorder.ledger import bits

STEPS, AT = 30, 17
Change = Callable[[nn.Sequential, torch.optim.Optimizer], None]


@pytest.fixture(autouse=True)
def _all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch every tensor at every update, whatever that costs on a model of nearly nothing."""
    monkeypatch.setattr(ledger, "SHARE", 1e9)


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    model[3].requires_grad_(False)
    return model


def _recorded(
    out: Path,
    change: Change,
    make: Callable[[nn.Module], torch.optim.Optimizer],
    at: tuple[int, ...],
    steps: int = STEPS,
) -> Path:
    model = _model()
    optimizer = make(model)
    generator = torch.Generator().manual_seed(1)
    with newllm.record(model, optimizer, out=out) as recorder:
        for step in range(1, steps + 1):
            x = torch.randn(32, 6, generator=generator)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
            loss.backward()
            if step in at:
                change(model, optimizer)
            optimizer.step()
            recorder.step(loss)
    return out


def _adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], 1e-2)


def _changes(out: Path) -> dict[int, dict[str, float]]:
    rows = [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()]
    found = {row["step"]: {name: value for name, value in row.items() if "_changed/" in name} for row in rows}
    return {step: signals for step, signals in found.items() if signals}


def _one_bit(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
    model.get_parameter("0.weight").data.view(torch.int32)[3, 3] ^= 1


def _frozen(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
    model.get_parameter("3.bias").data[0] += 1e-7


def _lost(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
    optimizer.state.clear()


def _of_another_time(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    other = copy.deepcopy(optimizer.state_dict())
    for held in other["state"].values():
        held["exp_avg"] *= 0.5
    optimizer.load_state_dict(other)
    model.load_state_dict({name: value * 0.9 for name, value in model.state_dict().items()})


def _again(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    """Load what is there: the same bits in other tensors."""
    model.load_state_dict(copy.deepcopy(model.state_dict()))
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def _there_and_back(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
    """Evaluate other weights, and put the own ones back."""
    held = copy.deepcopy(model.state_dict())
    model.load_state_dict({name: value * 0 for name, value in held.items()})
    model.load_state_dict(held)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_one_bit, {"weights_changed/0": 1.0}),
        (_frozen, {"frozen_changed/3": 1.0}),
        (_lost, {"moments_changed/0": 4.0, "moments_changed/1": 4.0, "moments_changed/5": 4.0}),
        (
            _of_another_time,
            {
                **{f"weights_changed/{layer}": 2.0 for layer in (0, 1, 5)},
                **{f"moments_changed/{layer}": 2.0 for layer in (0, 1, 5)},
                "frozen_changed/3": 2.0,
            },
        ),
    ],
)
def test_a_change_is_told_at_its_step(tmp_path: Path, change: Change, expected: dict[str, float]) -> None:
    out = _recorded(tmp_path / "run", change, _adam, (AT,))
    assert _changes(out) == {AT: expected}
    diagnosis = newllm.doctor(out, against=())
    (finding,) = [one for one in diagnosis.findings if one.kind == "changed-state"]
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", AT, AT)
    assert str(finding.sentence).startswith(
        f"Before the update at step {AT} something other than the optimizer changed "
    )


@pytest.mark.parametrize("change", [_again, _there_and_back])
@pytest.mark.parametrize(
    "make",
    [
        _adam,
        lambda model: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1),
        lambda model: torch.optim.Adam(model.parameters(), 1e-2, foreach=True, amsgrad=True),
        lambda model: torch.optim.Adafactor(model.parameters(), 1e-2),
    ],
)
def test_a_sound_training_is_silent(
    tmp_path: Path, change: Change, make: Callable[[nn.Module], torch.optim.Optimizer]
) -> None:
    out = _recorded(tmp_path / "run", change, make, (AT, AT + 3))
    assert _changes(out) == {}
    assert not [one for one in newllm.doctor(out, against=()).findings if one.kind == "changed-state"]


def test_what_happens_at_every_update_is_a_note(tmp_path: Path) -> None:
    def clamp(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
        with torch.no_grad():
            model.get_parameter("5.weight").clamp_(-0.05, 0.05)

    out = _recorded(tmp_path / "run", clamp, _adam, tuple(range(2, STEPS, 3)))
    (finding,) = [one for one in newllm.doctor(out, against=()).findings if one.kind == "changed-state"]
    assert finding.severity == "note"
    assert "it happens regularly, 10 times in all" in str(finding.sentence)


def test_a_spike_right_after_it_has_it_as_its_first_cause(tmp_path: Path) -> None:
    def scaled(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
        model.get_parameter("5.weight").data.mul_(30.0)

    out = _recorded(tmp_path / "run", scaled, _adam, (30,), steps=60)
    (spike,) = [one for one in newllm.doctor(out, against=()).findings if one.kind == "spike"]
    assert spike.first_step == 31  # the loss of step 30 was computed before
    assert spike.candidate_causes[0] == "changed-state"
    assert spike.supported_causes is not None
    assert spike.supported_causes[0] == "changed-state"


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.int8]
)
@pytest.mark.parametrize("shape", [(7,), (4, 6), (3, 5, 2), ()])
def test_any_bit_changes_the_sum(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    made: Tensor = (100 * torch.randn(shape)).to(dtype)
    before = bits(made)
    assert bits(made.clone()) == before
    raw = made.reshape(-1).view(torch.uint8)  # a view: it changes the tensor
    for byte in range(raw.numel()):
        for bit in range(8):
            raw[byte] ^= 1 << bit
            assert bits(made) != before, (byte, bit)
            raw[byte] ^= 1 << bit
    assert bits(made) == before


def test_a_tensor_in_another_order_of_memory_has_the_same_sum() -> None:
    made = torch.randn(4, 3, 6, 5)
    assert bits(made.contiguous(memory_format=torch.channels_last)) == bits(made)


def test_where_all_is_too_dear_each_update_watches_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SHARE", 1e-9)
    out = _recorded(tmp_path / "run", lambda *_: None, _adam, ())
    rows = [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()]
    shares = {row["step"]: row["ledger_share"] for row in rows if "ledger_share" in row}
    assert shares[1] == 1.0
    assert shares[30] == pytest.approx(1 / 8)  # one of 6 weights and 2 frozen tensors

    def damaged(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG001 (a change's form)
        model.get_parameter("3.bias").data[0] += 1.0

    at = _changes(_recorded(tmp_path / "other", damaged, _adam, (5,)))
    (step,) = at  # what is frozen is found within one turn, though one tensor is watched at a time
    assert 5 <= step <= 5 + 8
