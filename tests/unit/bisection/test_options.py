"""The changes of command lines."""

from pathlib import Path

import pytest

from newllm.bisection.options import changes_of_options, redirected, with_options


def places(there: str, here: str) -> list[str]:
    return [one.place for one in changes_of_options(there.split(), here.split())[0]]


@pytest.mark.parametrize(
    ("there", "here", "found"),
    [
        ("--lr 0.1", "--lr 0.2", ["--lr"]),
        ("--lr 0.1", "--lr=0.1", []),
        ("--lr=0.1", "--lr=0.2", ["--lr"]),
        ("--shift -1", "--shift -2", ["--shift"]),
        ("--fast", "", ["--fast"]),
        ("", "--fast", ["--fast"]),
        ("a.txt --lr 1", "b.txt --lr 1", ["b.txt"]),
        ("train model.lr=1 data=a", "train model.lr=2 data=a", ["model.lr"]),
        ("--set a=1 --set b=2", "--set a=1 --set b=3", ["--set"]),
        ("--betas 0.9 0.99", "--betas 0.9 0.999", ["--betas"]),
        ("--lr 1 --wd 2", "--wd 2 --lr 1", []),
        ("--out a --log-dir b --run_name c", "--out d --log-dir e --run_name f", []),
        ("--train-file a", "--train-file b", ["--train-file"]),
        ("--data-path a", "--data-path b", ["--data-path"]),
    ],
)
def test_what_differs(there: str, here: str, found: list[str]) -> None:
    assert places(there, here) == found


def test_a_seed_stands_beside_the_changes() -> None:
    changes, seeds = changes_of_options(["--seed", "1", "--lr", "1"], ["--seed", "2", "--lr", "1"])
    assert (changes, [one.here for one in seeds]) == ([], [("--seed", "2")])


def test_the_sound_command_line_with_some_changes() -> None:
    there, here = "a.txt --lr 0.1 --fast --out x", "a.txt --lr=0.2 --out y --depth 3"
    changes, _ = changes_of_options(there.split(), here.split())
    assert [one.place for one in changes] == ["--lr", "--fast", "--depth"]
    assert " ".join(with_options(there.split(), changes)) == "a.txt --lr=0.2 --out x --depth 3"
    assert " ".join(with_options(there.split(), changes[:1])) == "a.txt --lr=0.2 --fast --out x"
    assert " ".join(with_options(there.split(), [])) == there


def test_a_place_elsewhere_is_moved_and_one_of_the_programs_own_or_of_data_is_not() -> None:
    words = ["--out", "/far/runs/a", "--log-dir=~/b", "--data", "/far/data", "--save", "/own/c", "--name", "d"]
    moved = redirected(words, Path("/tmp/places"), [Path("/own")])
    assert moved == (
        "--out", "/tmp/places/a", "--log-dir=/tmp/places/b", "--data", "/far/data", "--save", "/own/c", "--name", "d"
    )  # fmt: skip
