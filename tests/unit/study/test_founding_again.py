"""`python -m studies.founding`: a claim that is added gets its decision from the stored rows, on both pages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from studies.founding import STUDY
from studies.founding.page import PAGES

from newllm.study import load_results

FOLDER = Path(__file__).parents[3] / "studies/founding"
FIFTEENTH = """CLAIMS += (
    _claim(15, "The baseline ends below a training loss of 4.2.", "Share of its runs that do.",
           (BASELINE,), lambda rows: verdicts.Decision(
               "holds", {"share": sum(row["last_train"] < 4.2 for row in rows[BASELINE]) / len(rows[BASELINE])})),
)
"""
SENTENCE, MEASURE = "ベースラインの最後の訓練損失は4.2より低い。", "そのような実行の割合。"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the study's folder that Python imports in place of ours."""
    return Path(shutil.copytree(FOLDER, tmp_path / "studies/founding", ignore=shutil.ignore_patterns("__pycache__")))


def decided_again(folder: Path) -> subprocess.CompletedProcess[str]:
    """Call the command in the directory that holds `studies`."""
    paths = os.pathsep.join(path for path in sys.path if path and not (Path(path) / "studies").is_dir())
    return subprocess.run(
        [sys.executable, "-m", "studies.founding"],
        cwd=folder.parents[1], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def add_claim(folder: Path, japanese: bool) -> None:
    with (folder / "claims.py").open("a", encoding="utf-8") as file:
        file.write(FIFTEENTH)
    if japanese:
        labels = folder / "labels.ja.toml"
        text = labels.read_text("utf-8")
        for table, words in (("claim_texts", SENTENCE), ("claim_measures", MEASURE)):
            text = text.replace(f"[{table}]\n", f'[{table}]\n15 = "{words}"\n')
        labels.write_text(text, "utf-8")


@pytest.mark.slow
def test_without_a_change_every_file_stays_as_it_is(copied: Path) -> None:
    done = decided_again(copied)
    rows = load_results(FOLDER / "results.json")["rows"]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(STUDY.claims)} claims decided from {len(rows)} stored rows: nothing was run\n"
    for file in FOLDER.iterdir():
        if file.suffix in (".md", ".csv", ".json", ".toml"):
            assert (copied / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.slow
def test_a_new_claim_is_decided_without_a_run_and_stands_on_both_pages(copied: Path) -> None:
    add_claim(copied, japanese=True)
    done = decided_again(copied)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "15 claims decided from 410 stored rows: nothing was run",
        "claim 15: holds, new",
    ]
    claims = load_results(copied / "results.json")["claims"]
    assert [claim["id"] for claim in claims] == [str(number) for number in range(1, 16)]
    assert claims[:14] == load_results(FOLDER / "results.json")["claims"]
    baseline = [row["last_train"] for row in load_results(FOLDER / "results.json")["rows"] if row["arm"] == "baseline"]
    assert claims[14]["numbers"] == {"share": sum(loss < 4.2 for loss in baseline) / len(baseline)}
    english, japanese = ((copied / name).read_text("utf-8") for name in PAGES)
    assert "- The 15 claims: 2 that hold" in english
    assert "### 15. The baseline ends below a training loss of 4.2.\n\n**holds**" in english
    assert f"### 15. {SENTENCE}\n\n**成り立つ**" in japanese
    assert MEASURE in japanese
    assert "The baseline ends below" in (copied / "claims.md").read_text("utf-8")


@pytest.mark.slow
def test_a_claim_without_japanese_words_is_told_in_one_line(copied: Path) -> None:
    add_claim(copied, japanese=False)
    done = decided_again(copied)
    assert done.returncode == 2
    assert done.stderr == "error: studies/founding/labels.ja.toml: [claim_texts] has no '15': write it there\n"
