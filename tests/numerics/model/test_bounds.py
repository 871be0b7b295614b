"""What a configuration may be, what a model starts as, and from where on a faster way is taken: exact numbers."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import nn

from newllm.errors import UserError
from newllm.model.bodies.attention import rotate
from newllm.model.chain import chain
from newllm.model.config import ModelConfig
from newllm.model.context_summary import summed_up, wide
from newllm.model.fnn import FNN
from newllm.model.init import initialise

GOOD = ModelConfig(vocabulary=9)


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        *(({name: 1}, True) for name in ("width", "layers", "hidden", "context", "heads", "window")),
        *(({name: 0}, False) for name in ("width", "layers", "hidden", "context", "heads", "window")),
        ({"vocabulary": 0, "positions": 0, "dropout": 0.0}, True),
        ({"vocabulary": -1}, False),
        ({"positions": -1}, False),
        ({"dropout": 0.999}, True),
        ({"dropout": 1.0}, False),
        ({"dropout": -0.001}, False),
        ({"body": "attention", "width": 24, "heads": 6}, True),
        ({"body": "attention", "width": 24, "heads": 8}, False),  # three channels a head have no pairs
        ({"body": "stack", "width": 24, "heads": 8}, True),
        ({"body": "founding-transformer", "positions": 1}, True),
        ({"body": "founding-transformer", "positions": 0}, False),
        ({"body": "attention", "positions": 0}, True),
    ],
)
def test_what_a_configuration_may_be(changes: dict[str, Any], *, may_be: bool) -> None:
    config = dataclasses.replace(GOOD, **changes)
    if may_be:
        config.check()
    else:
        with pytest.raises(UserError):
            config.check()


def test_the_model_of_no_settings() -> None:
    assert ModelConfig() == ModelConfig(
        body="stack", rule="gated", norm="none", learn_decay=False, fnn="plain", vocabulary=0, width=256, layers=4,
        hidden=704, context=256, heads=4, positions=0, window=256, dropout=0.0, initialisation="scaled",
    )  # fmt: skip


class Branch(nn.Module):
    """Linear layers that read 400 channels, one of them at the end of a residual branch, and an embedding."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.config = ModelConfig(layers=layers)
        self.plain, self.out, self.embedding = nn.Linear(400, 90), nn.Linear(400, 90), nn.Embedding(400, 90)
        self.out.is_residual_output = True  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("scheme", "plain", "out", "embedding"),
    [
        ("normal", 0.02, 0.02, 0.02),
        ("scaled", 0.05, 0.05 / 4, 0.02),
        ("scaled-embedding", 0.05, 0.05 / 4, math.sqrt(1 / 90)),
        ("he", math.sqrt(2 / 400), math.sqrt(2 / 400), 0.02),
    ],
)
def test_how_wide_weights_are_drawn(scheme: str, plain: float, out: float, embedding: float) -> None:
    model = Branch(layers=8)
    initialise(model, scheme, seed=3)
    drawn = [float(part.weight.detach().std()) for part in (model.plain, model.out, model.embedding)]
    assert drawn == pytest.approx([plain, out, embedding], rel=0.02)
    assert all(abs(float(part.weight.detach().mean())) < 0.002 for part in (model.plain, model.out))
    assert not model.plain.bias.any()


def test_a_rotation_by_hand() -> None:
    """Of four channels the first pair turns by a radian a position, the second by a hundredth."""
    turned = rotate(torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]]), torch.tensor([[3]]))
    expected = [math.cos(3), math.cos(0.03), math.sin(3), math.sin(0.03)]
    assert turned.flatten().tolist() == pytest.approx(expected, abs=1e-6)
    back = rotate(turned, torch.tensor([[-3]]))
    assert back.flatten().tolist() == pytest.approx([1, 1, 0, 0], abs=1e-6)


def test_a_context_in_three_numbers_by_hand() -> None:
    layers = [torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.full((1, 2), 1.0).bfloat16()]
    mean, std, norm = summed_up(layers).tolist()
    spread = math.sqrt((1.25**2 + 2.25**2 + 2 * 1.75**2) / 4)
    assert (mean, std, norm) == (
        pytest.approx(1.375),
        pytest.approx(spread / 2),
        pytest.approx((2.5 + math.sqrt(2)) / 2),
    )
    assert [wide(torch.ones(1, dtype=kind)).dtype for kind in (torch.float64, torch.float16)] == [
        torch.float64, torch.float32,
    ]  # fmt: skip


def test_masks_drop_their_share_and_are_none_where_nothing_is_dropped() -> None:
    fnn = FNN(3, 50, 2, 0.25)
    torch.manual_seed(0)
    masks = fnn.draw_masks(40, 5)
    assert masks is not None
    assert masks.shape == (2, 40, 5, 50)
    assert masks.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert float((masks == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert fnn.eval().draw_masks(40) is None
    assert FNN(3, 5, 2, 0.0).draw_masks(40) is None


@pytest.mark.parametrize(
    ("shape", "dtype", "is_worth_it"),
    [
        ((24, 1), torch.float32, True),
        ((23, 1), torch.float32, False),
        ((24, 64), torch.float32, True),
        ((24, 65), torch.float32, False),
        ((24, 0), torch.float32, False),
        ((24, 1), torch.float64, False),
    ],
)
def test_layers_are_chained_from_24_positions_of_1_to_64_rows(
    shape: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch, *, is_worth_it: bool
) -> None:
    monkeypatch.setattr(chain, "has_avx512_kernels", lambda: True)
    assert chain.is_worth_chaining(torch.empty(*shape, 3, dtype=dtype)) is is_worth_it
