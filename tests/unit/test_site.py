"""The documentation site is made of whole pages only: what is gone, unlisted or untranslated is named, and ends it."""

import json
import re
import shutil
import sys
from pathlib import Path

import make_site
import pages
import pytest
import reference

from newllm.cli.main import COMMANDS
from newllm.diagnosis.causes.known import CAUSES
from newllm.replays.interventions import INTERVENTIONS


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of docs/ and of what it links."""
    shutil.copytree(make_site.ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("before", "__pycache__"))
    for name in ("README.md", "README.ja.md", "CONTRIBUTING.md"):
        shutil.copy(make_site.ROOT / name, tmp_path)
    for name in ("benchmarks", "studies", "examples"):
        (tmp_path / name).symlink_to(make_site.ROOT / name)
    monkeypatch.setattr(make_site, "ROOT", tmp_path)
    return tmp_path / "docs"


def staged(docs: Path, language: str = "en") -> Path:
    make_site.check_lists()
    make_site.stage(language, docs.parent / "staged" / language)
    return docs.parent / "staged" / language


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_every_page_is_there_and_listed(docs: Path, language: str) -> None:
    place = staged(docs, language)
    assert sorted(path.stem for path in place.glob("*.md")) == sorted(make_site.listed())
    index = (place / "index.md").read_text(encoding="utf-8")
    assert all(part.titles[language] in index for part in pages.PARTS)
    assert ".ja.md" not in index
    assert (place / "images/demo.png").exists()


def test_what_is_missing_is_named(docs: Path) -> None:
    (docs / "guard.ja.md").unlink()
    (docs / "new.md").write_text("# New\n")
    with pytest.raises(make_site.BrokenError) as broken:
        make_site.check_lists()
    assert str(broken.value).splitlines() == [
        "docs/guard.ja.md: this page is missing; each stands in English and 日本語",
        "docs/new.md: no part of docs/site/pages.py names it",
    ]


def test_a_link_that_leads_nowhere_is_named(docs: Path) -> None:
    with (docs / "guard.md").open("a") as page:
        page.write("\n[gone](nowhere.md) and [there](check.md), `[code](in.md)`\n\n```\n[a](block.md)\n```\n")
    with pytest.raises(make_site.BrokenError, match=r"docs/guard\.md: there is no nowhere\.md$"):
        staged(docs)


def test_what_lies_outside_the_site_is_named_by_its_path(docs: Path) -> None:
    text = (staged(docs) / "performance.md").read_text(encoding="utf-8")
    assert "](../benchmarks" not in text
    assert "`benchmarks/results/scan-speed.json`" in text


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_every_command_cause_and_intervention_is_named(language: str) -> None:
    commands, names = reference.commands(language), reference.names(language)
    assert all(f"## newllm {command}\n" in commands for command in COMMANDS)
    assert "--budget" in commands
    assert all(f"| `{name}` |" in names for name in [*CAUSES, *INTERVENTIONS])


@pytest.mark.slow
def test_the_whole_site_needs_no_network_and_a_lost_anchor_ends_its_build(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_parser")
    out = tmp_path / "site"
    monkeypatch.setattr(sys, "argv", ["make_site.py", str(out)])
    assert make_site.main() == 0
    for language in pages.LANGUAGES:
        for name in make_site.listed():
            text = (out / language / f"{name}.html").read_text(encoding="utf-8")
            fetched = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]*)|<link[^>]* href=\"([^\"]*)", text)
            assert not [place for pair in fetched for place in pair if "//" in place], name
            assert f'lang="{language}"' in text
    search = (out / "ja/searchindex.js").read_text(encoding="utf-8")
    assert all(json.dumps(pair) in search for pair in ("損失", "失ス", "スパ", "パイ", "イク"))  # 損失スパイク is found
    assert "splitQuery" in (out / "ja/_static/language_data.js").read_text(encoding="utf-8")  # the query, too
    told = (out / "llms.txt").read_text(encoding="utf-8")
    assert all((out / place).exists() for place in re.findall(r"\]\(([^)]+)\)", told))
    with (docs / "guard.md").open("a") as page:
        page.write("\n[lost](check.md#no-such-place)\n")
    capfd.readouterr()
    assert make_site.main() == 1
    assert re.search(r"guard\.md.*no-such-place", capfd.readouterr().err)
    assert (out / "llms.txt").exists()  # what stood there before
