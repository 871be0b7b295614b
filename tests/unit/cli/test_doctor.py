"""`newllm doctor` on the founding curve, on hostile logs, and on runs that go on."""

import csv
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.checksum import opened, read_checked, write_checked
from newllm.messages import catalogue

DECLINE = [round(value, 4) for value in np.linspace(7.0, 5.8, 16)]
FOUNDING = [*DECLINE, 5.7692, 5.7692, 11.1040, 14.7028, 10.5887, 6.5873, 5.6552]
HOSTILE = '\x1b[2J\x1b]0;owned\x07[red]loss[/red]\u202e"><script>alert(1)</script>'
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _write(path: Path, values, *, name: str = "loss", axis: str = "epoch") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([axis, name])
        rows.writerows((at, f"{value:.4f}") for at, value in enumerate(values, 1))
    return path


@pytest.fixture
def founding(tmp_path: Path) -> Path:
    return _write(tmp_path / "founding.csv", FOUNDING)


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).normal(0, 0.01, 60)
    return _write(tmp_path / "healthy.csv", 2 + 3 * np.exp(-np.arange(60) / 12) + noise)


def _object(out: str) -> dict:
    assert out.count("\n") == 1

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no strict JSON")

    return json.loads(out, parse_constant=refuse)


def test_the_founding_curve_as_json(call, founding) -> None:
    done = call("doctor", founding, "--json")
    told = _object(done.out)
    assert (done.code, done.err) == (1, "")
    assert told.keys() == {"schema", "run", "judged", "findings", "left_out", "remarks"}
    assert (told["schema"], told["run"], told["left_out"]) == (1, str(founding), [])
    keys = {"kind", "severity", "first_step", "last_step", "confidence", "evidence", "alternatives", "candidate_causes"}
    assert all(finding.keys() >= keys for finding in told["findings"])
    places = {finding["kind"]: (finding["first_step"], finding["last_step"]) for finding in told["findings"]}
    assert places["spike"] == (19, 22)
    assert places["repeated-loss"] == (17, 18)
    assert places["worse-than-untrained"][0] in (19, 20)


def test_the_founding_curve_as_a_page(call, founding) -> None:
    done = call("doctor", founding)
    assert done.code == 1
    for part in ("23 points (epochs 1 to 23)", "Something is", "spike  epochs 19 to 22", "14.7 ┤", "19-22", "evidence"):
        assert part in done.out
    assert not re.search(r" $", done.out, re.M)
    assert not CONTROL.search(done.out)


def test_a_named_cause_stands_before_what_shows_it_and_possible_ones_behind(call, founding, tmp_path) -> None:
    with (tmp_path / "jump.csv").open("w", encoding="utf-8") as file:
        file.write("step,loss,learning_rate\n")
        for step in range(1, 301):
            high = 150 <= step < 153
            loss = 2 + np.exp(-step / 40) + 0.01 * np.sin(7.0 * step) + 6 * (150 < step < 158)
            file.write(f"{step},{loss:.4f},{0.3 if high else 0.003}\n")
    for log, is_named in ((tmp_path / "jump.csv", True), (founding, False)):
        page = call("doctor", log).out
        first = page[page.index("▲ warning") :].split("▲ warning")[1]
        assert (first.index("likely cause") < first.index("┤")) is is_named
        assert ("unknown: nothing in this log proves one" in first) is not is_named
        assert first.count("likely cause") == 1


def test_python_says_the_same_and_writes_nothing(call, founding) -> None:
    diagnosis = newllm.doctor(founding)
    assert json.loads(json.dumps(diagnosis.as_dict())) == _object(call("doctor", founding, "--json").out)
    assert diagnosis.wrong
    assert (diagnosis.path, diagnosis.trace.axis) == (founding, "epoch")
    assert {item.name for item in founding.parent.iterdir()} == {"founding.csv", "here"}


def test_a_vocabulary_makes_it_worse_than_uniform(call, founding) -> None:
    told = _object(call("doctor", founding, "--vocab", 1000, "--json").out)
    assert "worse-than-uniform" in {finding["kind"] for finding in told["findings"]}
    assert newllm.doctor(founding, vocabulary=1000).facts.vocabulary == 1000


def test_a_healthy_run(call, healthy) -> None:
    done = call("doctor", healthy)
    assert done.code == 0, done.out
    assert "Nothing wrong found in 60 points" in done.out
    assert "⠤" in done.out or "⣀" in done.out  # the loss is drawn all the same
    assert call("doctor", healthy, "--quiet").out == ""
    assert _object(call("doctor", healthy, "--json").out)["findings"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("foo\n" + "1.5\n" * 9, "no loss among 'foo' (--loss COLUMN says which it is)"),
        ("step,loss\n1,2.5\n2,2.4\n", "only 2 points of 'loss' (give a log with 5 or more)"),
    ],
)
def test_what_could_not_be_judged_is_no_healthy_run(call, tmp_path, content, said) -> None:
    log = tmp_path / "log.csv"
    log.write_text(content)
    line = f"Nothing could be judged: {said}."
    page, told, quiet = call("doctor", log), call("doctor", log, "--json"), call("doctor", log, "--quiet")
    assert page.code == told.code == quiet.code == 2
    assert line in " ".join(page.out.split())
    assert told.err == quiet.err == f"newllm: {line}\n"
    assert (_object(told.out)["judged"], quiet.out) == (False, "")
    html = tmp_path / "page.html"
    assert call("doctor", log, "--html", html).code == 2
    assert 'class="verdict good"' not in html.read_text()


def test_quiet_is_a_line_for_each_finding(call, founding) -> None:
    done = call("doctor", founding, "--quiet")
    assert done.code == 1
    assert all(re.match(r"(warning|fault): [a-z-]+: ", line) for line in done.out.splitlines())
    assert any("spike: epochs 19 to 22" in line for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{here}/none.csv"], "none.csv"),
        (["{here}/empty.csv"], "empty.csv"),
        (["{here}/nothing"], "nothing"),
        (["{here}/ok.csv", "{here}/none.csv"], "none.csv"),
        (["{here}/noise.bin"], "noise.bin"),
        (["{here}/ok.csv", "--vocab", "1"], "vocabulary of 1: it must be at least 2"),
        (["{here}/ok.csv", "--vocab", "many"], "--vocab: invalid int value: 'many'"),
        (["{here}/ok.csv", "--html", "{here}/ok.csv"], "exists and is no page of newllm doctor"),
        (["{here}/ok.csv", "--html", "{here}/nothing"], "exists and is no page of newllm doctor"),
        (["{here}/ok.csv", "--html", "{here}/absent/page.html"], "there is no directory"),
        (["{here}/ok.csv", "--html", f"{{here}}/{'x' * 300}.html"], "choose a place that you own"),
        (["{here}/none.csv", "--watch"], "none.csv"),
        (["{here}/ok.csv", "--vocabulary", "7"], "did you mean --vocab?"),
        ([], "RUN_OR_LOG"),
    ],
)
def test_a_mistake_is_one_line(refused, tmp_path, arguments, said) -> None:
    _write(tmp_path / "ok.csv", FOUNDING)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 8)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert said in refused("doctor", *(item.format(here=tmp_path) for item in arguments))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_hostile_log_reaches_neither_terminal_nor_page(call, tmp_path) -> None:
    log = _write(tmp_path / "a\x1b[31m\u202eb.csv", FOUNDING, name=HOSTILE)
    page = tmp_path / "page.html"
    done = call("doctor", log, "--html", page)
    assert not CONTROL.search(done.out)
    assert r"\x1b[31m\u202eb.csv" in done.out.replace("\n", "")
    assert not CONTROL.search(page.read_text())
    assert "<script" not in page.read_text()
    told = call("doctor", log, "--json")
    assert told.out.isascii()
    assert json.loads(told.out)["run"] == str(log)
    assert not CONTROL.search(call("doctor", log, "--quiet").out)
    missing = call("doctor", tmp_path / "no\x1b[31m\u202e\nb.csv")
    nowhere = call("doctor", log, "--html", tmp_path / "no\x1b[31m\u202e\nb" / "page.html")
    for mistake in (missing, nowhere):
        assert mistake.code == 2
        assert mistake.err.count("\n") == 1
        assert not CONTROL.search(mistake.err)


@pytest.mark.skipif(sys.platform != "linux", reason="only there may a name hold any byte")
def test_a_name_that_is_no_text(tmp_path) -> None:
    log = os.fsdecode(os.fsencode(tmp_path) + b"/lo\xffss.csv")
    _write(Path(log), FOUNDING)
    done = _process("doctor", log)
    assert done.returncode == 1, done.stderr
    assert "\\udcff" in done.stdout.decode().replace("\n", "")
    done = _process("doctor", log, "--json", "--html", str(tmp_path / "page.html"))
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["run"].endswith("ss.csv")


def test_a_page_is_written_and_written_again(call, founding, tmp_path) -> None:
    page = tmp_path / "page.html"
    assert call("doctor", founding, "--html", page, "--quiet").code == 1
    first = page.read_text()
    assert "spike" in first
    assert call("doctor", founding, "--html", page, "--quiet").code == 1
    assert page.read_text() == first


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_every_width(call, founding, monkeypatch, width) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = call("doctor", founding).out
    place, *lines = out.splitlines()
    assert place == str(founding)
    assert max(map(len, lines)) <= min(width, 120)
    assert "spike" in out


def _process(*arguments, **environment) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "newllm.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment}, timeout=60)


def test_an_encoding_without_braille(founding) -> None:
    done = _process("doctor", str(founding), PYTHONIOENCODING="ascii")
    assert done.returncode == 1, done.stderr
    assert b"14.7 |" in done.stdout
    assert done.stdout.isascii()


def test_a_reader_that_goes_away(founding) -> None:
    place = founding.parent / "/".join(["a directory of a long name"] * 8)
    place.mkdir(parents=True)
    founding = founding.rename(place / founding.name)
    command = f"'{sys.executable}' -m newllm.cli.main doctor '{founding}' | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert (done.stdout.decode().strip(), done.stderr) == (str(founding), b"")


def test_no_torch(founding) -> None:
    code = (
        "import sys, newllm\n"
        f"assert newllm.doctor({str(founding)!r}).findings\n"
        "import newllm.cli.doctor_page, newllm.cli.doctor_watch, newllm.report\n"
        "slow = {'torch', 'matplotlib', 'scipy', 'pandas'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_run_of_ours_gets_its_findings(call, run) -> None:
    told = _object(call("doctor", run, "--json").out)
    assert opened((run / "findings.json").read_text()) == told
    assert told["run"] == str(run)
    assert call("doctor", run, "--quiet").code in (0, 1)  # written again, over its own


def test_damaged_files_of_a_run_are_passed_over_and_said(call, run) -> None:
    (run / "config.toml").write_text("model = [")
    (run / "data.json").write_bytes(b"\xff\xfe{")
    (run / "summary.json").write_text("[" * 100_000)
    (run / "recording.json").write_text('{"vocabulary": "many", "layers": [1, {"name": "a"}, {"name": 3}]}')
    done = call("doctor", run, "--json")
    assert done.code in (0, 1)
    left_out = _object(done.out)["left_out"]
    for name in ("config.toml", "data.json", "summary.json"):
        assert any(f"'{name}'" in line for line in left_out), left_out
    facts = newllm.doctor(run).facts
    assert (facts.vocabulary, [layer.name for layer in facts.layers]) == (None, ["a"])


def test_a_run_whose_place_may_not_be_written(call, run) -> None:
    (run / "findings.json").mkdir()
    done = call("doctor", run, "--json")
    assert done.code in (0, 1)
    assert "findings.json" in done.err
    assert done.err.count("\n") == 1
    _object(done.out)


def _until(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def watching(tmp_path: Path):
    """Start `newllm doctor --watch` and end it whatever happens."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        out = tmp_path / f"out-{len(started)}"
        with out.open("wb") as file:
            command = [sys.executable, "-m", "newllm.cli.main", "doctor", *arguments, "--watch"]
            started.append(subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE))
        return started[-1], out

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_watching_a_growing_log_to_ctrl_c(watching, tmp_path) -> None:
    import signal

    log = _write(tmp_path / "log.csv", FOUNDING[:16])
    process, out = watching(str(log))
    _until(lambda: b"Nothing wrong" in out.read_bytes())
    with log.open("a") as file:
        file.writelines(f"{at},{value:.4f}\n" for at, value in enumerate(FOUNDING[16:], 17))
    _until(lambda: b"spike" in out.read_bytes())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    told = out.read_text()
    assert told.count("Something is") == 1  # the whole page at the end
    assert "warning: spike: epochs 19 to 22" in told or "fault: spike: epochs 19 to 22" in told


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch):
    """Have a watch look again at once; `looks(action)` does the action after the third look, and gives the looks."""

    def after(action):
        done: list[float] = []

        def sleep(seconds: float) -> None:
            done.append(seconds)
            if len(done) == 3:
                action()
            assert len(done) < 10, "it does not end"

        monkeypatch.setattr("newllm.cli.doctor_watch.time.sleep", sleep)
        return done

    return after


def test_watching_a_run_ends_with_it(call, run, looks) -> None:
    summary = run / "summary.json"
    ended = read_checked(summary)
    write_checked(summary, ended | {"status": "running"})
    done = looks(lambda: write_checked(summary, ended))
    told = call("doctor", run, "--json", "--watch")
    assert len(done) == 3
    assert told.code in (0, 1)
    assert _object(told.out)["run"] == str(run)


def test_watching_what_a_recorder_wrote_ends_with_it(call, tmp_path, looks) -> None:
    (tmp_path / "recorded").mkdir()
    log = _write(tmp_path / "recorded" / "log.csv", FOUNDING)
    recording = log.parent / "recording.json"
    recording.write_text('{"schema": 1, "ended": false}')
    done = looks(lambda: recording.write_text('{"schema": 1, "ended": true}'))
    assert call("doctor", log.parent, "--watch").code == 1
    assert len(done) == 3


@pytest.fixture
def begun(run: Path) -> Path:
    """A run that has only just begun: it says so, and has no step."""
    summary = run / "summary.json"
    write_checked(summary, read_checked(summary) | {"status": "running"})
    for trace in run.glob("trace.*"):
        trace.unlink()
    return run


def test_a_run_that_has_only_just_begun(refused, begun) -> None:
    line = f"newllm: '{begun}' has not recorded a step yet: try again later, or --watch"
    assert refused("doctor", begun) == line
    (begun / "trace.jsonl").touch()
    assert refused("doctor", begun) == line
    (begun / "trace.jsonl").write_text('{"st')
    assert refused("doctor", begun) == line
    assert not (begun / "findings.json").exists()


def test_a_run_that_ended_before_its_first_step(refused, begun) -> None:
    summary = begun / "summary.json"
    write_checked(summary, read_checked(summary) | {"status": "failed"})
    said = f"newllm: '{begun}' ended before its first step: there is nothing to judge"
    assert refused("doctor", begun) == refused("doctor", begun, "--watch") == said


@pytest.mark.slow
def test_watching_waits_for_the_first_step(watching, begun) -> None:
    process, out = watching(str(begun))
    _until(lambda: b"waiting for the first step" in out.read_bytes())
    lines = "".join(f'{{"step": {at}, "loss": {value}}}\n' for at, value in enumerate(FOUNDING, 1))
    (begun / "trace.jsonl").write_text(lines)
    _until(lambda: b"spike" in out.read_bytes())
    assert process.poll() is None
    summary = begun / "summary.json"
    write_checked(summary, read_checked(summary) | {"status": "finished"})
    assert process.wait(30) == 1


def test_watching_in_vain_ends_with_ctrl_c_in_one_line(watching, begun) -> None:
    import signal

    process, out = watching(str(begun))
    _until(lambda: b"waiting" in out.read_bytes())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 2
    assert process.stderr is not None
    assert process.stderr.read().decode() == f"newllm: '{begun}' has not recorded a step: nothing to judge was seen\n"


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")
def test_watching_on_a_terminal(tmp_path) -> None:
    import pty
    import signal

    log = _write(tmp_path / "log.csv", FOUNDING, name=HOSTILE)
    here, there = pty.openpty()
    command = [sys.executable, "-m", "newllm.cli.main", "doctor", str(log), "--watch"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"}
    process = subprocess.Popen(command, stdout=there, stderr=there, env=environment)
    os.close(there)
    shown = b""
    alarm = threading.Timer(60, process.kill)  # then the reads below end
    alarm.start()
    try:
        while b"Ctrl-C ends" not in shown:
            shown += os.read(here, 65536)
        process.send_signal(signal.SIGINT)
        try:
            while part := os.read(here, 65536):
                shown += part
        except OSError:
            pass  # the other end is closed
        assert process.wait(30) == 130
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        os.close(here)
    text = shown.decode()
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x1b[2J\x1b]0" not in text
    assert "\u202e" not in text
    assert "\x1b[?25h" in text  # the cursor is back


def test_another_language_is_chosen_by_the_option_alone(call, refused, founding, monkeypatch) -> None:
    english = call("doctor", founding)
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert call("doctor", founding) == english
    done = call("doctor", founding, "--lang", "ja", "--html", "page.html")
    assert (done.code, done.err) == (english.code, "")
    assert catalogue("ja")("term-spike") in done.out
    assert '<html lang="ja">' in Path("page.html").read_text(encoding="utf-8")
    assert call("doctor", founding, "--html", "page.html").code == english.code  # over a page in another language
    assert call("doctor", founding, "--lang", "ja", "--json") == call("doctor", founding, "--json")
    assert "警告" in call("doctor", founding, "--lang", "ja", "--quiet").out
    assert refused("doctor", founding, "--lang", "jp").startswith("newllm: unknown language 'jp'")


def test_in_japanese_what_could_not_be_judged_is_said_in_japanese(call, tmp_path) -> None:
    (tmp_path / "short.csv").write_text("step,loss\n1,2\n2,3\n")
    done = call("doctor", tmp_path / "short.csv", "--quiet", "--lang", "ja")
    assert done.code == 2
    assert done.err.startswith("newllm: 何も判定できない。「loss」の点が2個しかない")
