"""`newllm report` on real runs and logs: where the page goes, what is said, what is refused."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from newllm.files import to_json

FOUNDING = [*np.linspace(7.0, 5.8, 16).round(4), 5.7692, 5.7692, 11.1040, 14.7028, 10.5887, 6.5873, 5.6552]


@pytest.fixture
def founding(tmp_path: Path) -> Path:
    place = tmp_path / "founding.csv"
    place.write_text("epoch,loss\n" + "".join(f"{at},{value:.4f}\n" for at, value in enumerate(FOUNDING, 1)))
    return place


def test_the_page_of_a_run_goes_into_it(call, run) -> None:
    done = call("report", run)
    page = run / "report.html"
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{page} ({page.stat().st_size / 1e3:.0f} kB)\n"
    text = page.read_text(encoding="utf-8")
    for part in ("<h1>run</h1>", 'id="curves"', 'id="layers"', 'id="data"', 'id="configuration"', "finished"):
        assert part in text
    assert call("report", run, "--quiet") == type(done)(0, "", "")  # over the page that it wrote itself


def test_the_page_of_a_log_goes_here_and_shows_the_founding_spike(call, founding) -> None:
    done = call("report", founding)
    assert (done.code, done.err, done.out.split(" ")[0]) == (0, "", "founding.report.html")
    text = Path("founding.report.html").read_text(encoding="utf-8")
    for part in ("founding.csv", "at epoch 20", "epochs 19 to 22", "Something is doubtful", "14.703"):
        assert part in text
    assert {item.name for item in founding.parent.iterdir()} == {"founding.csv", "here"}


def test_it_is_told_as_json(call, run, founding) -> None:
    (run / "data.json").write_text("{torn")
    done = call("report", run, founding, "--json")
    told = json.loads(done.out)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert told.keys() == {"schema", "page", "bytes", "runs"}
    assert (told["schema"], told["page"], told["bytes"]) == (1, "report.html", Path("report.html").stat().st_size)
    assert [one.keys() for one in told["runs"]] == [{"run", "findings", "problems"}] * 2
    assert [one["run"] for one in told["runs"]] == [str(run), str(founding)]
    assert [one.split(" (")[0] for one in told["runs"][0]["problems"]] == ["'data.json' is damaged"]
    assert told["runs"][1]["findings"] > 1


def test_what_could_not_be_read_is_said_beside_the_page(call, run) -> None:
    (run / "summary.json").write_text("[]")
    done = call("report", run)
    assert done.code == 0
    assert done.err == f"newllm: note: {run}: 'summary.json' is damaged (no object)\n"


def test_several_runs_share_a_page_with_their_comparison_first(call, run, tmp_path) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    call("report", run, other, "--out", tmp_path / "both.html")
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert text.index('id="comparison"') < text.index('id="run-1-run"') < text.index('id="run-2-run"')
    assert not (run / "report.html").exists()


def test_a_page_in_japanese(call, founding) -> None:
    call("report", founding, "--lang", "ja")
    assert '<html lang="ja">' in Path("founding.report.html").read_text(encoding="utf-8")


def test_a_study_has_a_page_of_its_own(call, refused, tmp_path, run) -> None:
    study = tmp_path / "study"
    study.mkdir()
    claim = {"id": "one", "text": "It spikes.", "verdict": "holds"}
    (study / "results.json").write_text(to_json({"study": "mine", "arms": [], "rows": [], "claims": [claim]}))
    call("report", study)
    assert "It spikes." in (study / "report.html").read_text(encoding="utf-8")
    assert refused("report", study, run).endswith("is a study, which has a page of its own: give it alone")


@pytest.mark.parametrize(
    "content",
    ["<html>mine</html>", '<!doctype html>\n<html lang="en">\n<meta name="generator" content="newllm doctor">\n'],
)
def test_only_a_page_of_its_own_is_written_over(refused, founding, content: str) -> None:
    Path("page.html").write_text(content)
    said = refused("report", founding, "--out", "page.html")
    assert said == "newllm: 'page.html' exists and is no page of newllm report: choose another --out, or move it away"
    assert Path("page.html").read_text() == content


def test_a_page_of_someone_elses_where_none_was_asked_for_stays_too(refused, founding) -> None:
    Path("founding.report.html").write_text("mine")
    assert "'founding.report.html' exists and is no page of newllm report" in refused("report", founding)


@pytest.mark.parametrize("out", ["absent/page.html", ".", "link"])
def test_a_place_that_cannot_be_is_refused_before_anything_is_read(refused, out: str) -> None:
    Path("link").symlink_to("nowhere")
    said = refused("report", "no-such-run", "--out", out)
    assert f"'{out}'" in said
    assert "no-such-run" not in said


def test_mistakes_are_one_line(refused, tmp_path) -> None:
    assert "cannot read 'nothing'" in refused("report", "nothing")
    assert "RUN_OR_LOG" in refused("report")
    (tmp_path / "log.csv").write_text("epoch,loss\n1,2\n")
    assert "unknown language 'jp'" in refused("report", tmp_path / "log.csv", "--lang", "jp")
    (tmp_path / "story.txt").write_text("once upon a time\nthere was\n")
    assert "story.txt" in refused("report", tmp_path / "story.txt")


def test_it_needs_no_torch_no_matplotlib_and_little_time(process, run) -> None:
    program = (
        "import sys; from newllm.cli.main import main; code = main(sys.argv[1:]); "
        "sys.exit(code or ('torch' in sys.modules) or 2 * ('matplotlib' in sys.modules))"
    )
    began = time.process_time()
    done = process("-c", program, "report", run)
    assert (done.returncode, done.stderr) == (0, b"")
    assert time.process_time() - began < 5
