"""The signals of an evaluation and of a model's outputs."""

import math

import pytest
import torch
from torch import nn

from newllm.errors import UserError
from newllm.recorder.evaluations import evaluation_signals, number
from newllm.recorder.outputs import find_logits, put_logits
from newllm.recorder.pending import Row, read_rows


def test_a_number_is_one() -> None:
    assert [number("x", value) for value in (2, 2.5, torch.tensor([[3.0]]))] == [2.0, 2.5, 3.0]
    with pytest.raises(UserError, match=r"x has shape \(2,\): give one number, such as x.mean\(\)"):
        number("x", torch.ones(2))
    with pytest.raises(UserError, match="x is 'much': give one number"):
        number("x", "much")  # pyrefly: ignore[bad-argument-type]


def test_an_evaluation_has_the_signals_of_what_is_known() -> None:
    assert evaluation_signals(2.0, None, None, None, None) == {"validation_loss": 2.0}
    assert evaluation_signals(2.0, 3, None, None, None) == {"validation_loss": 2.0, "validation_correct": 3.0}
    assert evaluation_signals(2.0, 3, 0, None, None) == {
        "validation_loss": 2.0, "validation_correct": 3.0, "validation_count": 0.0,
    }  # fmt: skip
    known = evaluation_signals(2.0, torch.tensor(3), 12, torch.tensor([4, 4, 7]), {"rare": (5.0, 6)})
    assert known == {
        "validation_loss": 2.0, "validation_correct": 3.0, "validation_count": 12.0, "validation_accuracy": 0.25,
        "validation_classes": 2.0, "validation_loss/rare": 5.0, "validation_count/rare": 6.0,
    }  # fmt: skip
    for predicted in (5, torch.tensor(5), [1, 2, 3, 4, 5, 5]):
        assert evaluation_signals(1.0, None, None, predicted, None)["validation_classes"] == 5.0


def put(logits: torch.Tensor) -> dict[str, float]:
    row = Row()
    put_logits(logits, row)
    (signals,) = read_rows([row])
    return signals


def test_log_z_is_the_mean_over_rows_spread_evenly_and_the_largest_that_of_all() -> None:
    few = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert put(few) == {"log_z": pytest.approx(0.5 + math.log(2)), "logit_max": 1.0, "logit_min": 0.0}
    many = torch.arange(1024.0)[:, None].expand(1024, 2)
    assert put(many) == {
        "log_z": pytest.approx(510 + math.log(2)),
        "logit_max": 1023.0,
        "logit_min": 0.0,
    }  # rows 0, 4, 8 ...
    assert put(many.reshape(2, 512, 2)) == put(many)


def test_rows_of_several_kinds_of_numbers_are_read_together_and_kept_apart() -> None:
    rows = [Row(), Row()]
    for at, row in enumerate(rows):
        row.put("plain", at)
        row.put("narrow", torch.tensor(0.5 + at, dtype=torch.bfloat16))
        row.put("wide", torch.tensor(0.1 + at, dtype=torch.float64))
        row.put_flag("flag", torch.tensor(at))
        row.put_all(torch.tensor([1.0, 2.0]) * (at + 1), lambda numbers: [("sum", sum(numbers))])
    assert read_rows(rows) == [
        {"plain": 0.0, "narrow": 0.5, "wide": 0.1, "sum": 3.0},
        {"plain": 1.0, "narrow": 1.5, "wide": 1.1, "flag": 1.0, "sum": 6.0},
    ]


def test_logits_are_told_by_their_last_axis() -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4), nn.Linear(4, 6))
    assert find_logits(model, torch.ones(2, 5), None) is not None  # the embedding's size
    assert find_logits(model, torch.ones(2, 6), None) is not None  # the last layer's
    assert find_logits(model, torch.ones(2, 4), None) is None
    assert find_logits(model, torch.ones(2, 4), 4) is not None
    assert find_logits(model, torch.ones(2, 5), 4) is None
    assert find_logits(model, torch.ones(5), None) is None
    assert find_logits(model, torch.ones(1, 1, 1, 5), None) is None
    assert find_logits(nn.Linear(2, 1), torch.ones(7, 1), None) is None
    logits = torch.ones(2, 3, 6)
    assert find_logits(model, {"hidden": torch.zeros(2, 3, 6), "logits": logits, "other": 1}, None) is logits
    assert find_logits(model, (logits, 3), None) is logits
