"""The benchmark of strangers' trainers: labels, digests and logs belong together."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from newllm.trace.readers import read_log

HERE = Path(__file__).parents[3] / "benchmarks" / "strangers"


@pytest.fixture(scope="module")
def labels() -> dict[str, Any]:
    return json.loads((HERE / "labels.json").read_text())


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    content = zstandard.ZstdDecompressor().decompress((HERE / "logs.tar.zst").read_bytes(), 1 << 28)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_every_file_has_its_digest_and_every_label_its_log(labels: dict[str, Any], logs: Path) -> None:
    digests = json.loads((HERE / "manifest.json").read_text())
    found = {str(path.relative_to(logs)): path for path in logs.rglob("*") if path.is_file()}
    assert set(found) == set(digests)
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == digests[name] for name, path in found.items())
    assert all(row["log"] in digests for row in labels["runs"].values())
    assert {name.split("/")[0] for name in digests} == set(labels["runs"])


def test_every_log_is_read(labels: dict[str, Any], logs: Path) -> None:
    for row in labels["runs"].values():
        for place in filter(None, (row["log"], row["recording"])):
            assert read_log(logs / place).signals, place


def test_a_third_is_held_out_whole(labels: dict[str, Any]) -> None:
    kinds, runs = labels["kinds"], labels["runs"]
    healthy = [row for row in runs.values() if row["kind"] == "healthy"]
    assert sum(kind["held_out"] for kind in kinds.values()) == -(-len(kinds) // 3)
    assert sum(row["held_out"] for row in healthy) == -(-len(healthy) // 3)
    faulty = [row for row in runs.values() if row["kind"] != "healthy"]
    assert all(row["held_out"] == kinds[row["kind"]]["held_out"] for row in faulty)


def test_there_are_enough_runs_and_kinds(labels: dict[str, Any]) -> None:
    runs = labels["runs"].values()
    assert sum(row["kind"] == "healthy" for row in runs) >= 60
    assert sum(row["kind"] != "healthy" for row in runs) >= 90
    assert len(labels["kinds"]) >= 40
    assert all(row["why_not_visible"] for row in runs if row["visible"] == "no")
