"""What surrounds a process changes no bit: locale, time zone, hash seed, optimisation of Python."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "surroundings.py"
VARIANTS = {
    "ascii": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "zone": {"TZ": "Asia/Kathmandu"},
    "hash": {"PYTHONHASHSEED": "7"},
    "optimised": {"PYTHONOPTIMIZE": "1"},
    "turkish": {"LC_ALL": "tr_TR", "PYTHONUTF8": "0"},
}


def everything(place: Path, locales: Path, **variables: str) -> dict[str, object]:
    """Run the program where nothing has been yet: the same directory every time, for config.toml holds its path."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    chance = random.Random(0)
    words = ("今日", "は", "海", "the", "whale", "が", "见", "naïve")
    lines = ["".join(chance.choice(words) for _ in range(9)) + "。" for _ in range(80)]
    (place / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    usual = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0", "LOCPATH": str(locales)}
    environment = {**os.environ, **usual, "NEWLLM_CACHE": str(place / "cache"), **variables}
    done = subprocess.run([sys.executable, PROGRAM], cwd=place, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    last = done.stderr.decode(errors="replace").splitlines()[-1]
    assert last.startswith("newllm: "), last  # of the command that is refused
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a Turkish locale of eight bits, or an empty one."""
    place = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef"):
        command = ["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", place / "tr_TR"]
        subprocess.run(command, capture_output=True, check=False)
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("surroundings") / "place"


@pytest.fixture(scope="module")
def usual(place, locales) -> dict[str, object]:
    found = everything(place, locales)
    assert found["page says"] is True
    assert found["refused"] == 2
    return found


@pytest.mark.slow
def test_all_of_it_at_once_changes_no_bit(place, locales, usual) -> None:
    together = VARIANTS["zone"] | VARIANTS["hash"] | VARIANTS["optimised"] | VARIANTS["ascii"]
    assert everything(place, locales, **together) == usual


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_it_changes_no_bit(variant, place, locales, usual) -> None:
    if variant == "turkish" and not (locales / "tr_TR").exists():
        pytest.skip("no Turkish locale can be made here")
    assert everything(place, locales, **VARIANTS[variant]) == usual
