"""Weight decay: who has it, also on a copy of a model."""

import copy

import pytest
import torch

import newllm
from newllm.training.config import OptimizerConfig
from newllm.training.optimizer import build_optimizer, optimizer_tensors, restore_optimizer

SMALL = ("model.width=8", "model.layers=1", "model.hidden=8", "model.context=8", "model.heads=2")
BODIES = ("stack", "cell", "attention", "lstm", "stack,model.rule=delta")


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("copied", [False, True])
def test_only_matrices_of_linear_layers_embeddings_and_lstms_decay(body: str, copied: bool) -> None:
    model = newllm.build("small", settings=[*SMALL, *f"model.body={body}".split(",")])
    model = copy.deepcopy(model) if copied else model
    decayed, free = (
        {id(parameter) for parameter in group["params"]}
        for group in build_optimizer(model, OptimizerConfig()).param_groups
    )
    for name, parameter in model.named_parameters():
        expected = parameter.dim() > 1 and "convolution" not in name
        assert (id(parameter) in decayed) is expected, name
        assert (id(parameter) in free) is not expected, name


@pytest.mark.parametrize("rule", ["ema", "dual"])
def test_a_learned_decay_has_no_weight_decay(rule: str) -> None:
    model = newllm.build("small", settings=[*SMALL, f"model.rule={rule}", "model.learn_decay=true"])
    free = {id(p) for p in build_optimizer(model, OptimizerConfig()).param_groups[1]["params"]}
    logits = [parameter for name, parameter in model.named_parameters() if name.endswith("logit")]
    assert logits
    assert all(id(parameter) in free for parameter in logits)


def test_sgd_has_momentum_and_resumes() -> None:
    model = newllm.build("tiny", settings=SMALL)
    optimizer = build_optimizer(model, OptimizerConfig(name="sgd", learning_rate=0.1, beta1=0.9, weight_decay=0.0))
    weight = model.embedding.weight
    before = weight.detach().clone()
    for _ in range(2):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    assert torch.allclose(before - weight, torch.full_like(weight, 0.1 * (1 + 1.9)), atol=1e-6)
    other = build_optimizer(model, OptimizerConfig(name="sgd", learning_rate=0.1))
    restore_optimizer(model, other, optimizer_tensors(model, optimizer))
    assert torch.equal(other.state[weight]["momentum_buffer"], optimizer.state[weight]["momentum_buffer"])


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
@pytest.mark.parametrize("longest", [2, 3])
def test_tables_of_ngrams_may_decay_more_than_all_else(name: str, longest: int) -> None:
    """Without a gradient from the loss decay alone is left: by it the tables shrink further, and nothing else does."""
    shape = [*SMALL, "model.ngram_rows=9", f"model.ngram_longest={longest}"]
    plain, more = (newllm.build("small", settings=shape) for _ in range(2))
    for model, decay in ((plain, 0.0), (more, 3.0)):
        config = OptimizerConfig(name=name, learning_rate=0.01, beta1=0.0, weight_decay=0.5, ngram_decay=decay)
        for parameter in model.parameters():
            parameter.data.fill_(1.0)
            parameter.grad = torch.zeros_like(parameter)
        build_optimizer(model, config).step()
    tables = [key for key, _ in more.named_parameters() if key.startswith("ngrams")]
    assert len(tables) == longest - 1
    for (key, one), other in zip(more.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other) is (key not in tables), key
        if key in tables:
            assert torch.allclose(one, torch.full_like(one, 1 - 0.01 * (0.5 + 3.0)))
            assert torch.allclose(other, torch.full_like(one, 1 - 0.01 * 0.5))


def test_where_no_table_decays_more_the_groups_are_what_they_were() -> None:
    for rows, decay in ((9, 0.0), (0, 3.0)):
        model = newllm.build("small", settings=[*SMALL, f"model.ngram_rows={rows}"])
        assert len(build_optimizer(model, OptimizerConfig(ngram_decay=decay)).param_groups) == 2
