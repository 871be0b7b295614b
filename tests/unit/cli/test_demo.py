"""`newllm demo`, and `demo:NAME` in the place of a run."""

import json
from pathlib import Path

import pytest

from newllm.demo import SET


@pytest.fixture(autouse=True)
def untouched(content):
    before = content(SET)
    yield
    assert content(SET) == before


def test_it_shows_commands_and_what_they_print(call) -> None:
    done = call("demo")
    assert done.code == 0
    parts = done.out.split("\n$ ")[1:]
    assert [part.splitlines()[0] for part in parts] == [
        "newllm doctor demo:learning-rate-doubled",
        "newllm replay demo:founding-baseline --show --quiet",
        "newllm generate demo:moby-dick --prompt 'The captain' --tokens 80",
    ]
    assert "learning-rate-jump  step 240" in parts[0]
    assert "likely cause  learning-rate" in parts[0]
    assert "The cause is plain-depth" in parts[1]
    assert "\nThe captain" in parts[2]
    assert "newllm ui --demo" in parts[2]
    assert done.out.count("/site-packages/") + done.out.count(str(SET)) == 0


def test_each_part_is_what_its_command_prints(call) -> None:
    shown = call("demo").out
    doctor = call("doctor", "demo:learning-rate-doubled")
    assert (doctor.code, doctor.err) == (1, "")
    assert doctor.out in shown
    assert call("replay", "demo:founding-baseline", "--show", "--quiet").out in shown


def test_in_japanese(call) -> None:
    done = call("demo", "--lang", "ja")
    assert done.code == 0
    assert "$ newllm doctor demo:learning-rate-doubled --lang ja" in done.out
    assert "学習率を誤って2倍にした" in done.out
    assert "次に試すこと" in done.out


def test_as_data(call) -> None:
    commands = json.loads(call("demo", "--json").out)["commands"]
    assert [command.split()[1] for command in commands] == ["doctor", "replay", "generate"]


def test_the_verdict_is_shown_again(call, refused, run: Path) -> None:
    page = call("replay", "demo:founding-baseline", "--show")
    assert page.code == 0
    assert page.out.startswith("demo:founding-baseline\n")
    assert "residual-fnn" in page.out
    assert (
        json.loads(call("replay", "demo:founding-baseline", "--show", "--json").out)["cause"]["name"] == "plain-depth"
    )
    assert "has no verdict" in refused("replay", run, "--show")
    assert "is no run directory" in refused("replay", run / "nowhere", "--show")


def test_a_name_that_there_is_not(refused) -> None:
    line = refused("doctor", "demo:learning-rate-double")
    assert "did you mean 'demo:learning-rate-doubled'?" in line


def test_who_would_write_there_is_refused(refused, call) -> None:
    assert "read-only" in refused("replay", "demo:founding-baseline", "--budget", "60")
    assert call("report", "demo:learning-rate-doubled", "--quiet").code == 0
    assert Path("learning-rate-doubled.report.html").is_file()
    assert call("report", "demo:spike-remedies", "--quiet").code == 0
    assert Path("spike-remedies.report.html").is_file()
    assert "read-only" in refused("report", "demo:moby-dick", "--out", SET / "moby-dick" / "report.html")


def test_the_page_takes_a_directory_or_the_demo(refused) -> None:
    assert "drop it, or 'runs'" in refused("ui", "runs", "--demo")
