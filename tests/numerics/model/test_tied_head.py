"""A head that is the embedding's matrix: one parameter, whose gradient is the sum of both uses.

Shapes: B rows, T positions, D width, V vocabulary, N = B * T.
"""

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from newllm.errors import UserError
from newllm.model.config import BODY_NAMES, ModelConfig
from newllm.model.init import FOUNDING_STD
from newllm.model.language_model import LanguageModel
from newllm.model.tied_head import untied
from newllm.training.loss import sum_nats

SHAPE = ModelConfig(vocabulary=11, width=8, hidden=8, context=6, heads=2, layers=2, positions=16, tied_embeddings=True)
TOKENS_BT = torch.randint(11, (3, 10), generator=torch.Generator().manual_seed(0))


def built(**changes: Any) -> LanguageModel:
    """Return a tied model in float64 whose weights are large enough that every part counts."""
    model = LanguageModel(dataclasses.replace(SHAPE, **changes)).double()
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=chance, dtype=parameter.dtype))
    return model


def loss(model: LanguageModel, **how: Any) -> Tensor:
    return sum_nats(model(TOKENS_BT[:, :-1])[0], TOKENS_BT[:, 1:], **how)


@pytest.mark.parametrize("body", BODY_NAMES)
def test_its_gradient_is_the_sum_of_both_uses(body: str) -> None:
    """The naive twin: a head of its own with the same numbers; its gradient at either end by the formula."""
    model = built(body=body)
    loss(model).backward()
    twin = copy.deepcopy(model)
    twin.zero_grad()
    twin.head = untied(model.head)
    embedded_BTD = twin.embedding(TOKENS_BT[:, :-1]).detach().requires_grad_()
    features_BTD, _ = twin.read(embedded_BTD)
    features_ND = features_BTD.detach().flatten(0, 1)
    targets_N = TOKENS_BT[:, 1:].flatten()
    d_logits_NV = (features_ND @ twin.head.weight.T).softmax(-1) - torch.nn.functional.one_hot(targets_N, 11)
    features_BTD.backward((d_logits_NV @ twin.head.weight.detach()).view_as(features_BTD))
    d_matrix_VD = (d_logits_NV.T @ features_ND).detach()
    assert embedded_BTD.grad is not None
    d_matrix_VD.index_add_(0, TOKENS_BT[:, :-1].flatten(), embedded_BTD.grad.flatten(0, 1))
    assert model.embedding.weight.grad is not None
    torch.testing.assert_close(model.embedding.weight.grad, d_matrix_VD, rtol=1e-9, atol=1e-11)
    loss(other := built(body=body), fused=False).backward()
    torch.testing.assert_close(other.embedding.weight.grad, d_matrix_VD, rtol=1e-9, atol=1e-11)


def test_its_gradient_is_the_slope_of_the_loss() -> None:
    model = built(layers=1, width=4, hidden=4, context=3)

    def of(weight_VD: Tensor) -> Tensor:
        logits_BTV, _ = functional_call(model, {"embedding.weight": weight_VD}, (TOKENS_BT[:2, :4],))
        return sum_nats(logits_BTV, TOKENS_BT[:2, 1:5])

    assert torch.autograd.gradcheck(of, (model.embedding.weight.detach().clone().requires_grad_(),))


def test_a_step_reads_what_a_sequence_reads() -> None:
    model = built().eval()
    wanted_BTV, _ = model(TOKENS_BT)
    state = model.initial_state(3)
    for at in range(10):
        logits_BV, state = model.step(TOKENS_BT[:, at], state)
        torch.testing.assert_close(logits_BV, wanted_BTV[:, at])


def test_it_is_one_parameter_under_one_name_drawn_as_an_embedding() -> None:
    tied, own = (
        LanguageModel(dataclasses.replace(SHAPE, vocabulary=5000, tied_embeddings=one)) for one in (True, False)
    )
    names = set(dict(own.named_parameters())) - set(dict(tied.named_parameters()))
    assert names == {"head.weight", "head.bias"} == set(own.state_dict()) - set(tied.state_dict())
    for name, value in tied.state_dict().items():
        assert torch.equal(value, own.state_dict()[name])
    assert float(tied.embedding.weight.detach().std()) == pytest.approx(FOUNDING_STD, rel=0.02)
    assert tied.head.weight is tied.embedding.weight
    assert [name for name, _ in tied.named_modules()] == [name for name, _ in own.named_modules()]


def test_a_copy_and_one_that_was_given_memory_are_tied() -> None:
    with torch.device("meta"):
        empty = LanguageModel(SHAPE)
    for model in (copy.deepcopy(built()), empty.to_empty(device="cpu"), built().float()):
        assert model.head.weight is model.embedding.weight
    model = built()
    taken = copy.deepcopy(model)
    taken.embedding.weight.data.zero_()
    assert float(model.head.weight.detach().abs().sum()) > 0
    assert float(taken.head.weight.detach().abs().sum()) == 0


def test_an_untied_head_is_a_copy_and_draws_nothing() -> None:
    model, before = built(), torch.get_rng_state()
    head = untied(model.head)
    assert torch.equal(torch.get_rng_state(), before)
    assert head.bias is None
    assert head.weight is not model.head.weight
    assert torch.equal(head.weight, model.head.weight)


@pytest.mark.parametrize("body", ["cell", "lstm"])
def test_another_width_is_refused(body: str) -> None:
    says = r"model.tied_embeddings: the head reads 12 channels, the embedding has 8: --set model.hidden=8, or drop it"
    with pytest.raises(UserError, match=says):
        built(body=body, hidden=12)
