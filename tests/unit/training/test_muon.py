"""Muon: held to torch's own, on matrices that are whole."""

import copy
import math

import pytest
import torch
from torch import nn

import newllm
from newllm.training.config import OptimizerConfig
from newllm.training.muon import Muon, orthogonalised
from newllm.training.optimizer import build_optimizer, optimizer_tensors, restore_optimizer

SMALL = ("model.width=16", "model.layers=2", "model.hidden=24", "model.context=16", "model.heads=2")
MUON = OptimizerConfig(name="muon", learning_rate=0.02, weight_decay=0.3)


def given_gradients(model: nn.Module, seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=chance)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 1e-5
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.mT @ orthogonalised(matrix, torch.float32) @ right.mT
    assert torch.allclose(turned, torch.diag(turned.diag()), atol=1e-3)
    assert 0.6 < float(turned.diag().min()) <= float(turned.diag().max()) < 1.3


def test_a_gradient_of_zeros_moves_nothing() -> None:
    assert torch.equal(orthogonalised(torch.zeros(3, 2), torch.float32), torch.zeros(3, 2))


def test_matrices_of_the_body_go_as_in_torch_s_muon_and_all_else_as_in_its_adamw() -> None:
    ours, theirs = (newllm.build("tiny", settings=SMALL) for _ in range(2))
    optimizer = build_optimizer(ours, MUON, "bf16")
    inner = [one.weight for one in theirs.body.modules() if isinstance(one, nn.Linear)]
    known = {id(one) for one in inner}
    others = [one for one in theirs.parameters() if id(one) not in known]
    tables = [one for name, one in theirs.named_parameters() if name.startswith("ngrams.")]
    assert len(tables) == 2
    decayed = [theirs.embedding.weight, *tables, theirs.head.weight]
    free = [one for one in others if not any(one is each for each in decayed)]
    muon = torch.optim.Muon(inner, lr=0.02, weight_decay=0.3, adjust_lr_fn="match_rms_adamw")
    groups = [{"params": decayed, "weight_decay": 0.3}, {"params": free, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.95), fused=True)
    for step in range(3):
        for model in (ours, theirs):
            given_gradients(model, step)
        for one in (optimizer, muon, adamw):
            for group in one.param_groups:
                group["lr"] = 0.02 / (1 + step)
            one.step()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_fp32_is_computed_in_fp32() -> None:
    models = [newllm.build("tiny", settings=SMALL) for _ in range(2)]
    for model, precision in zip(models, ("fp32", "bf16"), strict=True):
        given_gradients(model, 0)
        build_optimizer(model, MUON, precision).step()
    exact, rounded = (model.get_parameter("body.blocks.0.mlp.out.weight") for model in models)
    assert not torch.equal(exact, rounded)
    assert torch.allclose(exact, rounded, atol=0.02 * 0.2 * math.sqrt(24) * 0.1)


def test_a_state_is_put_back_and_goes_on_with_the_same_bits() -> None:
    model, resumed = (newllm.build("tiny", settings=SMALL) for _ in range(2))
    optimizer = build_optimizer(model, MUON)
    given_gradients(model, 0)
    optimizer.step()
    other = build_optimizer(resumed, MUON)
    resumed.load_state_dict(model.state_dict())
    restore_optimizer(resumed, other, optimizer_tensors(model, optimizer))
    for each, one in ((model, optimizer), (resumed, other)):
        given_gradients(each, 1)
        one.step()
    for (name, one), two in zip(model.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two), name


def test_a_copy_and_what_is_loaded_are_whole() -> None:
    models = [newllm.build("tiny", settings=SMALL) for _ in range(2)]
    given_gradients(models[0], 0)
    optimizer = build_optimizer(models[0], MUON, "bf16")
    optimizer.step()
    models.append(copy.deepcopy(models[0]))
    copied = copy.deepcopy(
        optimizer, {id(one): two for one, two in zip(*(models[at].parameters() for at in (0, 2)), strict=True)}
    )
    models[1].load_state_dict(models[0].state_dict())
    loaded = build_optimizer(models[1], MUON, "bf16")
    loaded.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # torch takes tensors over as they are
    for model, one in zip(models, (optimizer, loaded, copied), strict=True):
        given_gradients(model, 1)
        for group in one.param_groups:
            group["lr"] = 0.01
        one.step()
    for one, two, three in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


def test_the_head_and_the_embedding_are_adamw_s() -> None:
    model = newllm.build("tiny", settings=(*SMALL, "model.tied_embeddings=true"))
    optimizer = build_optimizer(model, MUON)
    assert isinstance(optimizer, Muon)
    inner = {id(one) for group in optimizer.param_groups if "betas" not in group for one in group["params"]}
    assert inner
    assert id(model.embedding.weight) not in inner
    listed = [id(one) for group in optimizer.param_groups for one in group["params"]]
    assert sorted(listed) == sorted(map(id, model.parameters()))
