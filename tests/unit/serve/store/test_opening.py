"""Which store a word opens, and what a session costs in memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from newllm.serve.store import Limits, open_store
from newllm.serve.store.directory import DirectoryStore
from newllm.serve.store.memory import MemoryStore


def test_the_word_says_which(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_store(None, Limits()), MemoryStore)
    for place in ("redis", tmp_path / "store"):
        store = open_store(place, Limits())
        assert isinstance(store, DirectoryStore)
        assert Path(place).is_dir()
        store.close()


def test_no_store_imports_torch() -> None:
    program = (
        "import sys, newllm.serve.store.redis_server; assert 'torch' not in sys.modules and 'redis' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_gibibyte_holds_50_000_sessions_of_preset_small(tmp_path) -> None:
    """At full size: python tests/unit/serve/store/memory_cost.py 50000 DIRECTORY."""
    program = Path(__file__).with_name("memory_cost.py")
    done = subprocess.run([sys.executable, program, "4000", tmp_path / "store"], capture_output=True, check=True)
    measured = json.loads(done.stdout)
    assert measured["sessions a GiB"] > 50_000
    assert measured["counted"] == pytest.approx(measured["bytes a session"], rel=0.03)
