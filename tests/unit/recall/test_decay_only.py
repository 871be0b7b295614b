"""Matrices that only decay against their naive twin: a loop over positions in float64."""

import pytest
import torch
from torch import Tensor

from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.language_model import LanguageModel
from newllm.recall.contenders import Shape, build

SHAPE = Shape(width=16, layers=2, vocabulary=20, trained=8, asked=24, changes=("head_width=8",))


@pytest.fixture
def model() -> LanguageModel:
    built = build("decay", SHAPE, 0)
    assert isinstance(built, LanguageModel)
    return built


def naive(projected_TE: Tensor, strength_TH: Tensor, decay_TH: Tensor, width: int) -> Tensor:
    """Return the readings `[T, H, V]` of one row: S <- a S + b k v^T, then S^T q."""
    heads = strength_TH.shape[1]
    read_THV = torch.zeros(len(projected_TE), heads, width, dtype=torch.float64)
    for head in range(heads):
        matrix_KV = torch.zeros(width, width, dtype=torch.float64)
        for place, projected_E in enumerate(projected_TE.double()):
            query, key, value = (projected_E * projected_E.sigmoid()).view(3, heads, width)[:, head]
            query, key = query / query.norm(), key / key.norm()
            strength, decay = strength_TH[place, head].double(), decay_TH[place, head].double()
            matrix_KV = decay * matrix_KV + strength * torch.outer(key, value)
            read_THV[place, head] = matrix_KV.T @ query
    return read_THV


def test_a_position_decays_and_adds_whatever_stands_there(model: LanguageModel) -> None:
    mixer = next(module for module in model.modules() if isinstance(module, MatrixMixer))
    generator = torch.Generator().manual_seed(0)
    projected = torch.randn(3, 40, 3 * 16, generator=generator)
    source = torch.randn(3, 40, 16, generator=generator)
    projected[:, 20:, 16:32] = projected[:, :20, 16:32]  # each key again: the delta rule would replace its value
    strength = torch.sigmoid(mixer.rule.get_submodule("write")(source))
    decay = torch.sigmoid(-mixer.rule.get_submodule("forget")(source))
    twin = torch.stack([naive(*row, 8) for row in zip(projected, strength, decay, strict=True)])
    start = mixer.initial_state(3, projected.device)["context"]
    read, _ = mixer.recur(mixer.rule(projected, source), start, None)
    torch.testing.assert_close(read.double(), twin, rtol=1e-5, atol=1e-5)
    first, between = mixer.recur(mixer.rule(projected[:, :13], source[:, :13]), start, None)
    second, _ = mixer.recur(mixer.rule(projected[:, 13:], source[:, 13:]), between, None)
    torch.testing.assert_close(torch.cat([first, second], dim=1), read, rtol=1e-5, atol=1e-5)


def test_the_gradient_is_the_naive_twins(model: LanguageModel) -> None:
    mixer = next(module for module in model.modules() if isinstance(module, MatrixMixer))
    generator = torch.Generator().manual_seed(1)
    projected = torch.randn(1, 30, 3 * 16, generator=generator).requires_grad_()
    source, into = torch.randn(1, 30, 16, generator=generator), torch.randn(30, 2, 8, generator=generator)
    gates = [mixer.rule.get_submodule(name) for name in ("write", "forget")]
    strength, decay = torch.sigmoid(gates[0](source)), torch.sigmoid(-gates[1](source))
    wanted = torch.autograd.grad((naive(projected[0], strength[0], decay[0], 8) * into).sum(), projected)[0]
    read, _ = mixer.recur(mixer.rule(projected, source), mixer.initial_state(1, source.device)["context"], None)
    found = torch.autograd.grad((read[0] * into).sum(), projected)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_it_starts_as_delta_does_and_answers_otherwise(model: LanguageModel) -> None:
    delta = build("delta", SHAPE, 0)
    assert isinstance(delta, LanguageModel)
    for (name, one), (other_name, other) in zip(model.named_parameters(), delta.named_parameters(), strict=True):
        assert name == other_name
        assert torch.equal(one, other)
    tokens_BT = torch.arange(20).repeat(2, 2)
    assert not torch.allclose(model(tokens_BT)[0], delta(tokens_BT)[0], atol=1e-4)
