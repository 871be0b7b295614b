"""How often is a training alarmed that the doctor holds against a run which it chose itself?

    python benchmarks/public_code/chosen.py

Reads recordings*.tar.zst of the batches whose trainings were recorded with two seeds and with mistakes, and counts the
sound and the faulty ones that are alarmed: by themselves; held against another recording of the training in which
nothing is found, of the sound ones only (a mistake came last); and of all (earlier runs have mistakes too). Where there
is none the answer is that of the run by itself. Where several could be chosen each counts in part.
"""

import statistics
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

from newllm.api import Diagnosis, doctor
from newllm.api.held_against import held_against_chosen
from newllm.diagnosis.run_facts import runs_in

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.public_code.against import OTHERS  # noqa: E402
from benchmarks.strangers.score import unpack  # noqa: E402

FIRST_WITH_TWO_SEEDS = 10  # batch
BY_ITSELF, SOUND_ONLY, ALL = "by itself", "beside a sound one", "beside any"


def alarmed(runs: list[Diagnosis], others: list[list[Diagnosis]]) -> float:
    """Return the share of the others, in which nothing is found, beside which a training is alarmed."""
    shares = []
    for sound in others:
        if all(one.judged and not one.wrong for one in sound):
            pairs = zip(runs, sound, strict=True)
            shares.append(any(held_against_chosen(one, [other]).wrong for one, other in pairs))
    return statistics.mean(shares) if shares else float(any(one.wrong for one in runs))


def main() -> None:
    labels = tomllib.loads((HERE / "labels.toml").read_text(encoding="utf-8"))["run"]
    healthy = {one["name"]: one["healthy"] for one in labels if one["batch"] >= FIRST_WITH_TWO_SEEDS}
    trainings = defaultdict(list)
    for name in healthy:
        trainings[name.rpartition("-")[0] if name.endswith(OTHERS) else name].append(name)
    counted: dict[tuple[str, bool], float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        for archive in HERE.glob("recordings*.tar.zst"):
            unpack(archive, Path(folder), set(healthy))
        for names in trainings.values():
            places = {name: Path(folder) / name / "recording" for name in names}
            said = {name: [doctor(one, against=()) for one in runs_in(at) or [at]] for name, at in places.items()}
            for name, runs in said.items():
                others = [one for one in names if one != name]
                sound = [said[one] for one in others if healthy[one]]
                counted["all", healthy[name]] += 1
                counted[BY_ITSELF, healthy[name]] += alarmed(runs, [])
                counted[SOUND_ONLY, healthy[name]] += alarmed(runs, sound)
                counted[ALL, healthy[name]] += alarmed(runs, [said[one] for one in others])
    for is_healthy, word in ((False, "faulty"), (True, "sound")):
        numbers = ", ".join(f"{how} {counted[how, is_healthy]:.1f}" for how in (BY_ITSELF, SOUND_ONLY, ALL))
        print(f"{word}, alarmed of {counted['all', is_healthy]:.0f}: {numbers}")


if __name__ == "__main__":
    main()
