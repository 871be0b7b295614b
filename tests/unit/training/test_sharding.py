"""A model that is sharded computes what a whole one does."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from newllm.api.recording_layers import LayerSignals
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.replays.interventions.optimizer.update_clip import clip_updates
from newllm.training import sharding
from newllm.training.config import OptimizerConfig
from newllm.training.optimizer import build_optimizer, optimizer_tensors, restore_optimizer
from newllm.training.ranks import Ranks
from newllm.training.replicas import Replicas
from newllm.training.step import clip_norm


@pytest.fixture
def connected() -> Iterator[None]:
    """A process group of this process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("connected")
def test_losses_tell_who_has_written_its_part_and_who_cannot() -> None:
    world, found = Ranks((), 60.0), []
    for world.has_written, world.cannot_write in ((False, False), (True, False), (False, False), (False, True)):
        assert world.gather([2.5, 7.0]) == [[2.5, 7.0]]
        found.append(world.writing_is_over)
    assert found == [False, True, False, True]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("largest", [0.0, 1e-3])
def test_clipping_and_remedies_take_sharded_parameters_like_whole_ones(largest) -> None:
    config = ModelConfig(vocabulary=20, width=16, context=16, hidden=16, layers=1)
    models = [LanguageModel(config, 0), LanguageModel(config, 0)]
    sharding.shard(models[1], lambda _: contextlib.nullcontext(), Replicas(1, 60.0))
    norms = []
    for model in models:
        optimizer = build_optimizer(model, OptimizerConfig(beta2=0.999))
        replica: Any = SimpleNamespace(optimizer=optimizer)
        clip_updates(replica)
        for step in range(1, 4):  # the third gradient is far larger than the second moment knows
            logits, _ = model(torch.arange(12)[None] % 5)
            (logits[..., :5].square().sum() * (1e4 if step == 3 else 1)).backward()
            norms.append(clip_norm(largest)(model.parameters()))
            optimizer.step()
            optimizer.zero_grad()
    assert norms[:3] == norms[3:]
    own, sharded = (list(model.parameters()) for model in models)
    assert sum(map(sharding.is_sharded, sharded)) > 5
    assert all(torch.equal(one, sharding.whole(other)) for one, other in zip(own, sharded, strict=True))


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("ngrams", [0, 9])
@pytest.mark.parametrize(("name", "momentum"), [("adamw", 0.9), ("sgd", 0.0), ("sgd", 0.9), ("muon", 0.9)])
def test_what_is_sharded_is_updated_like_what_is_whole(name: str, momentum: float, ngrams: int) -> None:
    config = ModelConfig(vocabulary=20, width=16, context=16, hidden=16, layers=1, ngram_rows=ngrams)
    of_run = OptimizerConfig(name=name, beta1=momentum, weight_decay=0.1, ngram_decay=3.0 if ngrams else 0.0)
    models = [LanguageModel(config, 0), LanguageModel(config, 0)]
    sharding.shard(models[1], lambda _: contextlib.nullcontext(), Replicas(1, 60.0))
    optimizers = [build_optimizer(model, of_run) for model in models]
    for model, optimizer in zip(models, optimizers, strict=True):
        for step in range(3):
            logits, _ = model(torch.arange(12)[None] % 5)
            logits[..., :5].square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            if step == 0:  # what a snapshot gives back
                restore_optimizer(model, optimizer, optimizer_tensors(model, optimizer))
    own, sharded = (dict(model.named_parameters()) for model in models)
    assert all(torch.equal(own[name], sharding.whole(sharded[name])) for name in own)
    tensors, others = (optimizer_tensors(*both) for both in zip(models, optimizers, strict=True))
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensors[name], sharding.whole(others[name])) for name in tensors)
    for path, value in others.items():
        is_cut = sharding.is_sharded(sharded[path.rpartition("/")[0]])
        assert sharding.is_sharded(value) is (is_cut and not path.endswith("/step")), path  # Adam's count is one number
    first, second = (
        Layout(model).describe(Optimizers([optimizer]), 1, 20)
        for model, optimizer in zip(models, optimizers, strict=True)
    )
    assert first == second, "the doctor reads the same of both"
    assert any(layer["penalty" if name == "sgd" else "weight_decay"] for layer in first["layers"])


@pytest.mark.usefixtures("connected")
def test_layers_of_a_sharded_model_are_measured_like_those_of_a_whole_one() -> None:
    config = ModelConfig(vocabulary=20, width=16, context=16, hidden=16, layers=1)
    models = [LanguageModel(config, 0), LanguageModel(config, 0)]
    sharding.shard(models[1], lambda _: contextlib.nullcontext(), Replicas(1, 60.0))
    rows = []
    for model in models:
        optimizer = build_optimizer(model, OptimizerConfig(beta2=0.999))
        layers = LayerSignals(Layout(model), optimizer)
        for _ in range(2):
            logits, _ = model(torch.arange(12)[None] % 5)
            logits[..., :5].square().sum().backward()
            layers.begin()
            layers.end_outputs()
            norm = clip_norm(1e-3)(model.parameters())
            optimizer.step()
            optimizer.zero_grad()
            rows.append(layers.take(norm))
    kinds = {name.partition("/")[0] for name in rows[0]}
    assert kinds == {"gradient_norm", "weight_norm", "update_norm", "update_ratio", "second_moment_mismatch"}
    assert rows[:2] == rows[2:]
