"""Settings that are a slip: exchanged betas, the momentum of a batch norm."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.run_facts import facts_of, read_facts
from newllm.trace import Finding, Series, Trace

LOSS = Trace({"loss": Series(np.arange(1, 9), np.linspace(2.0, 1.0, 8))})


def found(facts: Facts) -> list[Finding]:
    return [one for one in diagnose(LOSS, facts) if one.kind == "doubtful-setting"]


def which(finding: Finding) -> str:
    return finding.sentence.parameters["which"]


@pytest.mark.parametrize(
    ("betas", "said"),
    [((0.999, 0.9), True), ((0.9, 0.999), False), ((0.9, 0.9), False), ((0.0, 0.99), False), (None, False)],
)
def test_betas_are_exchanged_where_the_first_is_larger(betas: tuple[float, float] | None, said: bool) -> None:
    assert bool(found(Facts(origin="record", optimizer="AdamW", betas=betas))) is said


@pytest.mark.parametrize(
    ("momentum", "trained", "said"),
    [(0.0, True, "still"), (0.0, False, ""), (0.1, True, ""), (0.01, True, ""), (0.5, True, ""), (None, True, ""),
     (0.9, True, "newest"), (1.0, True, "newest")],
)  # fmt: skip
def test_the_momentum_of_a_batch_norm(momentum: float | None, trained: bool, said: str) -> None:
    layers = (Layer("1", "BatchNorm2d", 8, trained, norm_momentum=momentum), Layer("2", "Linear", 8))
    assert [which(one) for one in found(Facts(origin="record", layers=layers))] == ([said] if said else [])


@pytest.mark.parametrize(("dropout", "said"), [(0.9, "dropout"), (0.5, "")])
def test_dropout_that_leaves_little(dropout: float, said: str) -> None:
    assert [which(one) for one in found(Facts(origin="record", dropout=dropout))] == ([said] if said else [])


@pytest.mark.parametrize(("smoothing", "said"), [(0.9, "smoothing"), (0.1, ""), (0.0, "")])
def test_targets_that_are_smoothed_away(tmp_path: Path, smoothing: float, said: str) -> None:
    torch.manual_seed(0)
    model = nn.Linear(8, 10)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(10):
            targets = torch.randint(0, 10, (32,))
            loss = nn.functional.cross_entropy(model(torch.randn(32, 8)), targets, label_smoothing=smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    kinds = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "doubtful-setting"]
    assert [which(one) for one in kinds] == ([said] if said else [])


def test_both_are_recorded_of_somebody_s_loop(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=0.99), nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.999, 0.9))
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for _ in range(3):
            loss = model(torch.randn(8, 4)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            optimizer.zero_grad()
    facts, _ = read_facts(tmp_path / "run")
    assert facts.betas == (0.999, 0.9)
    assert [layer.norm_momentum for layer in facts.layers] == [None, pytest.approx(0.99), None]
    assert {which(one) for one in found(facts)} == {"betas", "newest"}


ADAM = {"name": "Adam", "beta1": 0.9, "beta2": 0.999}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ADAM, (0.9, 0.999)),
        ({**ADAM, "name": "PagedAdamW8bit"}, (0.9, 0.999)),
        ({**ADAM, "beta2": "x"}, None),
        ({**ADAM, "beta1": True}, None),
        ({**ADAM, "beta2": float("nan")}, None),
        ({"name": "Adam", "beta1": 0.9}, None),
        ({**ADAM, "name": "Lion, Adam", "Adam": ADAM}, None),
        ([0.9, 0.999], None),
        (None, None),
    ],
)
def test_betas_are_read_of_a_single_optimizer(given: object, expected: tuple[float, float] | None) -> None:
    assert facts_of({"optimizer_settings": given}, {}, {}, {}).betas == expected


@pytest.mark.parametrize(
    ("optimizer", "said"), [("PagedAdamW8bit", True), ("RAdam", True), ("Lion", False), ("", False)]
)
def test_betas_of_what_is_no_adam_mean_other_things(optimizer: str, said: bool) -> None:
    assert bool(found(Facts(origin="record", optimizer=optimizer, betas=(0.99, 0.9)))) is said
