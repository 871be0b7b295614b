"""Makes labels.json of the runs.py and kinds.toml of the fourth, fifth or sixth set, and packs the logs.

python benchmarks/strangers/sets/label.py SET --logs DIR [--pack]
"""

import argparse
import hashlib
import io
import json
import tarfile
import tomllib
from pathlib import Path

import zstandard

from set_folder import STRANGERS, add_set, runs_of

OF_KIND = ("what", "severity", "causes", "wrong", "keywords")


def length(run, folder):
    """How many updates a run has: by its recording, its log or its options; None where none of them says it."""
    traces = sorted((folder / "recording").rglob("trace.jsonl"))
    if traces:
        trace = traces[0]
        rows = [json.loads(line) for line in trace.read_text().splitlines() if line]
        return max(row["step"] for row in rows if "loss" in row)  # counted from 1
    if run.log == "trainer_state.json":
        return json.loads((folder / run.log).read_text())["global_step"]
    options = dict(pair.split("=") for pair in run.options.split())
    if "steps" in options:
        return int(options["steps"])
    return None


def judged(folder):
    """How a healthy run was judged first and last, by its recording."""
    trace = min((folder / "recording").rglob("trace.jsonl"))
    rows = [json.loads(line) for line in trace.read_text().splitlines() if line]
    name = next(n for n in ("reward", "fid", "validation_loss", "energy_distance") if any(n in row for row in rows))
    found = [row[name] for row in rows if name in row]
    several = 20 if name == "reward" else 1
    first, last = (sum(part) / len(part) for part in (found[:several], found[-several:]))
    return f" ({name}: {first:.3g} first, {last:.3g} in the end, best {(max if name == 'reward' else min)(found):.3g}.)"


def label(run, kinds, logs):
    """What is known of a run."""
    row = {
        "name": run.name, "log": f"{run.name}/{run.log}", "recording": f"{run.name}/recording" if run.record else None,
        "program": run.program, "framework": run.framework, "options": run.options, "seed": run.seed,
        "healthy": not run.fault, "held_out": True,
    }  # fmt: skip
    row["updates"] = length(run, logs / run.name)
    if run.fault:
        kind = kinds[run.fault]
        row |= {"kind": run.fault, "severity": kind["severity"], "visible": kind["visible"], "why": kind["why"]}
        row["in_recording"] = run.record and kind["visible"] != "no" and kind.get("in_recording", True)
        row |= {"begin": kind["begin"], "end": None if kind["end"] == -1 else kind["end"]}
    else:
        row |= {"kind": None, "why": kinds["healthy"][f"{run.program} {run.options}"] + judged(logs / run.name)}
    return row


def pack(runs, logs, home):
    """The archive and the digests."""
    files = sorted(p for run in runs for p in (logs / run.name).rglob("*") if p.is_file())
    files = [p for p in files if p.name not in ("said.txt",)]
    stream, digests = io.BytesIO(), {}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in files:
            name, data = str(path.relative_to(logs)), path.read_bytes()
            digests[name] = hashlib.sha256(data).hexdigest()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    packed = zstandard.ZstdCompressor(level=19).compress(stream.getvalue())
    (home / "logs.tar.zst").write_bytes(packed)
    (home / "manifest.json").write_text(json.dumps(digests, indent=0) + "\n")
    print(f"{len(files)} files, {len(stream.getvalue()) / 1e6:.1f} MB, packed {len(packed) / 1e6:.2f} MB")


def main():
    """Labels, and the archive where it is asked for."""
    parser = argparse.ArgumentParser()
    add_set(parser, ("fourth", "fifth", "sixth"))
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--pack", action="store_true")
    given = parser.parse_args()
    runs, home = runs_of(given.set), STRANGERS / given.set
    kinds = tomllib.loads((home / "kinds.toml").read_text())
    faults = {run.fault for run in runs if run.fault}
    unknown = faults ^ (set(kinds) - {"healthy"})
    assert not unknown, unknown
    rows = [label(run, kinds, given.logs) for run in runs]
    described = {name: {key: kinds[name][key] for key in OF_KIND} for name in sorted(faults)}
    (home / "labels.json").write_text(json.dumps({"kinds": described, "runs": rows}, indent=1) + "\n")
    if given.pack:
        pack(runs, given.logs, home)


if __name__ == "__main__":
    main()
