"""Make labels.json, logs.tar.zst and manifest.json of the logs and of what was seen in them.

python benchmarks/strangers/second/label.py --logs DIR
"""

import argparse
import hashlib
import io
import json
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import zstandard

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from benchmarks.strangers.second.runs import Run, named  # noqa: E402

TRAINERS = {"hf": "transformers", "lit": "lightning"}


def labelled(name: str, run: Run, kinds: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """Return a run's label."""
    label: dict[str, Any] = {
        "trainer": TRAINERS.get(run.program, "plain"), "program": run.program, "held_out": True, "kind": run.kind,
        "log": f"{name}/train.{run.ending}", "recording": None, "steps": None, "visible": None, "severity": None,
        "why": seen.get(name, {}).get("why", ""),
    }  # fmt: skip
    if run.kind != "healthy":
        visible = seen.get(name, {}).get("visible", "log")
        severity = seen.get(name, {}).get("severity", kinds[run.kind]["severity"])
        label |= {"steps": list(run.steps), "visible": visible, "severity": severity, "fault": run.switch}
    return label


def pack(folder: Path, names: list[str]) -> bytes:
    """Return the logs as an archive without times and owners."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            for path in sorted((folder / name).iterdir()):
                member = tarfile.TarInfo(f"{name}/{path.name}")
                member.size = path.stat().st_size
                archive.addfile(member, io.BytesIO(path.read_bytes()))
    return zstandard.ZstdCompressor(level=19).compress(out.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, required=True)
    folder = parser.parse_args().logs / "runs"
    kinds = tomllib.loads((HERE / "kinds.toml").read_text(encoding="utf-8"))
    seen = tomllib.loads((HERE / "seen.toml").read_text(encoding="utf-8"))
    left_out = set(seen.pop("left_out")["names"])
    every = named()
    runs = {n: every[n] for n in every if n not in left_out and (folder / n / f"train.{every[n].ending}").exists()}
    labels = {name: labelled(name, run, kinds, seen) for name, run in runs.items()}
    used = {label["kind"] for label in labels.values()}
    found = {"kinds": {kind: row for kind, row in kinds.items() if kind in used}, "runs": labels}
    (HERE / "labels.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (HERE / "logs.tar.zst").write_bytes(pack(folder, list(runs)))
    manifest = {
        f"{name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for name in runs
        for path in sorted((folder / name).iterdir())
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    healthy = sum(label["kind"] == "healthy" for label in labels.values())
    print(f"{len(labels)} runs, {healthy} healthy, {len(used) - 1} kinds of fault")


if __name__ == "__main__":
    main()
