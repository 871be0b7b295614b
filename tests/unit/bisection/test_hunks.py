"""The changes of files."""

import pytest

from newllm.bisection.hunks import changes_of_files, with_lines

CODE = """import torch


def loss(x, y):
    # the mean
    return ((x - y) ** 2).mean()


SEED = 1
rate = 0.1
steps = 100
"""


def changed(*pairs: tuple[str, str]) -> str:
    text = CODE
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return text


def test_each_hunk_is_a_change_with_its_lines_and_place() -> None:
    here = changed(("import torch\n", "import torch\nimport math\n"), (".mean()", ".sum()"))
    changes, seeds = changes_of_files({"a.py": CODE}, {"a.py": here})
    assert [(one.place, one.here, one.there) for one in changes] == [
        ("a.py:2", ("import math\n",), ()),
        ("a.py:7", ("    return ((x - y) ** 2).sum()\n",), ("    return ((x - y) ** 2).mean()\n",)),
    ]
    assert seeds == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("# the mean", "# the average"), ("import torch\n", "import torch\n\n"), ("loss(x, y)", "loss(x: int, y: int)")],
)
def test_what_changes_no_statement_is_no_change(before: str, after: str) -> None:
    assert changes_of_files({"a.py": CODE}, {"a.py": changed((before, after))}) == ([], [])


def test_a_line_that_goes_one_level_deeper_is_a_change() -> None:
    here = changed(("rate = 0.1\n", "if torch:\n    rate = 0.1\n"))
    assert [one.place for one in changes_of_files({"a.py": CODE}, {"a.py": here})[0]] == ["a.py:10"]


def test_a_seed_stands_beside_the_changes() -> None:
    changes, seeds = changes_of_files({"a.py": CODE}, {"a.py": changed(("SEED = 1", "SEED = 2"))})
    assert (changes, [one.here for one in seeds]) == ([], [("SEED = 2\n",)])
    changes, seeds = changes_of_files({"a.py": CODE}, {"a.py": changed(("SEED = 1", "SEED = rate"))})
    assert (len(changes), seeds) == (1, [])


def test_a_number_beside_a_seed_is_a_change() -> None:
    changes, seeds = changes_of_files({"a.py": "x = load(0.8, seed=1)\n"}, {"a.py": "x = load(0.08, seed=1)\n"})
    assert (len(changes), seeds) == (1, [])


def test_neighbouring_lines_are_changes_of_their_own_where_each_stands_alone() -> None:
    here = changed(("rate = 0.1", "rate = 0.2"), ("steps = 100", "steps = 50"))
    changes, _ = changes_of_files({"a.py": CODE}, {"a.py": here})
    assert [one.place for one in changes] == ["a.py:10", "a.py:11"]
    two = changed(("rate = 0.1\n", "rate = (\n"), ("steps = 100\n", "0.1)\n"))
    assert [one.place for one in changes_of_files({"a.py": CODE}, {"a.py": two})[0]] == ["a.py:10"]


def test_a_file_that_one_alone_has_is_one_change_but_for_an_empty_one() -> None:
    changes, _ = changes_of_files({"a.py": CODE, "b.py": "x = 1\n"}, {"a.py": CODE, "c.py": "# nothing\n"})
    assert [(one.kind, one.place, one.there) for one in changes] == [("file", "b.py", ("x = 1\n",))]


def test_settings_are_held_against_each_other_without_their_comments() -> None:
    there = "# yesterday\nlr: 0.1\nseed: 1\nsteps: 5\n"
    here = "# today\nlr: 0.2\nseed: 2\nsteps: 5\n"
    changes, seeds = changes_of_files({"a.yaml": there}, {"a.yaml": here})
    assert [one.here for one in changes] == [("# today\n", "lr: 0.2\n", "seed: 2\n")]  # lines may belong together
    assert seeds == []


def test_all_changes_make_the_other_file_and_none_the_sound_one() -> None:
    here = changed(("rate = 0.1", "rate = 0.2"), ("import torch", "import torch as t"), ("    # the mean\n", ""))
    changes, _ = changes_of_files({"a.py": CODE}, {"a.py": here})
    assert with_lines(CODE, []) == CODE
    assert with_lines(CODE, changes) == here.replace("y):\n", "y):\n    # the mean\n")
    assert with_lines(CODE, changes[1:]) == changed(("rate = 0.1", "rate = 0.2"))
