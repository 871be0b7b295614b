"""What a run packed for an issue holds, and what it must not."""

import json
import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from newllm.api import doctor
from newllm.checksum import opened, sealed
from newllm.demo import demo_run
from newllm.errors import UserError
from newllm.files import parse_toml
from newllm.messages import catalogue
from newllm.report.pack import pack
from newllm.report.pack.paths import Paths
from newllm.report.source import read_source
from newllm.trace import TraceWriter

EN = catalogue("en")
SECRET = "/home/marie/acme/Secret Novel.txt"
CONFIG = f"""schema = 1
preset = "tiny"  # of /home/marie/presets/tiny

[data]
texts = [
    "{SECRET}",
    "clients/acme/letters.txt",
    "hf:owner/name",
]
tokenizer = 'C:\\Users\\marie\\words'
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    place = tmp_path / "runs" / "my run"
    (place / "snapshots" / "step-1").mkdir(parents=True)
    (place / "snapshots" / "step-1" / "model.safetensors").write_text("weights")
    (place / "trackers").mkdir()
    (place / "trackers" / "wandb.json").write_text("a key")
    for name in ("tokenizer.json", "standard-input.txt", "report.html", ".lock"):
        (place / name).write_text("mine")
    (place / "config.toml").write_text(CONFIG)
    data = {"schema": 1, "sources": [{"name": SECRET, "sha256": "0", "bytes": 3}]}
    (place / "data.json").write_text(json.dumps(data))
    (place / "summary.json").write_bytes(sealed({"schema": 1, "message": f"cannot read '{SECRET}' (gone)", "step": 3}))
    (place / "check.json").write_text(json.dumps({"schema": 1, "file": "/home/marie/acme/train.py"}))
    sample = {"step": 0, "prompt": "/a/b/c", "text": "it was"}
    (place / "samples.jsonl").write_text(f"{json.dumps(sample)}\n")
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, 60):
            writer.write(step, loss=4.0 - step / 100)
    return place


def packed(*runs: Path, to: Path) -> Path:
    """Pack runs, and unpack them."""
    made = pack(runs, read_source, EN)
    with zipfile.ZipFile(BytesIO(made.content)) as archive:
        assert {entry.filename: entry.file_size for entry in archive.infolist()} == made.files
        archive.extractall(to)
    return to / made.name


def test_nobody_gets_weights_texts_keys_or_paths(run, tmp_path):
    place = packed(run, to=tmp_path / "theirs")
    names = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert names == {
        "README.txt", "report.html", "config.toml", "data.json", "check.json", "summary.json", "samples.jsonl",
        "trace.jsonl",
    }  # fmt: skip
    for path in place.rglob("*.*"):
        text = path.read_text()
        for private in ("marie", "acme", str(tmp_path), str(Path.home())):
            assert private not in text, path
    config = parse_toml((place / "config.toml").read_text())
    assert config["data"] == {"texts": ["Secret Novel.txt", "letters.txt", "hf:owner/name"], "tokenizer": "words"}
    assert "# of tiny" in (place / "config.toml").read_text()
    assert '"sha256"' in (place / "summary.json").read_text()  # of what it says now
    assert opened((place / "summary.json").read_text()) == {
        "schema": 1, "message": "cannot read 'Secret Novel.txt' (gone)", "step": 3,
    }  # fmt: skip
    assert (place / "samples.jsonl").read_bytes() == (run / "samples.jsonl").read_bytes()  # its checksums hold


def test_what_is_unpacked_is_a_run_that_reads_as_it_was(tmp_path):
    run = demo_run("founding-baseline")
    place = packed(run, to=tmp_path)
    before, after = read_source(run), read_source(place)
    assert after.problems == before.problems == ()
    assert [one.kind for one in after.findings] == [one.kind for one in before.findings]
    assert after.replays[0].verdict == before.replays[0].verdict
    assert len(after.replays[0].followed) == len(before.replays[0].followed) > 0
    assert doctor(place).as_dict() == doctor(run).as_dict() | {"run": str(place)}
    assert "demo:" not in (place / "report.html").read_text()


def test_the_same_run_gives_the_same_bytes(run):
    first = pack([run], read_source, EN)
    os.utime(run / "report.html")
    assert pack([run], read_source, EN).content == first.content
    (run / "summary.json").write_bytes(sealed({"schema": 1, "step": 4}))
    assert pack([run], read_source, EN).content != first.content


def test_of_several_verdicts_the_newest_stays_the_newest(tmp_path):
    run, sealed_verdict = tmp_path / "run", (demo_run("founding-baseline") / "replays/step-00000039/verdict.json")
    verdict = opened(sealed_verdict.read_text())
    for at, name in enumerate(("step-2", "step-3", "step-1")):
        file = run / "replays" / name / "verdict.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(verdict))
        os.utime(file, (10**9 + at, 10**9 + at))
    (run / "config.toml").write_text("schema = 1\n")
    made = pack([run], read_source, EN)
    with zipfile.ZipFile(BytesIO(made.content)) as archive:
        times = {entry.filename: entry.date_time for entry in archive.infolist()}
    newest = sorted((name for name in times if name.endswith("verdict.json")), key=lambda name: times[name])
    assert newest == [f"run/replays/step-{number}/verdict.json" for number in (2, 3, 1)]


def test_several_runs_are_compared_and_each_has_a_name(run, tmp_path):
    other = tmp_path / "other" / "my run"
    other.mkdir(parents=True)
    (other / "trace.jsonl").write_bytes((run / "trace.jsonl").read_bytes())
    place = packed(run, other, to=tmp_path / "theirs")
    assert {path.name for path in place.iterdir()} == {"README.txt", "report.html", "my_run", "my_run-2"}
    assert 'id="comparison"' in (place / "report.html").read_text()
    assert "newllm report runs/my_run runs/my_run-2" in (place / "README.txt").read_text()


def test_no_link_is_followed_and_a_damaged_file_is_packed_as_it_is(run, tmp_path):
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    (run / "findings.json").symlink_to(tmp_path / "secret.json")
    (run / "replays").symlink_to(tmp_path)
    (run / "data.json").write_bytes(b'{"torn": "/home/marie/x", \xff')
    made = pack([run], read_source, EN)
    said = [str(problem.sentence) for problem in made.problems[0]]
    assert sum("link" in one for one in said) == 2
    with zipfile.ZipFile(BytesIO(made.content)) as archive:
        assert "my_run/findings.json" not in archive.namelist()
        assert archive.read("my_run/data.json") == b'{"torn": "x", \xff'


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss\n1,2\n")
    (tmp_path / "empty").mkdir()
    for name, said in (("log.csv", "is a log"), ("empty", "is no run"), ("nothing", "no such file")):
        with pytest.raises(UserError, match=said):
            pack([tmp_path / name], read_source, EN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see /home/me/a.txt, or ~/b/c.txt", "see a.txt, or c.txt"),
        (r"C:\Users\me\a.txt", "a.txt"),
        ("/home/me/My Books/a.txt", "a.txt"),
        ("file:///home/me/a.txt", "a.txt"),
        ("../me/a.txt", "../me/a.txt"),  # of no text: it tells little
        ("bits/byte, 1/2/3 and runs/a/b", "bits/byte, 1/2/3 and runs/a/b"),
        ("https://host/place/a.txt", "https://host/place/a.txt"),
        ("context_norm/position-1", "context_norm/position-1"),
        ("texts/mine.txt is short", "mine.txt is short"),
    ],
)
def test_what_is_a_path(text, said):
    assert Paths(["texts/mine.txt", "hf:owner/name"]).text(text) == said
