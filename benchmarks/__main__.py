"""The benchmark suite: `python -m benchmarks`, from the root of the repository.

    python -m benchmarks --install-peers          what the comparisons need, into this environment (shared/peers.txt)
    python -m benchmarks [--only NAME] [--data DIR] [--out DIR]
    python -m benchmarks --quick                  minutes: that everything runs, not what it says

Each question runs in a process of its own, one after another, and writes JSON; tables and plots are made from that
(`result_pages/render.py`). Without --out the JSON goes into benchmarks/results and the pages into docs/performance;
with it, and with --quick, all goes into one directory. A peer that is not installed is in the tables as "not
installed".
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).parent
_RESULTS, _PAGES = _HERE / "results", _HERE.parent / "docs" / "performance"
_RUNS = _HERE.parent / "runs" / "benchmarks"
QUESTIONS = {
    "throughput": "training_speed",
    "decoding": "decoding_speed",
    "recorder-cost": "recording_cost",
    "ring-cost": "recording_cost",
    "time-to-loss": "training_time",
}
"""Each with the folder of its script."""
_HOURS = "time-to-loss"
"""Takes hours, and can be stopped and started."""
_DECODING = "decoding"
_TRAINING = {"GOMP_SPINCOUNT": "1000", **os.environ}
"""Of what trains, as `newllm` sets it: threads that spin for long slow all as soon as anything else runs. A step of
decoding is made of operations so small that torch is faster when its threads spin."""


def main() -> int:
    """Run the questions and return how many failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install-peers", action="store_true", help="install peers.txt by pip, and run nothing")
    parser.add_argument("--only", choices=QUESTIONS, help="one question")
    parser.add_argument("--quick", action="store_true", help="minutes: that everything runs, not what it says")
    parser.add_argument("--data", type=Path, help="a directory with texts that the project does not ship")
    parser.add_argument("--out", type=Path, help="a directory for all that is written")
    arguments = parser.parse_args()
    if arguments.install_peers:
        return subprocess.call([sys.executable, "-m", "pip", "install", "-r", str(_HERE / "shared" / "peers.txt")])
    if arguments.data is not None and not (arguments.data / "tinyshakespeare.txt").is_file():
        parser.error(f"--data '{arguments.data}' holds no tinyshakespeare.txt: put it there, or drop --data")
    out = arguments.out or (Path(tempfile.mkdtemp(prefix="benchmarks-")) if arguments.quick else None)
    results, pages = (out, out) if out is not None else (_RESULTS, _PAGES)
    for place in (results, pages):
        place.mkdir(parents=True, exist_ok=True)
    chosen = [arguments.only] if arguments.only else QUESTIONS
    failed = [name for name in chosen if not _answered(name, results, pages, arguments)]
    print(f"results in {results}, tables and plots in {pages}" + "".join(f"; {name} failed" for name in failed))
    return len(failed)


def _answered(name: str, results: Path, pages: Path, arguments: argparse.Namespace) -> bool:
    """Run one question and draw what it says; return whether both went well."""
    print(f"== {name}", flush=True)
    begun, result = time.monotonic(), results / f"{name}.json"
    command = [str(_HERE / QUESTIONS[name] / f"{name.replace('-', '_')}.py"), "--out", str(result)]
    if arguments.quick:
        command.append("--quick")
    if name == _HOURS:
        command += ["--runs", str(_RUNS if results == _RESULTS else results / "runs")]
        command += ["--data", str(arguments.data)] if arguments.data is not None else []
    drawing = [str(_HERE / "result_pages" / "render.py"), str(result), "--out", str(pages)]
    environment = None if name == _DECODING else _TRAINING
    well = all(subprocess.call([sys.executable, *one], env=environment) == 0 for one in (command, drawing))
    print(f"== {name}: {'done' if well else 'failed'} after {time.monotonic() - begun:.0f} s", flush=True)
    return well


if __name__ == "__main__":
    sys.exit(main())
