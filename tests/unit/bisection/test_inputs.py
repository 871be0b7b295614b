"""Which files are inputs of the runs, and which a run wrote."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.bisection.tree import Tree
from newllm.checksum import data_checksum, write_checked
from newllm.trace.program import Program, read_program

SOUND, RUN = (1000, 900), (860, 760)  # seconds ago: from when to when each trained
READS = 'rows = open("data.csv")\n'


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., tuple[set[str], set[str], set[str]]]:
    """Return which of some files, each written so many seconds ago, are copied, left out as of then, and of after."""

    def go(
        ages: dict[str, float],
        sound: str = READS,
        run: str = READS,
        data: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
        stale: tuple[str, ...] = (),
        arguments: tuple[str, ...] = (),
    ) -> tuple[set[str], set[str], set[str]]:
        root, now = tmp_path / "root", time.time()
        for name, age in ages.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(name)
            os.utime(place, (now - age, now - age))
        runs = []
        for name, code, span, own in (("sound", sound, SOUND, data[0]), ("today", run, RUN, data[1])):
            out = root / "runs" / name
            out.mkdir(parents=True)
            known = {one: data_checksum(root / one) for one in own}
            kept = {
                one: {"bytes": it[0], "sha256": "0" * 64 if one in stale else it[1]}
                for one, it in known.items()
                if it is not None
            }
            about = {"schema": 1, "main": "train.py", "module": None, "arguments": [*arguments], "versions": {}}
            place_of = {"directory": str(root), "root": str(root), "out": str(out), "left_out": 0}
            write_checked(out / "program.json", {**about, **place_of, "files": {"train.py": code}, "data": kept})
            for other in ("recording.json", "trace.jsonl"):
                (out / other).write_text("{}")
                os.utime(out / other, (now - span[1], now - span[1]))
            os.utime(out / "program.json", (now - span[0], now - span[0]))
            runs.append(out)
        kept_program = read_program(runs[0])
        assert isinstance(kept_program, Program)
        tree = Tree(kept_program, runs=runs)
        try:
            tree.fresh({})
            copy = tree.counterpart(root)
            there = {str(one.relative_to(copy)) for one in copy.rglob("*") if one.is_file()}
            return (
                there & {*ages},
                {str(one.relative_to(root)) for one in tree.left_out},
                {str(one.relative_to(root)) for one in tree.left_out_after},
            )
        finally:
            tree.remove()

    return go


def test_data_made_between_the_two_runs_are_copied(project) -> None:
    run = 'rows = open("data_v2.csv")\n'
    ages = {"data.csv": 2000, "data_v2.csv": 870, "folder/0.png": 880}
    assert project(ages, run=run, data=(("data.csv",), ("data_v2.csv",))) == ({*ages}, set(), set())


def test_data_whose_name_is_put_together_are_copied_too(project) -> None:
    code = 'rows = open(DIRECTORY / name)\nimages = Path("images").glob("*.png")\n'
    ages = {"data.csv": 2000, "data_v2.csv": 870, "images/1.png": 870}
    assert project(ages, code, code) == ({*ages}, set(), set())


def test_data_made_again_between_the_two_runs_are_copied(project) -> None:
    ages = {"data.csv": 870}
    assert project(ages, data=(("data.csv",), ("data.csv",)), stale=("data.csv",)) == ({*ages}, set(), set())


def test_data_made_while_the_sound_run_trained_are_copied_where_it_does_not_name_them(project) -> None:
    run = 'rows = open("data_v2.csv")\n'
    ages = {"data.csv": 2000, "data_v2.csv": 950}
    assert project(ages, run=run, data=(("data.csv",), ("data_v2.csv",))) == ({*ages}, set(), set())


def test_what_has_been_touched_and_is_as_it_was_is_copied(project) -> None:
    ages = {"data.csv": 800, "tokens.txt": 730}
    assert project(ages, data=(("data.csv", "tokens.txt"), ("data.csv",))) == ({*ages}, set(), set())


@pytest.mark.parametrize(
    "code",
    [
        'torch.save(model, "last.pt")\n',
        'torch.save(model, f"{name}.pt")\n',
        'torch.save(model, name + ".pt")\n',
        'torch.save(model, "%s.pt" % name)\n',
        'torch.save(model, "out/{}.pt".format(name))\n',
    ],
)
def test_what_the_sound_run_may_have_written_at_its_end_is_left_out(project, code: str) -> None:
    ages = {"data.csv": 2000, "last.pt": 880}
    assert project(ages, READS + code, READS + code) == ({"data.csv"}, set(), {"last.pt"})


def test_so_is_what_its_command_line_names(project) -> None:
    ages = {"data.csv": 2000, "last.pt": 880, "it/own.pt": 880}
    given = ("--save", "last.pt", "--to=it/own.pt")
    assert project(ages, arguments=given) == ({"data.csv"}, set(), {"last.pt", "it/own.pt"})


def test_so_is_the_rest_of_a_directory_that_it_wrote_to(project) -> None:
    ages = {"data.csv": 2000, "out/checkpoint-5/model.bin": 950, "out/model.bin": 880, "data/model.bin": 880}
    assert project(ages) == ({"data.csv", "data/model.bin"}, {"out/checkpoint-5/model.bin"}, {"out/model.bin"})


def test_what_was_written_while_a_run_trained_is_left_out(project) -> None:
    code = 'if exists("state.bin"): load("state.bin")\nfor one in glob("steps/*.bin"): load(one)\n'
    ages = {"data.csv": 2000, "state.bin": 800, "log.txt": 950, "steps/1.bin": 950, "new.csv": 10}
    kept, during, after = project(ages, code, code, data=((), ("steps/1.bin",)))
    assert (kept, during, after) == ({"data.csv", "new.csv"}, {"state.bin", "log.txt", "steps/1.bin"}, set())


def test_what_the_run_that_went_wrong_has_changed_is_left_out_though_the_sound_one_began_with_it(project) -> None:
    code = 'load("weights.bin")\n'
    ages = {"weights.bin": 800, "late.bin": 740}
    data = (("weights.bin", "late.bin"), ("weights.bin", "late.bin"))
    found = project(ages, code, code, data=data, stale=("weights.bin", "late.bin"))
    assert found == (set(), {"weights.bin"}, {"late.bin"})
