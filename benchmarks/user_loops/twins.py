"""What does the doctor say first of each of these trainings, and of its sound twin?

    python benchmarks/user_loops/twins.py --set tenth --out DIR [--only NAME ...]

Runs faulty.py and sound.py of each folder of a set, each in DIR/NAME, where its recording is not there yet (20 to 90
seconds each, one thread), and prints the first alarm of either. truth.md beside them has the mistake, the harm that it
does, and which first sentences are right, a symptom, or wrong: written before the doctor was run on any of them. Needs
transformers, lightning, accelerate and scikit-learn; some read tinyshakespeare.txt, which `--text` is. Ends with 1
where the first alarm is of another kind than the one that was right last (`RIGHT`), or a sound twin is alarmed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import newllm

HERE = Path(__file__).parent
RIGHT: dict[str, dict[str, str]] = {
    "tenth": {
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
    },
    "eleventh": {
        "cell_segmentation": "mirrored-targets",
        "char_lm": "evaluation-inputs",
        "char_lstm": "batch-as-time",
        "digit_diffusion": "uniform-noise",
        "digit_strips": "impossible-loss",
        "keypoints": "",
        "keyword_finetuning": "untrained-start",
        "measure_rewriting": "unasked-end",
        "point_clouds": "copy-without-statistics",
    },
    "twelfth": {
        "a_bearings": "changed-inputs",
        "a_slots": "ignored-class",
        "a_tickets": "below-chance",
        "b_activity": "update-in-evaluation-mode",
        "b_demand": "changed-inputs",
        "b_papers": "lost-writes",
        "c_bard": "no-context",
        "c_numbers": "repeated-batch",
        "c_tickets": "over-fitting",
        "c_vibration": "cleared-gradient",
        "d_assays": "validation-gap",
        "d_sessions": "",
        "d_views": "equal-views",
    },
}
"""By set and training the kind of the first alarm: right but for `keypoints`, `c_tickets`, `d_assays`, `d_sessions`."""


def first_alarm(script: Path, out: Path, text: Path | None) -> tuple[str, str]:
    """Return kind and sentence of the first finding that is more than a note, both empty where there is none.

    Args:
        script: that trains; it runs in the directory of its training's name, and records to runs/faulty or runs/sound.
        out: where that directory is.
        text: what a script finds there as tinyshakespeare.txt.
    """
    folder = out / script.parent.name
    run = folder / "runs" / script.stem
    if not (run / "recording.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if text is not None:
            shutil.copy(text, folder / "tinyshakespeare.txt")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        subprocess.run(
            [sys.executable, script, script.stem], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
        )
    findings = newllm.doctor(run, against=()).findings
    return next(((one.kind, str(one.sentence)) for one in findings if one.severity != "note"), ("", ""))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, choices=RIGHT)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--text", type=Path, help="tinyshakespeare.txt")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    given = parser.parse_args()
    other, out = 0, given.out.resolve()
    for name, right in RIGHT[given.set].items():
        if given.only and name not in given.only:
            continue
        kind, sentence = first_alarm(HERE / given.set / name / "faulty.py", out, given.text)
        sound, of_sound = first_alarm(HERE / given.set / name / "sound.py", out, given.text)
        other += (kind != right) + bool(sound)
        print(f"{name}: {'as last' if kind == right else 'OTHER'}: {kind or 'nothing'}: {sentence}", flush=True)
        if sound:
            print(f"{name}, sound: FALSE ALARM: {sound}: {of_sound}", flush=True)
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
