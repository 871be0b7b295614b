"""How long until the validation loss at which a tuned Transformer of equal parameters ends after five minutes?

    python benchmarks/training_time/time_to_loss.py --out FILE --runs DIR [--data DIR] [--text NAME] [--add] [--quick]

Learning rate, warm-up, batch and length of context are searched for every arm with the same budget: the same eight
settings (`search_space`), two minutes of training each, on tiny shakespeare (tinyshakespeare.txt of --data DIR, its
last tenth for validation; without it on the bundled novel, and the result says so). The best of an arm is what its
finals have, three seeds of five minutes. The stack is also trained at those settings for shorter times, each with a
whole schedule of its own, up to the first time at which it is below every Transformer: the first time whose loss is as
low as a Transformer's last one is the time to that loss, on the line between the two times around it (logarithm of
time). The time within the stack's own five minutes, where the schedule has not come down yet, stands beside it. Other
texts reuse the settings: the bundled novel, and WikiText-2 if --data DIR has wikitext2.train.txt.xz and
wikitext2.valid.txt.xz.

Seconds are those of updates alone; evaluations, snapshots and reading are in none. Validation is all of the held-out
text (of WikiText-2's, ten times as long, 131,072 tokens spread evenly), in windows of the arm's own length, each from a
fresh context. Runs are ordinary run directories below --runs; finished ones are not run again and stopped ones go on,
so that the whole may be stopped and started at will. With --add the search and the texts that FILE has already are
taken from it, and only what it lacks is trained: each text says what machine it was trained on.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from newllm.files import write_json

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from contenders import nano_gpt, ours
from crossing import crossing, time_ratio
from search_space import Settings, drawn
from trials import EVALUATIONS, FEW_EVALUATIONS, Curve, Text, Trial, precision, trained

STACK = "newllm stack"
ARMS = {
    STACK: ours.stack,
    "newllm attention": ours.attention,
    "modern Transformer": ours.plain_attention,
    "nanoGPT's shape": nano_gpt.nano_gpt,
}
NOVEL = Text("Moby Dick", ("bundled:moby-dick",))


@dataclasses.dataclass(frozen=True)
class Extent:
    """What is tried, how long in seconds of training, and on how many validation tokens (0: all) it is judged."""

    settings: tuple[Settings, ...] = drawn()
    trial: float = 120.0
    final: float = 300.0
    shorter: tuple[float, ...] = (15, 22, 30, 45, 60, 90, 120, 150, 225)
    seeds: int = 3
    evaluate_tokens: int = 0


QUICK = Extent(
    (Settings(2e-3, 0.1, 256, 64), Settings(4e-3, 0.1, 128, 32)), 0.2, 0.4, (0.2,), seeds=2, evaluate_tokens=1024
)


class Question:
    """All runs of it.

    Args:
        runs: where run directories go.
        extent: how long.
        texts: the first is searched on.
    """

    def __init__(self, runs: Path, extent: Extent, texts: list[Text]) -> None:
        self.runs, self.extent, self.texts = runs, extent, texts

    def trial(self, arm: str, text: Text, settings: Settings, seconds: float, seed: int = 0) -> Trial:
        """Return a trial that is judged once, at its end."""
        tokens = self.extent.evaluate_tokens or text.evaluate_tokens
        return Trial(arm, text, settings, seconds, seed, evaluate_tokens=tokens)

    def run(self, trial: Trial) -> Curve:
        """Train, or read what is there."""
        settings = trial.settings
        name = (
            f"{trial.text.name}-{trial.arm}-{trial.seconds:g}s-lr{settings.learning_rate:g}-w{settings.warmup:g}"
            f"-b{settings.batch_tokens}-t{settings.length}-seed{trial.seed}"
        )
        curve = trained(trial, ARMS[trial.arm], self.runs / name.replace(" ", "-").replace("'", ""))
        print(f"{name}: {curve.losses[-1]:.4f} after {curve.seconds[-1]:.0f} s ({curve.status})", flush=True)
        return curve

    def search(self) -> dict[str, list[dict[str, Any]]]:
        """Return each arm's trials. Arms take turns, so that a machine that drifts drifts for all."""
        found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
        for settings in self.extent.settings:
            for arm in ARMS:
                curve = self.run(self.trial(arm, self.texts[0], settings, self.extent.trial))
                found[arm].append({"settings": dataclasses.asdict(settings), **_row(curve)})
        return found

    def finals(self, text: Text, best: dict[str, Settings]) -> dict[str, list[Curve]]:
        """Return each arm's finals by seed."""
        curves: dict[str, list[Curve]] = {arm: [] for arm in ARMS}
        for seed in range(self.extent.seeds):
            for arm in ARMS:
                trial = self.trial(arm, text, best[arm], self.extent.final, seed)
                often = EVALUATIONS if arm == STACK else FEW_EVALUATIONS
                curves[arm].append(self.run(dataclasses.replace(trial, evaluations=often)))
        return curves

    def shorter(self, text: Text, settings: Settings, target: float) -> dict[float, list[Curve]]:
        """Return the stack's runs of shorter times by seed, up to the first time at which all are below the target."""
        found: dict[float, list[Curve]] = {}
        for seconds in self.extent.shorter:
            seeds = range(self.extent.seeds)
            found[seconds] = [self.run(self.trial(STACK, text, settings, seconds, seed)) for seed in seeds]
            if all(curve.last <= target for curve in found[seconds]):
                break
        return found

    def answer(self, text: Text, best: dict[str, Settings]) -> dict[str, Any]:
        """Return what one text says."""
        finals = self.finals(text, best)
        lowest = min(curve.last for arm, curves in finals.items() if arm != STACK for curve in curves)
        shorter = self.shorter(text, best[STACK], lowest)
        by_seed = zip(*shorter.values(), finals[STACK], strict=True)  # five minutes are the longest of the times
        whole = [sorted((run.seconds[-1], run.last) for run in runs) for runs in by_seed]
        within = [list(zip(run.seconds, run.losses, strict=True)) for run in finals[STACK]]
        arms = {}
        for arm, curves in finals.items():
            targets, times = [curve.last for curve in curves], [curve.seconds[-1] for curve in curves]
            arms[arm] = {
                "final_nats": targets,
                "seconds": times,
                "curves": [dataclasses.asdict(curve) for curve in curves],
                "time_of_stack": time_ratio([crossing(*pair) for pair in zip(whole, targets, strict=True)], times),
                "within_its_run": time_ratio([crossing(*pair) for pair in zip(within, targets, strict=True)], times),
            }
        return {
            "text": text.name,
            "reuses_settings": text is not self.texts[0],
            "evaluate_tokens": text.evaluate_tokens,
            "machine": machine.describe(),
            "arms": arms,
            "ladder": whole,
        }


def _row(curve: Curve) -> dict[str, Any]:
    return {"nats": curve.last, "seconds": curve.seconds[-1], "steps": curve.steps, "status": curve.status}


def _best(trials: list[dict[str, Any]]) -> Settings:
    return Settings(**min(trials, key=lambda trial: trial["nats"])["settings"])


def found_texts(data: Path | None) -> list[Text]:
    """Return the texts, the one to search on first."""
    if data is None:
        return [NOVEL]
    texts = [Text("tiny shakespeare", (str(data / "tinyshakespeare.txt"),)), NOVEL]
    train, valid = (data / f"wikitext2.{part}.txt.xz" for part in ("train", "valid"))
    if train.exists() and valid.exists():
        texts.append(Text("WikiText-2", (str(train),), (str(valid),), evaluate_tokens=131_072))
    return texts


def searched(question: Question) -> dict[str, Any]:
    """Return the result before its first text: what the search found."""
    trials = question.search()
    return {
        "question": "seconds until the loss at which a tuned Transformer ends",
        "machine": machine.describe(),
        "precision": precision(),
        "extent": dataclasses.asdict(question.extent),
        "searched_on": question.texts[0].name,
        "trials": trials,
        "best": {arm: dataclasses.asdict(_best(found)) for arm, found in trials.items()},
        "texts": [],
    }


def known(path: Path, question: Question) -> dict[str, Any]:
    """Return a result that texts are added to, if it asked the same."""
    if not path.exists():
        raise SystemExit(f"'{path}' is not there, so nothing can be added to it: leave out --add")
    result = json.loads(path.read_text())
    same = json.loads(json.dumps(dataclasses.asdict(question.extent)))
    asked = {"extent": same, "precision": precision(), "searched_on": question.texts[0].name}
    different = [name for name, value in asked.items() if result[name] != value]
    if different:
        names = " and ".join(different)
        raise SystemExit(f"'{path}' has another {names}: leave out --add, or give what it was made with")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True, help="where run directories go, and are found again")
    parser.add_argument("--data", type=Path, help="a directory with tinyshakespeare.txt")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: that it runs")
    parser.add_argument("--text", help="only this one, by its name in the tables")
    parser.add_argument("--add", action="store_true", help="keep what --out has already, and train what it lacks")
    arguments = parser.parse_args()
    texts = found_texts(arguments.data)
    if arguments.text not in (None, *(text.name for text in texts)):
        parser.error(f"--text '{arguments.text}' is not here: there are {', '.join(text.name for text in texts)}")
    question = Question(arguments.runs, QUICK if arguments.quick else Extent(), texts)
    result = known(arguments.out, question) if arguments.add else searched(question)
    best = {arm: Settings(**settings) for arm, settings in result["best"].items()}
    there = {text["text"] for text in result["texts"]}
    for text in texts:
        if text.name not in there and arguments.text in (None, text.name):
            result["texts"].append(question.answer(text, best))
            write_json(arguments.out, result)  # what is known so far: a text takes hours


if __name__ == "__main__":
    main()
