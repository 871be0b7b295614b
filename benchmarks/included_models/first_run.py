"""What does a newcomer get in the first minutes? The README's command on Moby Dick, beside n-grams.

    python benchmarks/included_models/first_run.py [--quick] [--seconds 120] [--picture FILE]

Time, tokens per second, validation bits per byte; the same validation bytes by interpolated Witten-Bell
n-grams; a sample; and how long `newllm --help` takes.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import newllm
from newllm.data import DataConfig, Segments, prepare

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
import ngram


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--picture", type=Path, help="where to put the run's curves")
    arguments = parser.parse_args()
    seconds = 40.0 if arguments.quick else arguments.seconds  # on a busy machine 20 are too few to get ready in
    with tempfile.TemporaryDirectory() as directory:
        run = Path(directory) / "run"
        start = time.perf_counter()
        command = [sys.executable, "-m", "newllm.cli.main", "train", "--seconds", str(seconds), "--out", str(run)]
        output = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
        wall = time.perf_counter() - start
        sample = newllm.load(run).generate("", 400).text
        if arguments.picture:
            shutil.copy(run / "training_curves.png", arguments.picture)
    summary = json.loads(output.stdout)
    result = {
        "question": "the first run: training on the bundled text",
        "machine": machine.describe(),
        "command": " ".join(["newllm", *command[3:6]]),
        "wall_seconds": round(wall, 1),
        "parameters": summary["parameters"],
        "steps": summary["steps"],
        "tokens": summary["tokens"],
        "tokens_per_second": summary["tokens_per_second"],
        "precision": summary["precision"],
        "scan_backend": summary["scan_backend"],
        "validation_bits_per_byte": summary["best_validation"]["bits_per_byte"],
        "witten_bell_bits_per_byte": _ngrams(),
        "help_seconds": _help_seconds(),
        "sample": sample,
    }
    print(json.dumps(result, indent=2))


def _ngrams() -> dict[str, float]:
    corpus = prepare(DataConfig(texts=("bundled:moby-dick",)))
    train, validation = _pieces(corpus.train), _pieces(corpus.validation)
    return {f"{order}-gram": round(ngram.witten_bell_bits(train, validation, order), 4) for order in (2, 3, 4, 5)}


def _pieces(segments: Segments) -> list[np.ndarray]:
    """Return the bytes of each stretch, without begin tokens."""
    stretches = (np.asarray(segments.tokens[start:stop]) for start, stop in segments.bounds)
    return [stretch[stretch < 256].astype(np.uint8) for stretch in stretches]


def _help_seconds() -> dict[str, float]:
    times = []
    for _ in range(9):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "newllm.cli.main", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return {
        "minimum": round(min(times), 3),
        "median": round(statistics.median(times), 3),
        "maximum": round(max(times), 3),
    }


if __name__ == "__main__":
    main()
