"""What does the doctor say first of each of these trainings, and of its sound twin?

    python benchmarks/user_loops/tenth/run.py --out DIR [--only NAME ...]

Runs faulty.py and sound.py of each folder below this one, each in DIR/NAME, where its recording is not there yet (20 to
90 seconds each, one thread), and prints the first alarm of either. truth.md beside them has the mistake, the harm that
it does, and which first sentences are right, a symptom, or wrong: written before the doctor was run on any of them.
Needs transformers, lightning, accelerate and scikit-learn. Ends with 1 where the first alarm is of another kind than
those that were right on 2026-12-03 (`RIGHT`), or a sound twin is alarmed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import newllm

HERE = Path(__file__).parent
RIGHT = {
    "cell_segmentation": "mirrored-targets",
    "char_gru": "changed-inputs",
    "clinic_survival": "place-in-batch",
    "delivery": "metric-unmoved",
    "dialect": "lost-updates",
    "docking": "gradient-carried",
    "keyword_audio": "input-axes",
    "rings": "changed-state",
    "session_recommender": "unread-tokens",
    "textures": "reversed-metric",
}


def first_alarm(name: str, version: str, out: Path) -> tuple[str, str]:
    """Return kind and sentence of the first finding that is more than a note, both empty where there is none."""
    folder = out / name
    run = folder / "runs" / version
    if not (run / "recording.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        script = [sys.executable, HERE / name / f"{version}.py", version]
        subprocess.run(script, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    findings = newllm.doctor(run, against=()).findings
    return next(((one.kind, str(one.sentence)) for one in findings if one.severity != "note"), ("", ""))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=RIGHT, default=list(RIGHT))
    given = parser.parse_args()
    other = 0
    for name in given.only:
        kind, sentence = first_alarm(name, "faulty", given.out.resolve())
        sound, of_sound = first_alarm(name, "sound", given.out.resolve())
        other += (kind != RIGHT[name]) + bool(sound)
        print(f"{name}: {'right' if kind == RIGHT[name] else 'OTHER'}: {kind or 'nothing'}: {sentence}", flush=True)
        if sound:
            print(f"{name}, sound: FALSE ALARM: {sound}: {of_sound}", flush=True)
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
