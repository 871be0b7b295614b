"""Quantisation by the range of a whole tensor lets all move all: it is no leak, and one behind it is still found."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import Reader, Transformer, next_token, padded, padded_loss, tokens
from torch import Tensor, nn

Rounding = Callable[[Tensor], Tensor]


class _Bytes(torch.autograd.Function):
    """Stored as bytes, with the gradient of what went in."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ARG004 (the base's form)
        scale = x.abs().max() / 127
        return (x / scale).round().to(torch.int8).to(x.dtype) * scale

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ARG004 (the base's form)
        return gradient


def _straight(x: Tensor, made: Tensor) -> Tensor:
    return x + (made - x).detach()


def by_largest(x: Tensor) -> Tensor:
    scale = x.detach().abs().max() / 7
    return _straight(x, torch.clamp(torch.round(x / scale), -8, 7) * scale)


def by_range(x: Tensor) -> Tensor:
    low, high = x.detach().min(), x.detach().max()
    scale = (high - low) / 15
    zero = torch.round(-low / scale)
    return _straight(x, (((x / scale) + zero).round().clamp(0, 15) - zero) * scale)


def by_floor(x: Tensor) -> Tensor:
    scale = x.detach().abs().max() / 7
    return _straight(x, torch.floor(x / scale + 0.5) * scale)


def by_quantile(x: Tensor) -> Tensor:
    """Numbers beyond the range are cut off, wherever they stand."""
    scale = x.detach().abs().flatten().quantile(0.95) / 7
    return _straight(x, torch.clamp((x / scale).round(), min=-7, max=7) * scale)


def of_torch(x: Tensor) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(x, float(x.detach().abs().max()) / 7, 0, -8, 7)


ROUNDINGS = [by_largest, by_range, by_floor, by_quantile, of_torch, _Bytes.apply]


class Rounded(nn.Module):
    """A model whose embeddings and outputs are rounded; rows may be mixed between the two."""

    def __init__(self, inner: nn.Module, rounding: Rounding, mix: Rounding | None = None) -> None:
        super().__init__()
        self.inner, self.rounding, self.mix = inner, rounding, mix
        inner.get_submodule("embedding").register_forward_hook(lambda _, __, made: rounding(made))

    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        made = self.inner(tokens) if attention_mask is None else self.inner(tokens, attention_mask)
        return self.rounding(made) if self.mix is None else self.mix(made)


def dynamic() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(Reader(), {nn.Linear}, dtype=torch.qint8)


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_model_that_reads_nothing_ahead_is_not_accused() -> None:
    torch.manual_seed(0)
    assert answer("causality", dynamic(), next_token, tokens()) == "rounded"
    assert answer("learns", dynamic(), next_token, tokens()) == "quantised-untrained"


def test_what_is_quantised_and_has_a_head_to_train_is_asked_whether_it_learns() -> None:
    torch.manual_seed(0)
    model = Rounded(Reader(), by_largest)
    assert answer("learns", model, next_token, tokens()) == "sound"


@pytest.mark.parametrize("rounding", ROUNDINGS, ids=lambda one: getattr(one, "__name__", "of bytes"))
def test_a_range_of_all_rows_and_positions_is_no_leak(rounding: Rounding) -> None:
    torch.manual_seed(0)
    model = Rounded(Reader(), rounding)
    assert answer("causality", model, next_token, tokens()) == "rounded"
    assert answer("rows", model, next_token, tokens()) == "rounded"
    inner = Transformer(dropout=0.0)
    with torch.no_grad():
        inner.embedding.weight[1] *= 5  # what takes the place of padding is far larger than all others
    assert answer("padding", Rounded(inner, rounding), padded_loss, padded()) == "rounded"


def test_a_model_in_half_precision_is_rounded_too() -> None:
    torch.manual_seed(0)
    assert answer("causality", Rounded(Reader().bfloat16(), by_largest), _single, tokens()) == "rounded"


def _single(model: nn.Module, tokens: Tensor) -> Tensor:
    return nn.functional.cross_entropy(model(tokens[:, :-1]).float().flatten(0, 1), tokens[:, 1:].flatten())


@pytest.mark.parametrize("rounding", ROUNDINGS, ids=lambda one: getattr(one, "__name__", "of bytes"))
def test_a_leak_of_a_model_that_rounds_is_found(rounding: Rounding) -> None:
    torch.manual_seed(0)
    ahead = Rounded(Transformer(causal=False, dropout=0.0), rounding)
    assert answer("causality", ahead, next_token, tokens()) == "wrong"
    mixed = Rounded(Reader(), rounding, lambda x: x + x.mean(0, keepdim=True))
    assert answer("rows", mixed, next_token, tokens()) == "wrong"
    reads = Rounded(Transformer(dropout=0.0, causal=False, masks=False), rounding)
    assert answer("padding", reads, padded_loss, padded()) == "wrong"


def test_a_model_that_rounds_without_a_range_is_asked_as_any_other() -> None:
    torch.manual_seed(0)

    def codes(x: Tensor) -> Tensor:
        return _straight(x, (4 * torch.tanh(x)).round() / 4)

    assert answer("causality", Rounded(Reader(), codes), next_token, tokens()) == "sound"
    assert answer("causality", Rounded(Transformer(causal=False), codes), next_token, tokens()) == "wrong"


def test_lengths_that_are_rounded_are_no_quantisation() -> None:
    class Short(Transformer):
        """It reads in both directions, and rounds the lengths of its rows up."""

        def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> Tensor:  # noqa: ARG002 (the parent's)
            lengths = torch.full((len(tokens),), tokens.shape[1] / 2.0).ceil().long() * 2
            return super().forward(tokens, torch.arange(tokens.shape[1]) < lengths[:, None])

    torch.manual_seed(0)
    assert answer("causality", Short(causal=False, dropout=0.0), next_token, tokens()) == "wrong"


def test_the_reason_says_how_far_it_moves_with_the_rounding_and_without() -> None:
    torch.manual_seed(0)
    said = str(asked("causality", Rounded(Reader(), by_largest), next_token, tokens()).sentence)
    assert "if the model rounds nothing" in said
