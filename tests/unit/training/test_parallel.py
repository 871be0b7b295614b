"""Whether a model is sharded, and over which ranks."""

import re
from types import SimpleNamespace

import pytest
import torch

from newllm.errors import UserError
from newllm.training import parallel
from newllm.training.config import ParallelConfig
from newllm.training.configure import configure
from newllm.training.launch import with_mode
from newllm.training.parallel import check_shard, chosen_parallel
from newllm.training.world import World

GIB = 2**30


@pytest.fixture
def two_ranks() -> World:
    world = World()
    world.size, world.machines = 2, "aa"
    return world


@pytest.mark.parametrize(
    ("mode", "memory", "here", "expected"),
    [
        ("auto", 40 * GIB, "1", "ddp"),
        ("auto", 30 * GIB, "1", "fsdp"),
        ("auto", 40 * GIB, "2", "fsdp"),
        ("auto", 70 * GIB, "2", "ddp"),
        ("auto", None, "2", "ddp"),
        ("ddp", 1, "1", "ddp"),
        ("fsdp", 40 * GIB, "1", "fsdp"),
    ],
)
def test_auto_shards_what_would_take_over_half_of_a_ranks_memory(mode, memory, here, expected, monkeypatch) -> None:
    monkeypatch.setattr(parallel, "memory_bytes", lambda: memory)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    assert chosen_parallel(ParallelConfig(mode), GIB, "cpu", "aa") == ParallelConfig(expected)


def test_auto_looks_at_the_memory_of_the_gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 * GIB))
    found = [chosen_parallel(ParallelConfig(), count * GIB, "cuda", "aa").mode for count in (2, 3)]
    assert found == ["ddp", "fsdp"]


@pytest.mark.parametrize(
    ("gib", "machines", "expected"),
    [
        (2, "aabb", ("ddp", 0)),
        (3, "aabb", ("hsdp", 2)),
        (5, "aabb", ("hsdp", 2)),
        (6, "aabb", ("fsdp", 0)),  # half of it would not fit into a rank
        (6, "aaaabbbb", ("hsdp", 4)),
        (3, "aaaa", ("fsdp", 0)),
        (3, "abcd", ("fsdp", 0)),
        (3, "aaaabb", ("hsdp", 2)),
    ],
)
def test_auto_makes_a_copy_a_machine_where_one_holds_the_model(gib, machines, expected, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 * GIB))
    assert chosen_parallel(ParallelConfig(), gib * GIB, "cuda", machines) == ParallelConfig(*expected)


@pytest.mark.parametrize(
    ("asked", "machines", "expected"),
    [
        (0, "aabb", ("hsdp", 2)),
        (0, "aaaa", ("fsdp", 0)),
        (0, "abcd", ("ddp", 0)),
        (0, "aaabbb", ("hsdp", 3)),
        (2, "aaaa", ("hsdp", 2)),
        (4, "aaaa", ("fsdp", 0)),
        (1, "aaaa", ("ddp", 0)),
    ],
)
def test_a_copy_is_on_one_machine(asked, machines, expected) -> None:
    assert chosen_parallel(ParallelConfig("hsdp", asked), 1, "cpu", machines) == ParallelConfig(*expected)


@pytest.mark.parametrize(
    ("asked", "machines", "why", "mend"),
    [
        (4, "aaabbb", "it does not divide 6 ranks", 3),
        (4, "aa", "it does not divide 2 ranks", 2),
        (2, "aaabbb", "ranks of a copy would be on several machines", 3),
        (2, "abab", "ranks of a copy would be on several machines", 1),
    ],
)
def test_ranks_that_cannot_hold_a_copy_together_are_refused_in_a_line(asked, machines, why, mend) -> None:
    for mode in ("hsdp", "auto"):
        said = f"parallel.shard is {asked}: {why}: --set parallel.shard={mend}, or 0 for the most that are on a machine"
        with pytest.raises(UserError, match=f"^{re.escape(said)}$"):
            check_shard(ParallelConfig(mode, asked), machines)
    check_shard(ParallelConfig("hsdp", asked), "a")  # one process goes on with what several began


def test_one_process_holds_its_model_whatever_is_asked_for(two_ranks) -> None:
    for mode in ("fsdp", "hsdp"):
        config = configure(None, None, None, [f"parallel.mode={mode}", "model.vocabulary=20"], {})
        assert with_mode(config, World()).parallel.mode == "ddp"
        assert with_mode(config, two_ranks).parallel.mode == "fsdp"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["parallel.mode=fdsp"], "parallel mode 'fdsp'"),
        (["parallel.shard=-1"], "parallel.shard is -1: it must be at least 0"),
        (
            ["parallel.mode=fsdp", "parallel.shard=2"],
            "parallel.shard 2 is of parallel.mode hsdp, which is 'fsdp': --set parallel.mode=hsdp, or drop",
        ),
    ],
)
def test_settings_that_cannot_be_are_named(settings, said) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        configure(None, None, None, settings, {}).check()
