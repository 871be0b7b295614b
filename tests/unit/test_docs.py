"""What the pages of docs/ and CONTRIBUTING.md link and name is there, and the layers are those that are checked."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"docs/tests.md"}  # quotes code that looks like links
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*sorted(set(PAGES) - GENERATED), "CONTRIBUTING.md"])
def test_what_is_linked_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_every_file_that_contributing_names_is_there() -> None:
    """Paths with a slash, below the package or at the top."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.]+/)+(?:[\w.]+\.\w+)?)`", text)
    assert len(named) > 40
    for path in named:
        assert (ROOT / "src/newllm" / path).exists() or (ROOT / path).exists(), path


def test_contributing_draws_the_layers_that_are_checked() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = "".join(re.findall(r"^    (cli > .*\n(?:  .*\n)*)", text, re.MULTILINE)).split(">")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    checked = [{name.strip("() ").removeprefix("newllm.") for name in layer.split("|")} for layer in layers]
    there = [{name for name in layer if list((ROOT / "src/newllm").glob(f"{name}*"))} for layer in checked]
    assert [{name.strip() for name in layer.split("|")} for layer in drawn] == [layer for layer in there if layer]
