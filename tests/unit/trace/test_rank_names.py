"""Which names say that logs are of ranks, and which only may."""

from pathlib import Path

import pytest

from newllm.trace.readers.rank_names import groups_of_ranks, rank_names

TORCHRUN = "logs/none_ab12/attempt_{}/{}/{}.log"


@pytest.mark.parametrize(
    "names",
    [
        ["train_rank0.log", "train_rank1.log", "train_rank2.log"],
        ["rank_00.jsonl", "rank_01.jsonl", "rank_11.jsonl"],
        ["out/rank0/log.txt", "out/rank1/log.txt"],
        ["run7-local_rank=0.csv", "run7-local_rank=3.csv"],
        ["Rank-1.out", "Rank-0.out"],
        ["log.txt", "log.txt.rank1", "log.txt.rank2"],
        [TORCHRUN.format(0, rank, "stdout") for rank in range(3)],
    ],
)
def test_names_that_say_that_they_are_of_ranks(names: list[str]) -> None:
    found = rank_names([Path(name) for name in names])
    assert found is not None
    assert found.say_so
    assert sorted(path.as_posix() for path in found.paths.values()) == sorted(names)
    assert list(found.paths) == sorted(found.paths)


@pytest.mark.parametrize(
    "names",
    [
        ["log.0.txt", "log.1.txt"],
        ["slurm-123_0.out", "slurm-123_1.out"],
        ["seed0.csv", "seed1.csv"],
        ["gpu0.log", "gpu1.log"],
        ["frank1.csv", "frank2.csv"],
        ["0/stdout.log", "1/stdout.log"],
        ["rank0_seed1.csv", "rank0_seed2.csv"],
    ],
)
def test_names_that_may_be_of_ranks(names: list[str]) -> None:
    found = rank_names([Path(name) for name in names])
    assert found is not None
    assert not found.say_so


@pytest.mark.parametrize(
    "names",
    [
        ["a.csv", "b.csv"],
        ["rank0.csv"],
        ["rank0_seed1.csv", "rank1_seed2.csv"],
        ["rank0.csv", "rank1.jsonl"],
        ["rank1.csv", "rank01.csv"],
        ["log.txt", "other.txt.rank1"],
        ["log.txt", "log.txt.rank0"],
        ["train.log", "valid.log", "train.log.rank1"],
    ],
)
def test_names_of_anything_else(names: list[str]) -> None:
    assert rank_names([Path(name) for name in names]) is None


def test_a_directory_has_groups_where_all_its_logs_are_of_ranks() -> None:
    ranks = [Path(f"d/train_rank{rank}.log") for rank in range(2)]
    assert [list(one.paths) for one in groups_of_ranks(ranks)] == [[0, 1]]
    assert groups_of_ranks([*ranks, Path("d/other.csv")]) == []
    assert groups_of_ranks([Path("d/seed0.log"), Path("d/seed1.log")]) == []


def test_of_torchrun_the_last_attempt_counts_and_each_stream_by_itself() -> None:
    files = [
        Path(TORCHRUN.format(attempt, rank, stream))
        for attempt in (0, 1)
        for rank in (0, 1)
        for stream in ("stderr", "stdout")
    ]
    groups = groups_of_ranks(files)
    assert [[path.as_posix() for path in one.paths.values()] for one in groups] == [
        [TORCHRUN.format(1, rank, stream) for rank in (0, 1)] for stream in ("stdout", "stderr")
    ]
    assert groups_of_ranks([*files, Path("logs/none_cd34/attempt_0/0/stdout.log")]) == []
