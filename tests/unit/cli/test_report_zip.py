"""`newllm report --zip`: where the file goes, what is said of it, what is refused."""

import json
import zipfile
from pathlib import Path


def test_what_is_in_it_is_said_before_anybody_shares_it(call, run):
    done = call("report", "--zip", run)
    assert (done.code, done.err) == (0, "")
    file = Path("run.newllm.zip")
    lines = done.out.splitlines()
    assert lines[0] == f"{file} ({file.stat().st_size / 1e3:.0f} kB)"
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    assert [line.split()[-1] for line in lines[1 : len(names) + 1]] == names
    assert lines[len(names) + 1] == "Not in it: weights, tokenizer, training texts."
    assert "wrote, in run/samples.jsonl, run/report.html, may repeat its training text" in done.out
    assert "Of paths only the last part is left" in lines[-1]
    assert call("report", "--zip", run, "--quiet") == type(done)(0, "", "")  # over its own


def test_it_is_told_as_json(call, run):
    told = json.loads(call("report", "--zip", run, "--out", "a.zip", "--json").out)
    assert told.keys() == {"schema", "zip", "bytes", "files", "texts", "runs"}
    assert (told["zip"], told["bytes"]) == ("a.zip", Path("a.zip").stat().st_size)
    assert {"file": "run/README.txt", "bytes": told["files"][0]["bytes"]} == told["files"][0]
    assert told["runs"] == [{"run": str(run), "problems": []}]


def test_who_gets_it_can_unpack_and_diagnose_it(call, run, refused):
    call("report", "--zip", run)
    said = refused("doctor", "run.newllm.zip")
    assert said.endswith("was packed by newllm report --zip: unpack it, and name the run directory in it")
    with zipfile.ZipFile("run.newllm.zip") as archive:
        archive.extractall()
    assert call("doctor", "run", "--json").code == call("doctor", run, "--json").code
    assert call("report", "run").code == 0  # over the report that was packed


def test_mistakes_are_one_line(refused, run, tmp_path):
    Path("run.newllm.zip").write_text("mine")
    assert "'run.newllm.zip' exists and is no file of newllm report --zip" in refused("report", "--zip", run)
    assert Path("run.newllm.zip").read_text() == "mine"
    assert "no directory 'absent'" in refused("report", "--zip", run, "--out", "absent/a.zip")
    assert "--zip packs runs" in refused("report", "--zip", run, "--loss", "loss")
    (tmp_path / "results.json").write_text("{}")
    assert "is a study, which --zip does not pack" in refused("report", "--zip", tmp_path)
