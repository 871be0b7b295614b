"""The split of the loss by token class, on a batch that is computed by hand."""

import json
import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from newllm.data import IGNORED
from newllm.recorder import TokenClasses

UNKNOWN, END = 1, 3
TARGETS_BT = torch.tensor([[4, 4, END], [UNKNOWN, 2, IGNORED]])
PREDICTED_BT = torch.tensor([[4, 4, 4], [UNKNOWN, 4, 2]])
HIGH, REST = math.log(3), 4  # the predicted token has 3 times the weight of each of the other four
RIGHT, WRONG = -math.log(3 / 7), -math.log(1 / 7)


def logits_of(predicted_BT: torch.Tensor) -> torch.Tensor:
    return F.one_hot(predicted_BT, 5) * HIGH


@pytest.fixture
def counted() -> TokenClasses:
    classes = TokenClasses(UNKNOWN, END)
    classes.add(logits_of(PREDICTED_BT), TARGETS_BT)
    return classes


def test_the_classes_by_hand(counted: TokenClasses) -> None:
    classes = counted.classes
    assert [(name, count.tokens, count.correct) for name, count in classes.items()] == [
        ("unknown", 1, 1),
        ("end", 1, 0),
        ("seen", 3, 2),
    ]
    assert classes["unknown"].nats == pytest.approx(RIGHT)
    assert classes["end"].nats == pytest.approx(WRONG)
    assert classes["seen"].nats == pytest.approx(2 * RIGHT + WRONG)
    assert classes["seen"].loss == pytest.approx((2 * RIGHT + WRONG) / 3)
    assert (counted.all.tokens, counted.all.correct) == (5, 3)
    assert counted.all.nats == pytest.approx(3 * RIGHT + 2 * WRONG)


def test_which_predictions_are_right_and_what_is_predicted_at_all(counted: TokenClasses) -> None:
    assert counted.correct_tokens == Counter({4: 2, UNKNOWN: 1})
    assert counted.predicted_tokens == Counter({4: 4, UNKNOWN: 1})


def test_batches_add_up_and_agree_with_torchs_loss() -> None:
    classes, whole = TokenClasses(UNKNOWN, END), TokenClasses(UNKNOWN, END)
    logits, targets = torch.randn(6, 5, 5), torch.randint(-1, 5, (6, 5))
    for rows in (slice(0, 1), slice(1, 6)):
        classes.add(logits[rows], targets[rows])
    whole.add(logits, targets)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    assert classes.all.nats == pytest.approx(float(expected), rel=1e-6)
    assert classes.all.tokens == int((targets != IGNORED).sum())
    assert classes.correct_tokens == whole.correct_tokens
    assert classes.predicted_tokens.total() == classes.all.tokens


def test_without_special_tokens_all_are_seen() -> None:
    classes = TokenClasses(None, None)
    classes.add(logits_of(PREDICTED_BT), TARGETS_BT)
    assert classes.classes["seen"] == classes.all
    assert classes.classes["unknown"].loss is None


def test_a_batch_without_targets_counts_nothing() -> None:
    classes = TokenClasses(UNKNOWN, END)
    classes.add(logits_of(PREDICTED_BT), torch.full_like(TARGETS_BT, IGNORED))
    assert classes.all.tokens == 0
    assert not classes.predicted_tokens


def test_broken_logits_show_in_the_nats() -> None:
    classes = TokenClasses(UNKNOWN, END)
    classes.add(torch.full((1, 1, 5), math.nan), torch.tensor([[4]]))
    assert math.isnan(classes.classes["seen"].nats)


def test_it_is_plain_data_the_commonest_token_first(counted: TokenClasses) -> None:
    data = counted.as_dict()
    assert json.loads(json.dumps(data)) == data
    assert list(data) == ["unknown", "end", "seen", "all", "correct_tokens", "predicted_tokens"]
    assert data["all"]["tokens"] == 5
    assert list(data["predicted_tokens"].items()) == [("4", 4), ("1", 1)]


def test_logits_under_a_gradient_and_in_half_precision_are_fine() -> None:
    classes = TokenClasses(UNKNOWN, END)
    classes.add(logits_of(PREDICTED_BT).bfloat16().requires_grad_(), TARGETS_BT)
    assert classes.all.nats == pytest.approx(3 * RIGHT + 2 * WRONG, rel=1e-2)
