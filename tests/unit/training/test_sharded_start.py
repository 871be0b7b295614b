"""A model that is shared out before it is there: the bits of one that was built whole, and the memory of a part."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.tensor.debug import _clear_fast_path_sharding_prop_cache, _clear_python_sharding_prop_cache
from torch.multiprocessing.reductions import StorageWeakRef
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

from newllm.data import prepare
from newllm.model.config import BODY_NAMES, INITIALISATIONS, MATRIX_RULE_NAMES, RULE_NAMES, ModelConfig
from newllm.model.init import is_outline, outlining
from newllm.model.language_model import LanguageModel, count_parameters
from newllm.training import parallel
from newllm.training import resolve as resolving
from newllm.training.budget import Budget
from newllm.training.config import OptimizerConfig
from newllm.training.configure import configure
from newllm.training.launch import with_mode
from newllm.training.optimizer import build_optimizer
from newllm.training.precision_timing import PrecisionTiming
from newllm.training.preparation import Preparation
from newllm.training.replicas import Replicas
from newllm.training.resolve import build_model
from newllm.training.sharded_snapshots import restore_shard
from newllm.training.sharding import first_row, is_sharded, own_part, shard
from newllm.training.snapshots import Progress, training_tensors, write_snapshot
from newllm.training.world import World

SMALL = ModelConfig(vocabulary=19, width=32, layers=2, hidden=48, context=32, heads=2, head_width=16, positions=8)
KINDS: dict[str, dict[str, Any]] = {
    **{f"body {body}": {"body": body} for body in BODY_NAMES},
    **{f"rule {rule}": {"rule": rule} for rule in RULE_NAMES + MATRIX_RULE_NAMES},
    **{f"cell, rule {rule}": {"body": "cell", "rule": rule} for rule in RULE_NAMES},
    **{f"initialisation {scheme}": {"initialisation": scheme} for scheme in INITIALISATIONS},
    "decay that is trained": {"rule": "dual", "learn_decay": True},
    "residual, norm on write": {"body": "cell", "fnn": "residual", "norm": "write"},
    "tied": {"tied_embeddings": True, "ngram_rows": 9},
    "pairs": {"ngram_rows": 9, "ngram_longest": 2},
    "odd width": {"width": 30, "context": 30, "vocabulary": 21},
    "fewer rows than ranks": {"vocabulary": 2},
}


@contextlib.contextmanager
def rank_of(rank: int, ranks: int) -> Iterator[None]:
    """Be one of so many ranks, of which no other is there: what is sent goes nowhere."""
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=ranks)
    _clear_python_sharding_prop_cache()  # which knows this process as another rank
    _clear_fast_path_sharding_prop_cache()
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def sharded(config: ModelConfig) -> LanguageModel:
    with outlining(), torch.random.fork_rng():
        model = LanguageModel(config, seed=3)
    assert is_outline(model)
    shard(model, lambda _: contextlib.nullcontext(), Replicas(torch.distributed.get_world_size(), 60.0))
    assert not is_outline(model)
    return model


def values(model: nn.Module) -> dict[str, Tensor]:
    return dict((*model.named_parameters(), *model.named_buffers()))


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_of_an_outline_have_the_bits_of_a_whole_model(kind, ranks) -> None:
    config = dataclasses.replace(SMALL, **KINDS[kind])
    expected, parts = values(LanguageModel(config, seed=3)), []
    for rank in range(ranks):
        with rank_of(rank, ranks):
            model = sharded(config)
            assert any(map(is_sharded, model.parameters()))
            parts.append({name: (own_part(one).detach(), is_sharded(one)) for name, one in values(model).items()})
    assert all(one.keys() == expected.keys() for one in parts)
    for name, value in expected.items():
        own = [one[name][0] for one in parts]
        whole = torch.cat(own) if parts[0][name][1] else own[0]
        assert all(torch.equal(one, own[0]) for one in own) or parts[0][name][1]
        assert torch.equal(whole.view(torch.int32), value.detach().view(torch.int32)), name


class Alive(TorchDispatchMode):
    """Counts the bytes of tensors that are made while it is on and are there still; `most` of them."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._known: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in torch.utils._pytree.tree_leaves(made):
            own = getattr(one, "_local_tensor", one)
            if isinstance(own, Tensor) and not own.is_meta:
                self._known[StorageWeakRef(own.untyped_storage())] = own.untyped_storage().nbytes()
        self._known = {one: size for one, size in self._known.items() if not one.expired()}
        self.most = max(self.most, sum(self._known.values()))
        return made


@pytest.mark.parametrize("body", ["stack", "attention", "founding-transformer", "cell", "lstm"])
def test_no_rank_ever_holds_more_than_its_part_and_a_matrix(body) -> None:
    wide: dict[str, Any] = {"width": 128, "hidden": 256, "context": 128, "layers": 12, "vocabulary": 512}
    config = dataclasses.replace(SMALL, body=body, **wide)
    with Alive() as alive:
        model = LanguageModel(config)
    whole = 4 * sum(one.numel() for one in model.parameters())
    assert alive.most >= whole, "what is alive is counted"
    largest = 4 * max(one.numel() for one in model.parameters())
    with rank_of(1, 4), Alive() as alive:
        model = sharded(config)
        uncut = 4 * sum(one.numel() for one in model.parameters() if not is_sharded(one))
    assert alive.most < whole / 4 + uncut + 2 * largest < 0.6 * whole


@pytest.mark.parametrize("ranks", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_rank_reads_its_part_of_a_snapshot_and_no_more(ranks, tmp_path) -> None:
    wide: dict[str, Any] = {"width": 128, "hidden": 256, "context": 128, "layers": 6, "vocabulary": 512}
    config = dataclasses.replace(SMALL, **wide)
    model = LanguageModel(config, seed=4)
    optimizer = build_optimizer(model, OptimizerConfig())
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    tensors = training_tensors(model, optimizer, None)
    snapshot = write_snapshot(tmp_path, tensors, Progress(step=1))
    expected = {name: value for content in tensors.values() for name, value in content.items()}
    with rank_of(1, ranks):
        part = sharded(config)
        own = build_optimizer(part, OptimizerConfig())
        with Alive() as alive:
            restore_shard(snapshot, part, own, World())
        held = 3 * 4 * sum(own_part(one).numel() for one in part.parameters())
        largest = 4 * max(one.numel() for one in part.parameters())
        assert alive.most < held + 2 * largest, "its weights and moments, and a piece of a file at a time"
        for name, value in (
            (k, v) for content in training_tensors(part, own, None).values() for k, v in content.items()
        ):
            whole = expected[name]
            rows = slice(first_row(value), None) if is_sharded(value) else slice(None)
            mine = own_part(value)
            assert torch.equal(mine, whole[rows][: len(mine)] if whole.dim() else whole), name


@pytest.fixture
def two_ranks() -> World:
    world = World()
    world.size = 2
    return world


def test_only_ranks_that_share_the_model_out_build_an_outline(two_ranks) -> None:
    config = configure("tiny", None, None, ["parallel.mode=fsdp", "model.vocabulary=20"], {})
    config = dataclasses.replace(config, numerics=dataclasses.replace(config.numerics, device="cpu"))
    assert is_outline(build_model(config, two_ranks))
    assert not is_outline(build_model(config, World()))
    assert not is_outline(build_model(config))
    held = dataclasses.replace(config, parallel=dataclasses.replace(config.parallel, mode="ddp"))
    assert not is_outline(build_model(held, two_ranks))


def test_the_mode_of_a_model_that_the_machine_does_not_hold_is_decided_without_it(two_ranks, monkeypatch) -> None:
    """4.4 thousand million parameters, 17 GB."""
    monkeypatch.setattr(parallel, "memory_bytes", lambda: 64 << 30)
    shape = ["model.vocabulary=256", "model.width=4096", "model.hidden=12288", "model.context=4096", "model.layers=20"]
    config = configure("tiny", None, None, shape, {})
    config = dataclasses.replace(config, numerics=dataclasses.replace(config.numerics, device="cpu"))
    with Alive() as alive:
        assert with_mode(config, two_ranks).parallel.mode == "fsdp"
    assert alive.most < 1 << 30, "a matrix at a time, whose memory nobody has touched"


@pytest.mark.parametrize("rule", ["gated", "gated,delta"])
@pytest.mark.parametrize(("memory", "expected"), [(1 << 34, "bf16"), (1 << 16, "fp32")])
def test_rank_0_measures_a_round_of_rules_in_place_of_the_model(
    rule, memory, expected, two_ranks, text, tiny_settings, monkeypatch, tmp_path
) -> None:
    measured: list[tuple[str, int]] = []

    def time_precisions(model: LanguageModel, *_: Any) -> PrecisionTiming:
        measured.append(("precision", model.config.layers))
        return PrecisionTiming("bf16", {"fp32": 1.0, "bf16": 0.5}, 6, agreed=True)

    def seconds_per_token(model: LanguageModel, *_: Any) -> float:
        measured.append(("seconds", model.config.layers))
        return 1e-4 * model.config.layers

    monkeypatch.setattr(parallel, "memory_bytes", lambda: memory)
    for own in (time_precisions, seconds_per_token):
        monkeypatch.setattr(resolving, own.__name__.replace("seconds", "_seconds"), own)
    monkeypatch.setattr(resolving, "bf16_is_slow", lambda: False)
    wanted = ["numerics.precision=auto", f'data.texts=["{text}"]', f"model.rule={rule}", "model.layers=4"]
    config = configure("tiny", None, None, [*tiny_settings, *wanted, "parallel.mode=fsdp"], {})
    corpus, preparation, found = prepare(config.data, cache=tmp_path), Preparation(), {}
    for world in (two_ranks, None):
        budget = Budget(seconds=1000.0, began=time.monotonic())
        found[world], model = resolving.resolve(config, corpus, budget, preparation, world)
        assert is_outline(model) == (world is two_ranks)
        if world is two_ranks:
            assert found[world].numerics.precision == expected
            assert [one.id for one in preparation.notices()] == (
                ["notice-precision"] if expected == "bf16" else ["notice-no_time_to_measure"]
            )
    one_round = len(rule.split(","))
    assert measured == [
        *([("precision", one_round)] if expected == "bf16" else []),
        ("seconds", one_round),
        ("precision", 4),
        ("seconds", 4),
    ]
    steps = [one.training.steps for one in found.values()]
    assert steps[0] == pytest.approx(steps[1], rel=0.05), "the time of a round stands for all"


@pytest.mark.parametrize("body", BODY_NAMES)
def test_parameters_are_counted_without_them(body) -> None:
    config, before = dataclasses.replace(SMALL, body=body), torch.random.get_rng_state()
    counted = count_parameters(config)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert counted == sum(one.numel() for one in LanguageModel(config).parameters())
