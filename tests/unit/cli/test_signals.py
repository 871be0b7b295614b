"""What Ctrl-C and SIGTERM end has the exit code that a shell expects, whatever the command."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from newllm.cli.main import main

NUMBERS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)

# A study whose only cell goes on until it is ended.
STUDY = """
import time
from pathlib import Path

from newllm.study import Arm, Study

def measure(config):
    (Path(__file__).parent / "begun").touch()
    time.sleep(600)

STUDY = Study(
    name="slow", title="A slow study.", arms=(Arm("base", "As it is.", "seed-baseline", (), 1),),
    sets=("bundled:sentences",), claims=(), lay_out=lambda folder, name, variant: [f'data.texts=["{name}"]'],
    measure=measure, outcomes=lambda record, control: {}, write=lambda folder, results: None,
    tables=lambda results: [], seeds=1, quick=("base",), quick_seeds=1,
)
"""


@NUMBERS
@pytest.mark.parametrize("call", [["eval", "RUN", "TEXT"], ["generate", "RUN"], ["report", "RUN"], ["replay", "RUN"]])
def test_every_command_that_a_signal_ends(call, number, monkeypatch, capsys) -> None:
    name = "evaluate" if call[0] == "eval" else call[0]
    monkeypatch.setattr(f"newllm.cli.{name}.run", lambda _: signal.raise_signal(number))
    before = signal.getsignal(signal.SIGTERM)
    assert main(call) == 128 + number
    assert capsys.readouterr().err == "newllm: stopped\n"
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
@NUMBERS
def test_a_study_in_the_middle_of_its_cells(number, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(STUDY)

    def end() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=end)
    thread.start()
    out = ["--workers", "1", "--out", str(tmp_path / "out"), "--quiet"]
    assert main(["study", str(tmp_path / "slow.py"), *out]) == 128 + number
    thread.join()


def test_outside_the_main_thread_a_command_runs_without_listening() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["train", "--steps", "0"])))
    thread.start()
    thread.join()
    assert codes == [2]
