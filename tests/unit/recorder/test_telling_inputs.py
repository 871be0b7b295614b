"""Whether one place of the inputs alone tells the class."""

import pytest
import torch
from torch import Tensor

from newllm.recorder.telling_inputs import TellingInputs


def told(inputs: Tensor, targets: Tensor, batch: int = 32) -> float | None:
    """Return at how many places, after as many batches as there are."""
    telling = TellingInputs()
    found: dict[str, float] = {}
    for at in range(0, len(inputs), batch):
        found |= telling.add(inputs[at : at + batch], targets[at : at + batch])
    return found.get("inputs_telling")


@pytest.fixture
def rows() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(256, 20), torch.randint(0, 3, (256,))


def test_features_that_only_help_tell_nothing_alone(rows: tuple[Tensor, Tensor]) -> None:
    inputs, targets = rows
    assert told(inputs + targets[:, None], targets) == 0


def test_a_copy_of_the_class_tells_it(rows: tuple[Tensor, Tensor]) -> None:
    inputs, targets = rows
    inputs[:, 7] = targets + 0.1 * inputs[:, 7].clamp(-2, 2)
    assert told(inputs, targets) == 1


def test_a_token_that_says_the_class_tells_it(rows: tuple[Tensor, Tensor]) -> None:
    _, targets = rows
    tokens = torch.randint(0, 50, (256, 12))
    assert told(tokens, targets) == 0
    tokens[:, 0] = torch.tensor([31, 7, 19])[targets]
    assert told(tokens, targets) == 1


def test_nothing_is_said_of_few_rows_or_of_one_class(rows: tuple[Tensor, Tensor]) -> None:
    inputs, targets = rows
    inputs[:, 7] = targets.float()
    assert told(inputs[:96], targets[:96]) is None
    assert told(inputs, torch.zeros_like(targets)) is None
