"""Pack the logs and write the labels: `python benchmarks/strangers/label.py --logs DIR`.

labels.json says of each run, and of each kind of fault, what is true of it; logs.tar.zst holds the logs, manifest.json
their sha256. A third of the kinds and a third of the healthy runs are held out, drawn by a seed that was fixed before
anything was scored.
"""

import argparse
import hashlib
import io
import json
import math
import os
import random
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import zstandard

os.environ.setdefault("OMP_NUM_THREADS", "1")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.strangers.cases.all import CASES  # noqa: E402
from benchmarks.strangers.cases.registry import Case  # noqa: E402

DRAW = 20261127
LOGS = ("train.log", "log.csv", "metrics.jsonl", "metrics.csv", "trainer_state.json", "console.txt")


def held_out(names: list[str]) -> set[str]:
    """Draw a third of some names."""
    return set(random.Random(DRAW).sample(sorted(names), math.ceil(len(names) / 3)))


def label(case: Case, kinds: dict[str, Any], hidden: set[str], folder: Path) -> dict[str, Any]:
    """Return what is true of a run."""
    found = [name for name in LOGS if (folder / name).is_file()]
    if len(found) != 1:
        raise SystemExit(f"{case.name}: {len(found)} logs")
    return {
        "trainer": case.trainer,
        "task": case.task,
        "kind": case.kind,
        "what": case.sentence,
        "steps": list(case.steps) if case.steps else None,
        "severity": "healthy" if case.kind == "healthy" else kinds[case.kind]["severity"],
        "visible": case.visible,
        "why_not_visible": case.why,
        "held_out": (case.name if case.kind == "healthy" else case.kind) in hidden,
        "seed": case.seed,
        "log": f"{case.name}/{found[0]}",
        "recording": f"{case.name}/recording" if case.recorded else None,
    }


def pack(logs: Path, runs: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return a packed archive of all logs and recordings, and their digests."""
    digests, content = {}, io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for row in runs.values():
            folder = logs / row["log"].split("/")[0]
            recorded = sorted((folder / "recording").rglob("*")) if row["recording"] else []
            for path in [logs / row["log"], *(path for path in recorded if path.is_file())]:
                name = str(path.relative_to(logs))
                data = path.read_bytes()
                digests[name] = hashlib.sha256(data).hexdigest()
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    settings = zstandard.ZstdCompressionParameters.from_level(19, window_log=26)
    return zstandard.ZstdCompressor(compression_params=settings).compress(content.getvalue()), digests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, required=True, help="what generate.py wrote")
    given = parser.parse_args()
    kinds = tomllib.loads((HERE / "kinds.toml").read_text())
    unknown = {case.kind for case in CASES.values()} - set(kinds) - {"healthy"}
    if unknown:
        raise SystemExit(f"kinds.toml lacks {sorted(unknown)}")
    used = sorted({case.kind for case in CASES.values()} - {"healthy"})
    healthy = [case.name for case in CASES.values() if case.kind == "healthy"]
    hidden = held_out(used) | held_out(healthy)
    runs = {name: label(CASES[name], kinds, hidden, given.logs / name) for name in sorted(CASES)}
    told = {name: kinds[name] | {"held_out": name in hidden} for name in used}
    packed, digests = pack(given.logs, runs)
    whole = {"draw": DRAW, "kinds": told, "runs": runs}
    (HERE / "labels.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    (HERE / "manifest.json").write_text(json.dumps(digests, indent=1) + "\n")
    (HERE / "logs.tar.zst").write_bytes(packed)
    print(f"{len(runs)} runs, {len(digests)} files, {len(packed):,} bytes packed")


if __name__ == "__main__":
    main()
