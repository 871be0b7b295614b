"""A tracker that raises, hangs, dies, refuses or is slow reaches no training, and what it did not take is counted."""

import json
import math
import os
import socket
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from tests.unit.tracking.sinks import KEEPS, calls

from newllm.errors import UserError
from newllm.tracking import Tracking, earlier_trackers, tracker, tracker_names, tracking

SINKS = (
    KEEPS
    + """
import os, sys, time
from newllm.errors import UserError

class RaisesAtStart(Keeps):
    def start(self, start):
        raise OSError(28, "no space left")

class RaisesAtSteps(Keeps):
    def step(self, step, values):
        if step % 2:
            raise RuntimeError("no server\\nhere")
        super().step(step, values)

class RaisesEverywhere(Keeps):
    def put(self, *call):
        if call[0] != "start":
            raise SystemExit(3)
        super().put(*call)
    def flush(self):
        raise RuntimeError("flush")

class HangsAtSteps(Keeps):
    def step(self, step, values):
        time.sleep(3600)

class HangsAtFinish(Keeps):
    def finish(self, status):
        time.sleep(3600)

class Dies(Keeps):
    def step(self, step, values):
        if step == 3:
            os.abort()

class EndsAtOnce(Keeps):
    def check(self):
        os._exit(4)

class Refuses(Keeps):
    def check(self):
        raise UserError("no login: log in")

class IsSlow(Keeps):
    def step(self, step, values):
        time.sleep(0.05)
        super().step(step, values)

class Tells(Keeps):
    def start(self, start):
        return "ui --uri postgresql://me:pass@word@host:5432/base, run https://host/a@b"
    def step(self, step, values):
        raise RuntimeError("request to https://me:pass@host/api failed")

class Asks(Keeps):
    def start(self, start):
        assert sys.stdin.read() == ""
        try:
            os.open("/dev/tty", os.O_RDWR)
        except OSError:
            return super().start(start) + ", no terminal"
        raise AssertionError("a terminal is there")
"""
)


BROKEN_DOCTOR = """
from newllm.api import diagnosed

def broken(path, *, against):
    raise ZeroDivisionError("of the doctor")

diagnosed.doctor = broken
"""


@pytest.fixture(autouse=True)
def sinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made_sinks.py").write_text(SINKS)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def started(run: Path, *kinds: str) -> Tracking:
    made = Tracking([f"made_sinks:{kind}" for kind in kinds])
    made.check()
    made.start(run, {"model": {"width": 8}}, 0)
    return made


def said(made: Tracking) -> list[str]:
    return [str(one) for one in made.news()]


def test_everything_arrives_in_its_order_and_is_said(run: Path) -> None:
    made = started(run, "Keeps")
    made.step(1, {"loss": math.nan, "gradient_norm/a.b": -math.inf})
    made.alert(1, "fault", "title", "text")
    made.text(1, "sample", "the whale")
    (run / "config.toml").write_text("")
    made.file(run / "config.toml")
    made.file(run / "not-there.toml")
    made.back(0)
    made.finish("finished")
    assert said(made) == ["made_sinks:Keeps: look here"]
    got = calls(run)
    assert got[0] == ["start", str(run), {"model": {"width": 8}}, 0, 1]
    assert got[1][:2] == ["step", 1]
    assert math.isnan(got[1][2]["loss"])
    assert got[1][2]["gradient_norm/a.b"] == -math.inf
    assert got[2:] == [
        ["alert", 1, "training", "fault", "title", "text"],
        ["text", 1, "sample", "the whale"],
        ["file", "config.toml"],
        ["back", 0],
        ["finish", "finished"],
    ]
    assert "said on standard output" in (run / "trackers" / "made_sinks.Keeps.log").read_text()


def test_a_run_that_goes_on_gives_the_state_back_and_knows_its_trackers(run: Path) -> None:
    for _ in range(2):
        started(run, "Keeps").finish("finished")
    assert [call[4] for call in calls(run) if call[0] == "start"] == [1, 2]
    assert earlier_trackers(run) == ("made_sinks:Keeps",)
    (run / "trackers" / "made_sinks.Keeps.json").write_text("{")
    assert earlier_trackers(run) == ()
    assert earlier_trackers(run / "elsewhere") == ()


@pytest.mark.parametrize("content", ["[]", "{}", '{"state": 1}', '{"state": {"sessions": 4}}'])
def test_a_state_that_is_damaged_is_none(run: Path, content: str) -> None:
    (run / "trackers").mkdir()
    (run / "trackers" / "made_sinks.Keeps.json").write_text(content)
    started(run, "Keeps").finish("finished")
    assert calls(run)[0][4] == (5 if "sessions" in content else 1)


@pytest.mark.parametrize("name", ["run.program:Sink", "run:Sink", "run.a.b:Sink"])
def test_a_run_brings_no_program_of_its_own(run: Path, name: str) -> None:
    (run / "trackers").mkdir()
    (run / "trackers" / "any.json").write_text(json.dumps({"tracker": name}))
    with pytest.raises(
        UserError, match=f"^tracker '{name}' would be loaded from the run itself: if you .* --track {name}$"
    ):
        earlier_trackers(run)


def test_no_password_is_said(run: Path) -> None:
    made = started(run, "Tells")
    made.step(1, {"loss": 1.0})
    made.finish("finished")
    news = said(made)
    assert "made_sinks:Tells: ui --uri postgresql://***@host:5432/base, run https://host/a@b" in news
    assert any("request to https://***@host/api failed" in one for one in news)
    assert not any("pass" in one for one in news)


@pytest.mark.parametrize(
    ("kind", "dropped", "notice"),
    [
        ("RaisesAtStart", 6, "failed (start), the training goes on: OSError: [Errno 28] no space left"),
        ("RaisesAtSteps", 3, "failed (step), the training goes on: RuntimeError: no server here"),
        ("RaisesEverywhere", 6, "failed (step), the training goes on: SystemExit: 3"),
    ],
)
def test_what_raises_is_said_once_and_counted(run: Path, kind: str, dropped: int, notice: str) -> None:
    made = started(run, kind)
    for step in range(6):
        made.step(step, {"loss": 1.0})
    made.finish("finished")
    news = said(made)
    assert f"made_sinks:{kind} {notice}" in news
    assert len([one for one in news if "(step)" in one]) == (kind != "RaisesAtStart")
    assert news[-1] == f"made_sinks:{kind} did not take {dropped} rows: trace.jsonl of the run has all of them"


@pytest.mark.parametrize("kind", ["HangsAtSteps", "HangsAtFinish"])
def test_what_hangs_is_left_in_time(run: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "END_SECONDS", 3.0)
    made = started(run, kind, "Keeps")
    began = time.monotonic()
    for step in range(6):
        made.step(step, {"loss": 1.0})
    assert time.monotonic() - began < 0.5
    made.finish("finished")
    assert time.monotonic() - began < 8.0
    news = said(made)
    hung = f"made_sinks:{kind} did not finish in time and was stopped: RUN/trackers has its log"
    assert hung in news
    assert (f"made_sinks:{kind} did not take 6 rows: trace.jsonl of the run has all of them" in news) is (
        kind == "HangsAtSteps"
    )
    assert ["finish", "finished"] in calls(run)  # the other has come to its end


def test_one_that_dies_is_said_and_the_rest_goes_on(run: Path) -> None:
    made = started(run, "Dies")
    for step in range(2000):
        made.step(step, {"loss": 1.0})
        time.sleep(0.0005)
    made.finish("finished")
    news = said(made)
    assert "made_sinks:Dies did not take" in news[-1]
    assert any("has died, the training did not" in one for one in news)


def test_the_queue_is_bounded_and_what_it_has_no_room_for_is_counted(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "MOST_WAITING", 100)
    monkeypatch.setattr(tracking, "END_SECONDS", 2.0)
    made = started(run, "HangsAtSteps")
    for step in range(5000):
        made.step(step, {"loss": 1.0})
    assert len(made._trackers[0]._waiting) <= 101
    made.finish("finished")
    assert said(made)[-1].endswith("did not take 5,000 rows: trace.jsonl of the run has all of them")


def test_a_slow_one_gets_all_of_a_short_run(run: Path) -> None:
    made = started(run, "IsSlow")
    for step in range(40):
        made.step(step, {"loss": 1.0})
    made.finish("finished")
    assert [call[1] for call in calls(run) if call[0] == "step"] == list(range(40))
    assert said(made) == ["made_sinks:IsSlow: look here"]


def test_what_refuses_is_an_error_before_anything_has_begun(run: Path) -> None:
    made = Tracking(["made_sinks:Keeps", "made_sinks:Refuses"])
    with pytest.raises(UserError, match=r"^no login: log in$"):
        made.check()
    assert not list(run.iterdir())


def test_a_process_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(
        UserError, match=r"^the process of tracker 'made_sinks:EndsAtOnce' ended at once: see what 'pyth"
    ):
        Tracking(["made_sinks:EndsAtOnce"]).check()


def test_a_doctor_that_fails_is_said(run: Path, tmp_path: Path) -> None:
    (tmp_path / "made_sinks.py").write_text(SINKS + BROKEN_DOCTOR)
    (run / "trace.jsonl").write_text("")
    made = started(run, "Keeps")
    made.step(1, {"loss": 1.0})
    made.finish("finished")
    news = said(made)
    assert news[1:] == ["made_sinks:Keeps failed (doctor), the training goes on: ZeroDivisionError: of the doctor"]
    assert calls(run)[-1] == ["finish", "finished"]


def test_nothing_can_ask_at_the_terminal(run: Path) -> None:
    made = started(run, "Asks")
    made.finish("finished")
    assert said(made) == ["made_sinks:Asks: look here, no terminal"]


def test_after_a_kill_the_tracker_ends_its_run_by_itself(run: Path, tmp_path: Path) -> None:
    code = f"""
import os, signal, time
from pathlib import Path
from newllm.tracking import Tracking
made = Tracking(["made_sinks:Keeps"])
made.check()
made.start(Path({str(run)!r}), {{}}, 0)
for step in range(5):
    made.step(step, {{"loss": 1.0}})
time.sleep(1.0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.pathsep.join([str(tmp_path), *sys.path])
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}).returncode == -9
    until = time.monotonic() + 20
    while calls(run)[-1][0] != "finish" and time.monotonic() < until:
        time.sleep(0.1)
    assert [call[0] for call in calls(run)] == ["start", *["step"] * 5, "finish"]
    assert calls(run)[-1] == ["finish", "killed"]


def test_names() -> None:
    assert tracker_names(None) == tracker_names("none") == ()
    assert tracker_names("mlflow, tensorboard") == tracker_names(["mlflow", "tensorboard,mlflow"])
    with pytest.raises(UserError, match=r"^unknown tracker 'mlfow': did you mean 'mlflow'"):
        tracker_names("mlfow")
    with pytest.raises(UserError, match="'none' stands alone"):
        tracker_names("none,wandb")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("not_there:Sink", "tracker 'not_there:Sink' cannot be loaded (ModuleNotFoundError: No module"),
        ("made_sinks:json", "tracker 'made_sinks:json' cannot be loaded (TypeError"),
        ("pathlib:Path", "tracker 'pathlib:Path' is no newllm.integrations.trackers.sink.Sink"),
    ],
)
def test_one_of_ones_own_that_is_none(name: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        Tracking([name]).check()
    assert str(error.value).startswith(said)


def test_a_server_of_wandb_that_does_not_answer_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from newllm.integrations.trackers.wandb import _is_reachable

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    closed = types.SimpleNamespace(mode="online", base_url="http://127.0.0.1:9")
    assert not _is_reachable(closed)
    assert _is_reachable(types.SimpleNamespace(mode="offline", base_url="http://127.0.0.1:9"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed.base_url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert _is_reachable(closed)
