"""`newllm check FILE.py:FUNCTION`."""

import json
import sys
from pathlib import Path

import pytest

from newllm.checksum import read_checked
from newllm.cli.main import main
from newllm.trace import TraceWriter

SOUND = """
import torch
from torch import nn
from torch.nn import functional as F


def loss(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    return model, torch.optim.Adam(model.parameters(), 1e-2), loss, (torch.randn(16, 10), torch.randint(0, 3, (16,)))


def named():
    return dict(zip(("model", "optimizer", "loss", "batch"), parts()))


def misnamed():
    return named() | {"tokeniser": None}


def headless():
    return {name: value for name, value in named().items() if name != "model"}


def three():
    return parts()[:3]


def twice():
    model, optimizer, _, batch = parts()
    return model, optimizer, lambda model, batch: F.cross_entropy(model(batch[0]).softmax(-1), batch[1]), batch
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SOUND)
    return path


@pytest.mark.parametrize("function", ["parts", "named"])
def test_a_sound_training_ends_with_0(file: Path, function: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:{function}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Check before training: Nothing is wrong, ")
    assert "✔ Can one batch be learnt?" in said


def test_a_file_may_import_its_neighbours(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    file.rename(file.with_name("neighbour_of_train.py"))
    file.write_text("def parts():\n    from neighbour_of_train import named\n\n    return named()\n")
    assert main(["check", f"{file}:parts"]) == 0
    assert capsys.readouterr().out.startswith("Check before training: Nothing is wrong, ")


def test_what_is_wrong_comes_first_with_what_to_do(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:twice"]) == 1
    head, title, sentence, *_ = [line for line in capsys.readouterr().out.splitlines() if line]
    assert head.startswith("Check before training: 1 wrong, ")
    assert title == "✖ Is the loss the cross-entropy of the model's output?"
    assert sentence.startswith("  softmax is applied twice: ")


def test_quietly_only_what_is_wrong_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:parts", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", f"{file}:twice", "--quiet"]) == 1
    assert capsys.readouterr().out.startswith("✖ Is the loss the cross-entropy")


def test_what_the_file_prints_is_no_part_of_the_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f'{file.read_text()}\nprint("loading")\n')
    assert main(["check", f"{file}:parts", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["outcomes"]
    assert shown.err == "loading\n"


def test_as_json_it_is_data(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:twice", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == 1
    wrong = [one for one in said["outcomes"] if one["status"] == "wrong"]
    assert [(one["probe"], one["evidence"]["form"]) for one in wrong] == [("loss-form", "softmax-twice")]
    assert wrong[0]["message"]["id"] == "check-loss-form.softmax-twice"
    assert wrong[0]["sentence"].startswith("softmax is applied twice")


def test_in_japanese(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:twice", "--lang", "ja"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("訓練前の検査\uff1a問題1件、")
    assert "最初にすること" in said


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("train.py", "'train.py' names no function: write it as train.py:parts"),
        ("FILE:absent", "has no 'absent': it has "),
        ("FILE:three", "gives 3 things: return model, optimizer, loss, batch"),
        (
            "FILE:misnamed",
            "gives 'tokeniser': the check takes model, optimizer, loss, batch, loader, tokenizer, step, ",
        ),
        ("FILE:headless", "model is of type NoneType: give newllm.check(model, optimizer, loss, batch) with a torch"),
        ("absent.py:parts", "cannot read 'absent.py'"),
    ],
)
def test_mistakes_are_one_line(file: Path, target: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", target.replace("FILE", str(file))]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_seconds_are_a_time(file: Path, seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:parts", f"--seconds={seconds}"]) == 2
    assert "seconds is" in capsys.readouterr().err


def test_what_could_not_be_checked_is_a_line_for_each_reason(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:parts"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    asked = "the order of the data, tokens and classes that never occur, the workers' random numbers, the ranks' shares"
    assert f"give loader= to check: {asked}" in said
    assert said.count("no tokens in the shape of its outputs") == 1
    assert main(["check", f"{file}:parts", "--lang", "ja"]) == 0
    assert "loader=を渡せば調べられるもの" in capsys.readouterr().out


def test_a_printed_report_groups_what_could_not_be_checked_too(file: Path) -> None:
    from newllm.checks import check
    from newllm.checks.sources import objects

    report = check(*objects(str(file), "parts"))
    assert "\ngive loader= to check: the order of the data, tokens and classes that never occur" in str(report)
    assert "\nunchecked: nothing is frozen: frozen parameters that stay" in str(report)
    listed = [probe for group in report.unchecked() for probe in group.probes]
    assert sorted(listed) == sorted(outcome.probe for outcome in report.of("unchecked"))


def test_a_printed_report_says_first_what_is_wrong_and_only_names_what_is_sound(file: Path) -> None:
    from newllm.checks import check
    from newllm.checks.sources import objects

    first, wrong, *rest = str(check(*objects(str(file), "twice"))).split("\n")
    assert "1 wrong" in first
    assert wrong == "wrong: Is the loss the cross-entropy of the model's output?"
    assert "softmax is applied twice" in rest[0]
    assert rest[1].startswith("  Give logits to cross_entropy")
    assert [line for line in rest if line.startswith("sound: finite losses and gradients, ")]


def test_what_was_found_is_kept_with_the_run(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "runs" / "x"
    assert main(["check", f"{file}:twice", "--out", str(run)]) == 1
    assert read_checked(run / "check.json")["outcomes"]
    assert main(["check", f"{file}:parts", "--out", str(run), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert read_checked(run / "check.json")["outcomes"] == shown["outcomes"]


def test_a_run_that_has_begun_keeps_its_own(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.jsonl").write_text("")
    assert main(["check", f"{file}:parts", "--out", str(tmp_path), "--lang", "ja"]) == 0
    shown = capsys.readouterr()
    assert f"「{tmp_path}」では訓練がすでに始まっている" in shown.err
    assert len(shown.err.splitlines()) == 1
    assert "訓練前の検査" in shown.out
    assert not (tmp_path / "check.json").exists()


@pytest.mark.parametrize("recorded", [True, False])
def test_the_doctor_says_that_the_check_had_found_something(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recorded: bool
) -> None:
    run = tmp_path / "x"
    main(["check", f"{file}:twice", "--out", str(run)])
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(1, 60):
            writer.write(step, loss=3.0 - step / 100)
    if recorded:
        (run / "recording.json").write_text('{"schema": 1}')
    page = tmp_path / "page.html"
    capsys.readouterr()
    main(["doctor", str(run), "--html", str(page)])
    line = "The check before training had found something wrong: the form of the loss."
    assert line in capsys.readouterr().out
    assert line in page.read_text()
    (run / "check.json").unlink()
    main(["doctor", str(run)])
    assert "check before training" not in capsys.readouterr().out


def test_of_a_run_that_is_to_begin_the_doctor_says_so_and_the_report_shows_the_check(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "x"
    main(["check", f"{file}:twice", "--out", str(run)])
    capsys.readouterr()
    assert main(["doctor", str(run)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"newllm: '{run}' was checked (1 wrong) and has not been trained: newllm report shows")
    assert main(["report", str(run)]) == 0
    assert "Is the loss the cross-entropy" in (run / "report.html").read_text()
