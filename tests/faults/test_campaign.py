"""The campaign of faults in its short form: some of every kind, the same every time. `.ci/slow` runs a longer one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "faults" / "faults.py"
KINDS = ("kills", "errors", "power cuts", "flips", "logs")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the campaign kills and forks as Linux does")


def campaign(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_whatever_goes_wrong_the_next_command_has_the_same_bits_or_says_why(tmp_path) -> None:
    kinds = [word for kind in KINDS for word in ("--kind", kind)]
    done = campaign("--cases", 4, *kinds, "--seed", "short", "--work", tmp_path, "--out", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    counts = json.loads((tmp_path / "out.json").read_bytes())["kinds"]
    assert list(counts) == list(KINDS)
    for kind, one in counts.items():
        assert one["faults"] > 0, kind
        assert one["violations"] == []
