"""Trains, goes on, generates, measures, diagnoses and reports in a directory, and prints what came of it as JSON.

Run as a program: what may change no bit (locale, time zone, hash seed, `python -O`) belongs to a process.
"""

import contextlib
import hashlib
import io
import json
import sys
from pathlib import Path

from newllm.cli.main import main

TINY = (
    *("model.width=16", "model.layers=1", "model.hidden=16", "model.context=16", "data.window=16", "data.batch=2"),
    *("numerics.precision=fp32", "numerics.threads=1", "numerics.scan_backend=torch", "numerics.device=cpu"),
    *("training.evaluate_every=4", "training.evaluate_tokens=64", "training.snapshot_every=4"),
)


def printed(*arguments: str) -> object:
    """Run a command and return the JSON that it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([*arguments, "--json"])
    return [code, json.loads(out.getvalue())]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def everything() -> dict[str, object]:
    """Return what must be the same everywhere; paths are relative, and what a clock gives is left out."""
    main(["train", "text.txt", "--out", "run", "--steps", "8", "--quiet", *(f"--set={one}" for one in TINY)])
    run = Path("run")
    last = max(run.glob("snapshots/step-*"))
    found: dict[str, object] = {name: digest(last / name) for name in ("model.safetensors", "optimizer.safetensors")}
    found |= {name: digest(run / name) for name in ("trace.jsonl", "tokenizer.json", "data.json", "config.toml")}
    found["generate"] = printed(
        "generate", "run", "--prompt", "今日は", "--tokens", "20", "--context-out", "kept.context"
    )
    found["context"] = digest(Path("kept.context"))
    found["eval"] = printed("eval", "run", "text.txt")
    found["doctor"] = printed("doctor", "run")
    found["report"] = main(["report", "run", "--lang", "ja", "--out", "page.html", "--quiet"])
    found["page says"] = "最良の検証損失" in Path("page.html").read_text(encoding="utf-8")
    found["refused"] = main(["doctor", "absent"])
    return found


if __name__ == "__main__":
    print(json.dumps(everything()), file=sys.__stdout__)
