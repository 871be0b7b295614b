"""`newllm.show`, and what ends a cell of a notebook."""

import importlib
import subprocess
import sys

import pytest

import newllm
from newllm.demo import demo_run
from newllm.errors import UserError
from newllm.report.source import read_source
from newllm.trace.rich import Rich


@pytest.fixture
def log(tmp_path):
    place = tmp_path / "metrics.csv"
    place.write_text("step,loss\n" + "".join(f"{step},{4 - step / 100}\n" for step in range(1, 90)))
    return place


def test_a_run_a_log_and_a_study_are_shown_by_their_path(log):
    assert repr(newllm.show("demo:founding-baseline")).startswith("founding-baseline: The training loss spikes")
    assert repr(newllm.show(log)).startswith("metrics.csv: ")
    assert repr(newllm.show("demo:spike-remedies")).startswith("spike-remedies\n")
    assert "比較" in newllm.show(log, "demo:moby-dick", lang="ja").html


def test_a_verdict_shows_itself_and_is_a_verdict_still():
    verdict = read_source(demo_run("founding-baseline")).replays[0].verdict
    assert verdict is not None
    importlib.import_module("newllm.api.replayed")  # which says what draws it

    assert "plain-depth" in (verdict._repr_html_() or "")
    assert repr(newllm.show(verdict, lang="ja")).startswith("ステップ39")
    assert type(verdict).from_dict(verdict.as_dict()) == verdict


def test_a_diagnosis_shows_what_it_found_also_when_the_log_has_gone(log):
    diagnosis = newllm.doctor(log)
    log.unlink()
    shown = diagnosis._repr_mimebundle_()
    assert shown.keys() == {"text/plain", "text/html"}
    assert shown["text/plain"].startswith("metrics.csv: ")
    assert "<iframe" in shown["text/html"]


def test_each_object_that_ends_a_cell_is_rich():
    from newllm.checks import CheckReport

    for kind in (newllm.Diagnosis, newllm.LoadedRun, newllm.TrainedRun, CheckReport):
        assert issubclass(kind, Rich)
        assert kind.show is not Rich.show


def test_a_check_shows_itself():
    import torch

    model, batch = torch.nn.Linear(4, 3), (torch.randn(8, 4), torch.randint(0, 3, (8,)))
    report = newllm.check(
        model, torch.optim.SGD(model.parameters(), 0.1),
        lambda model, batch: torch.nn.functional.cross_entropy(torch.softmax(model(batch[0]), -1), batch[1]), batch,
    )  # fmt: skip
    assert "softmax" in (report._repr_html_() or "")
    assert "softmaxが2回" in repr(newllm.show(report, lang="ja"))


def test_mistakes_say_how_to_fix_them(log):
    verdict = read_source(demo_run("founding-baseline")).replays[0].verdict
    assert verdict is not None
    for call, said in (
        (lambda: newllm.show(), "was given nothing"),
        (lambda: newllm.show("nothing"), "cannot read 'nothing'"),
        (lambda: newllm.show(log, lang="jp"), "unknown language 'jp'"),
        (lambda: newllm.show(log, verdict), "a Verdict is shown alone"),
    ):
        with pytest.raises(UserError, match=said):
            call()


def test_to_show_a_run_needs_no_torch(log):
    program = f"import sys, newllm; newllm.show({str(log)!r})._repr_html_(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
