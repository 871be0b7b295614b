"""docs/install.md names each dependency of the core and each extra, as pyproject.toml has them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(packages: list[str]) -> list[str]:
    return [re.split("[<>=]", package.replace("newllm[train]", "[train]"))[0] for package in packages]


def rows(page: str, heading: int) -> list[list[str]]:
    """Return the cells of the table below a heading, by its place on the page."""
    section = re.split(r"^## ", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[heading]
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    return table[2:]


@pytest.mark.parametrize("page", ["install.md", "install.ja.md"])
def test_each_dependency_of_the_core_has_its_reason_and_megabytes(page: str) -> None:
    table = rows(page, 3)
    assert [row[0] for row in table] == ["newllm", *names(PROJECT["dependencies"])]
    assert all(float(row[1]) > 0 and len(row[3]) > 5 for row in table)


def test_its_megabytes_are_those_of_the_whole() -> None:
    way = next(row for row in rows("install.md", 1) if row[0] == "`pip install .`")
    parts = sum(float(row[1]) for row in rows("install.md", 3))
    assert parts == pytest.approx(float(way[2].removesuffix(" MB")), rel=0.05)


@pytest.mark.parametrize("page", ["install.md", "install.ja.md"])
def test_each_extra_says_what_it_adds(page: str) -> None:
    table = {row[0].strip("`[]"): re.split("[,、] ?", row[1].replace("`", "")) for row in rows(page, 4)}
    extras = {extra: names(packages) for extra, packages in PROJECT["optional-dependencies"].items()}
    assert table.keys() == extras.keys()
    table["dev"] = extras["dev"] = []  # its list is that of no user
    assert table == extras
