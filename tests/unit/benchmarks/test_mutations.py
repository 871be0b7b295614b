"""The mutation tester: what it changes and leaves alone, and what it calls noticed in a project of one function."""

import ast
import json
import random
from pathlib import Path

import pytest

import mutations
import mutations_page
from mutation_sites import Mutant, draw, sites

SOURCE = '''"""Not 1 < 2."""
from typing import TYPE_CHECKING
if TYPE_CHECKING and 1 < 2:
    LIMIT: "int | 3" = 1

@decorated(1)
def first(values: list[int | None], least=3) -> float | None:
    """Not 1 + 1."""
    assert least > 0, 1
    if not values:
        raise ValueError(f"{1 + 1}", 2)
    for value in values:
        if value < least and isinstance(value, int):
            continue
        return max(value, least)
    return sum(x for x in values if x) / "text"
'''
FILE = """def reached(step, steps):
    while step < steps:
        step += 1
    return step, min(steps, 7)
"""
TESTS = """from newllm.area.file import reached
def test_reached():
    assert reached(1, 3)[0] == 3
"""


def changes(tmp_path: Path, content: str) -> list[Mutant]:
    (tmp_path / "file.py").write_text(content)
    return sites(tmp_path, tmp_path / "file.py")


def test_what_is_changed(tmp_path: Path) -> None:
    found = changes(tmp_path, SOURCE)
    both = "value < least and isinstance(value, int)"
    assert {one.change for one in found} == {
        "3 -> 4", "not values -> not not values", "not values -> values",
        "value < least -> value <= least", "value < least -> value >= least", f"{both} -> {both.replace('and', 'or')}",
        f"{both} -> not ({both})", "continue -> break", "max -> min", "x -> True",
    }  # fmt: skip
    assert {one.function for one in found} == {"first"}
    assert all(one.code == SOURCE.splitlines()[one.line - 1].strip() for one in found)


def test_two_equal_arguments_are_not_swapped(tmp_path: Path) -> None:
    assert changes(tmp_path, "drawn = line([], [])\n") == []
    assert len(changes(tmp_path, "drawn = line([], ())\n")) == 1


def test_what_changes_nothing_is_left_alone(tmp_path: Path) -> None:
    assert [one.change for one in changes(tmp_path, "low = np.minimum(a, b)\n")] == ["np.minimum -> np.maximum"]
    assert changes(tmp_path, "pairs = zip(a, strict=True)\n") == []
    assert len(changes(tmp_path, "pairs = open(a, closefd=True)\n")) == 1


def test_every_change_leaves_python() -> None:
    source = Path(mutations.ROOT) / "src"
    for name in ("newllm/diagnosis/losses.py", "newllm/training/loop.py", "newllm/ui/jobs.py"):
        content = (source / name).read_bytes()
        for one in sites(source, source / name):
            ast.parse(content[: one.start] + one.text.encode() + content[one.stop :])


def test_a_seed_draws_the_same_changes_of_as_many_lines(tmp_path: Path) -> None:
    found = changes(tmp_path, SOURCE)
    drawn = [draw(found, 4, random.Random(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({one.line for one in drawn[0]}) == 4
    assert len(draw(found, 100, random.Random(1))) == len({one.line for one in found})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one function and one test file, which the tool takes for its own."""
    root = tmp_path / "project"
    for name, content in (("src/newllm/area/file.py", FILE), ("tests/test_file.py", TESTS)):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(content)
    for package in ("newllm", "newllm/area"):
        (root / "src" / package / "__init__.py").write_text("")
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    monkeypatch.setattr(mutations, "ROOT", root)
    monkeypatch.setattr(mutations, "AREAS", {"area": (("area",), ("",))})
    (tmp_path / "copy").mkdir()
    return root


def changes_of(copied: mutations.Copy) -> dict[str, Mutant]:
    return {one.change: one for one in sites(copied.source, copied.source / "newllm/area/file.py")}


def noticed(copied: mutations.Copy, change: str) -> str | None:
    one = changes_of(copied)[change]
    return copied.noticed(one, mutations.tests_of("area", one))


def test_machine_code_is_kept_for_the_sources_that_it_is_of(
    project: Path,  # noqa: ARG001 (what is copied)
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mutations, "COMPILED", ("area",))
    copied = mutations.Copy(tmp_path / "copy")
    before, change = copied.machine_code(), changes_of(copied)["min -> max"]
    kept = change.apply(copied.source)
    assert copied.machine_code() != before
    (copied.source / change.file).write_text(kept)
    assert copied.machine_code() == before


@pytest.mark.slow
def test_what_a_test_notices_and_what_it_does_not(project: Path, tmp_path: Path) -> None:
    copied = mutations.Copy(tmp_path / "copy")
    assert noticed(copied, "step < steps -> step <= steps") == "tests/test_file.py::test_reached"
    assert noticed(copied, "min -> max") is None
    assert (copied.source / "newllm/area/file.py").read_text() == FILE
    assert (project / "src/newllm/area/file.py").read_text() == FILE


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_what_does_not_end_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "LIMIT", 60.0)
    found = noticed(mutations.Copy(tmp_path / "copy"), "step += 1 -> step -= 1")
    assert found == "tests/test_file.py::test_reached does not end"


@pytest.mark.slow
def test_a_test_that_fails_without_a_change_notices_nothing(project: Path, tmp_path: Path, capsys) -> None:
    (project / "tests/test_file.py").write_text("def test_it(): assert 0\n" + TESTS)
    copied = mutations.Copy(tmp_path / "copy")
    assert noticed(copied, "min -> max") is None
    assert noticed(copied, "step < steps -> step <= steps") == "tests/test_file.py::test_reached"
    assert capsys.readouterr().err == "tests/test_file.py::test_it fails without any change, and is left out\n"


@pytest.mark.slow
def test_a_study_is_changed_where_tests_import_it_from(project: Path, tmp_path: Path, monkeypatch) -> None:
    (project / "studies/one").mkdir(parents=True)
    (project / "studies/one/file.py").write_text(FILE)
    (project / "tests/test_file.py").write_text(TESTS.replace("newllm.area.file", "studies.one.file"))
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    monkeypatch.setattr(mutations, "AREAS", {"study": ((mutations.STUDIES,), ("",))})
    copied = mutations.Copy(tmp_path / "copy")
    found = {one.change: one for one in mutations.drawn("study", 1, 9, copied.source)}
    change = "step < steps -> step <= steps"
    assert found[change].file == "studies/one/file.py"
    by = copied.noticed(found[change], mutations.tests_of("study", found[change]))
    assert by == "tests/test_file.py::test_reached"
    assert (project / "studies/one/file.py").read_text() == FILE


def test_the_tests_that_have_most_to_do_with_a_change_come_first(project: Path) -> None:
    for name, content in (
        ("test_other.py", "import newllm.area"), ("test_none.py", ""), ("test_word.py", "file"),
        ("test_file_more.py", "x = 1"),
    ):  # fmt: skip
        (project / "tests" / name).write_text(content)
    (one, *_) = mutations.drawn("area", 1, 1, project / "src")
    ordered = [file.name for file in mutations.tests_of("area", one)]
    assert ordered == ["test_file.py", "test_file_more.py", "test_word.py", "test_other.py", "test_none.py"]


def test_what_is_harmless_says_why_and_does_not_count() -> None:
    listed = json.loads((Path(mutations.HERE) / "harmless_mutations.json").read_text())
    for one in listed:
        assert set(one) == {*mutations.KEY, "why"}
        assert len(one["why"]) > 20
    made = [{"area": "a", "outcome": outcome} for outcome in ("noticed", "noticed", "not noticed", "harmless")]
    assert "| a | 4 | 1 | 3 | 2 | 67 % |" in mutations.summed(made)


def test_the_areas_hold_every_source_and_every_test_is_there() -> None:
    source = Path(mutations.ROOT) / "src" / "newllm"
    named = {name for places, _ in mutations.AREAS.values() for name in places}
    assert all((source / folder).is_dir() for folder in mutations.COMPILED)
    held = {path.name for path in source.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert held - named <= {"__init__.py", "errors.py", "__pycache__", "py.typed", "schemas"}  # schemas hold no code
    for places, tests in mutations.AREAS.values():
        assert all((mutations.ROOT / name if name == mutations.STUDIES else source / name).exists() for name in places)
        assert all((Path(mutations.ROOT) / "tests" / name).exists() for name in tests)


def test_the_page_says_what_was_not_noticed_and_why_others_do_not_matter() -> None:
    machine = {"processor": "P", "cores": 2, "torch_threads": 2, "torch": "2", "cpu_capability": "A", "python": "3"}
    one = {"area": "ui", "file": "newllm/ui/a.py", "function": "f", "code": "if a < b:", "change": "a < b -> a <= b"}
    mutants = [{**one, "outcome": "not noticed"}, {**one, "outcome": "noticed", "code": "hidden"}]
    result = {"seed": 3, "commit": "abc", "machine": machine, "mutants": mutants}
    page = mutations_page.page([result], [{**one, "code": "if b < c:", "why": "it is free"}])
    assert "| ui | 2 | 0 | 2 | 1 | 50 % |" in page
    assert page.count("- `newllm/ui/a.py`: `if a < b:`, `a < b -> a <= b`\n") == 1
    assert "- `newllm/ui/a.py`: `if b < c:`, `a < b -> a <= b`: it is free\n" in page
    assert "hidden" not in page
    looked_at = mutations_page.page([result], [{**one, "why": "it is free"}])
    assert "| ui | 2 | 1 | 1 | 1 | 100 % |" in looked_at
