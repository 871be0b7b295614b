"""docs/tutorial.md, done as it stands there from its second step on: its files, its commands, what they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
LONG = "python test_the_cause.py"  # minutes


def blocks() -> list[tuple[str, str]]:
    """Return language and content of each block behind the installation's, which tests/installed does."""
    return re.findall(r"^```(\w*)\n(.*?)^```", PAGE.partition("## Read a log")[2], re.DOTALL | re.MULTILINE)


def done(place: Path, *, long: bool) -> str:
    """Write the files, run the commands; return what the last one printed."""
    (place / "examples").symlink_to(ROOT / "examples")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    printed = ""
    for language, block in blocks():
        if language == "python":
            (place / block.split("\n")[0].removeprefix("# ")).write_text(block, encoding="utf-8")
        elif re.match(r"(newllm|python) ", block):
            printed = ""
            for line in block.splitlines():
                if line == LONG and not long:
                    continue
                ended = subprocess.run(line, shell=True, cwd=place, env=environment, capture_output=True, text=True)
                assert ended.returncode in (0, 1), f"{line}: {ended.stderr}"
                assert "Traceback" not in ended.stderr
                printed += ended.stdout
        else:
            for line in block.splitlines():
                assert line.strip() in printed, f"the page shows {line!r}, and what was printed has it not:\n{printed}"
    return printed


@pytest.mark.slow
def test_everything_but_the_replays(tmp_path: Path) -> None:
    assert "report.html" in done(tmp_path, long=False)
    assert (tmp_path / "runs/mine/report.html").exists()


@pytest.mark.slow
def test_the_replays_show_the_cause(tmp_path: Path) -> None:
    done(tmp_path, long=False)
    ended = subprocess.run(
        [sys.executable, "test_the_cause.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "spikes at step 61" in ended.stdout
    assert "corrupted-batch" in ended.stdout  # as the cause; on a busy machine as what most speaks for
