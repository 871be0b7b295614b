"""Train a model on texts: files, directories, globs, .gz .xz .zst, JSONL, FILE.csv#COLUMN, or - for standard input.

hf:NAME[:SPLIT[:COLUMN]] is a data set of Hugging Face, a local .parquet, .arrow, .json, .jsonl or .csv among them;
of a split as train[:200MB] only the beginning is fetched.
Without TEXT it trains on the bundled novel (Moby Dick), or, with a founding-... preset, on 30 sentences.
Ctrl-C or SIGTERM stops after the current step with exit code 130 or 143, and --resume continues the run as if it had
never stopped.

  newllm train my-text.txt --seconds 120
  newllm train "books/*.txt" --preset medium --set data.tokenizer=bpe --steps 5000
  newllm train --preset founding-baseline --out runs/founding
  newllm train my-text.txt --width 512 --layers 6 --lr 1e-3 --seconds 3600
  newllm train --resume runs/my-text
  newllm train --resume runs/my-text --steps 20000
  newllm train my-text.txt --guard
  newllm train hf:reviews.parquet:train:text
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.cli.parser import config_named, language_of
from newllm.errors import UserError
from newllm.files import to_json
from newllm.launcher import launched_again, launched_rank
from newllm.messages import Catalogue, message

_EXACT = 0.05  # of a budget in seconds: a larger difference is explained
_NAMED = 5  # steps in one line
_SETTINGS = {
    "layers": ("model.layers", int, "blocks of the model"),
    "window": ("data.window", int, "tokens in a sequence"),
    "batch": ("data.batch", int, "sequences in a batch"),
    "accumulate": ("training.accumulate", int, "batches whose gradients make one update"),
    "lr": ("optimizer.learning_rate", float, "the highest learning rate"),
}
_WITH_RESUME = {"command", "began", "resume", "guard", "track", "steps", "tokens", "seconds", "json", "quiet", "lang"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to train on")
    parser.add_argument("--out", metavar="RUN", help="the run directory to make (default: a new one below runs/)")
    parser.add_argument(
        "--config",
        type=config_named,
        metavar="FILE",
        help="a TOML file of settings; the config.toml of a run repeats it (demo:NAME: that of the demo's run)",
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="tiny, small (default), medium, large; founding-baseline, founding-experiment1 to 3, founding-transformer",
    )
    parser.add_argument("--body", metavar="NAME", help="cell, stack, attention, lstm, zero-cell, zero-stack ...")
    parser.add_argument(
        "--rule",
        metavar="NAME[,NAME...]",
        help="additive, ema, gated, lstm, dual; of matrices delta, signed-delta, kda; several: one a block, repeated",
    )
    parser.add_argument("--norm", metavar="NAME", help="context norm: none, read or write")
    parser.add_argument(
        "--width", type=int, metavar="N", help="width of the model; hidden, context and heads are scaled with it"
    )
    for option, (setting, kind, what) in _SETTINGS.items():
        metavar = "F" if kind is float else "N"
        parser.add_argument(f"--{option}", type=kind, metavar=metavar, help=f"{what} ({setting})")
    parser.add_argument("--steps", type=int, metavar="N", help="budget in updates")
    parser.add_argument("--tokens", type=int, metavar="N", help="budget in training tokens")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="end S seconds after the command began; preparation, evaluations and curves are included, and the "
        "learning rate falls as they pass",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="random seed (default 0)")
    parser.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
    parser.add_argument(
        "--errors", metavar="HOW", help="invalid UTF-8: strict (default) refuses it, replace inserts U+FFFD"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting of config.toml")
    parser.add_argument(
        "--guard",
        nargs="?",
        const="guard",
        metavar="POLICY",
        help="what to do when the loss leaves its trend: guard (the default of --guard: replay remedies, roll back "
        "with the best), rollback-and-skip, ask (stop), off (the default without --guard)",
    )
    parser.add_argument(
        "--track",
        metavar="NAMES",
        help="send it to experiment trackers: mlflow, tensorboard, trackio, wandb, or MODULE:CLASS, with commas "
        "between them; --resume goes on with those of the run unless it is given others, or none",
    )
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="continue a run; --steps, --tokens (of the whole run) or --seconds (from now on) train it longer than "
        "planned; --guard and --track are the only other options",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, show where the run is and what it writes."""
    from newllm import api
    from newllm.cli.progress import choose_display
    from newllm.training.budget import Budget
    from newllm.training.last_words import was_launched_here

    leads = launched_rank() == 0
    _check_guard(arguments.guard)
    budget = Budget(arguments.steps, arguments.tokens, arguments.seconds, arguments.began)
    display = None if arguments.quiet or not leads else choose_display(sys.stderr, language_of(arguments))
    observers = [] if display is None else [display]
    run = arguments.out or arguments.resume
    if leads and launched_again() and run and was_launched_here(Path(run)):  # a budget was planned for then
        trained = api.resume(run, observers, track=arguments.track)
    elif arguments.resume:
        _check_resume(arguments)
        trained = api.resume(arguments.resume, observers, arguments.guard, budget, arguments.track)
    else:
        trained = api.train(
            *arguments.texts,
            out=arguments.out,
            preset=arguments.preset,
            config=arguments.config,
            body=arguments.body,
            budget=budget,
            settings=[*_settings(arguments), *arguments.set],
            observers=observers,
            rule=arguments.rule,
            norm=arguments.norm,
            width=arguments.width,
            seed=arguments.seed,
            device=arguments.device,
            guard=arguments.guard,
            track=arguments.track,
        )
    if arguments.json and leads:
        print(to_json(trained.as_dict()))
    elif display is not None:
        _tell(trained, arguments.began, display.onsets, display.words)
    if trained.stopped_by is not None:
        return 128 + signal.Signals[trained.stopped_by]
    return 0 if trained.summary.status == "finished" else 1


def _settings(arguments: argparse.Namespace) -> list[str]:
    """Return the settings that have an option of their own."""
    named = {option: setting for option, (setting, _, _) in _SETTINGS.items()} | {"errors": "data.errors"}
    given = vars(arguments)
    return [f"{setting}={given[option]}" for option, setting in named.items() if given[option] is not None]


def _check_guard(given: str | None) -> None:
    from newllm.training.config import GUARD_POLICIES

    if given is not None and given not in GUARD_POLICIES:
        known = ", ".join(GUARD_POLICIES)
        raise UserError(f"--guard '{given}' is no policy: give one of {known}, or --guard alone behind all TEXT")


def _check_resume(arguments: argparse.Namespace) -> None:
    for name, value in vars(arguments).items():
        if name not in _WITH_RESUME and value not in (None, []):
            shown = "TEXT" if name == "texts" else f"--{name}"
            raise UserError(
                f"--resume {arguments.resume} takes the run's own configuration: drop {shown}, or train a new run"
            )


def _tell(trained: Any, began: float, onsets: Sequence[int], words: Catalogue) -> None:
    """Print where the run is, what it reached, where its loss left its trend, and a sample of what it writes."""
    until_sample = time.monotonic() - began
    summary, best = trained.summary, trained.summary.best_validation
    run, state = str(trained.path), words(f"state-{summary.status}")
    done = {"steps": summary.step, "tokens": summary.tokens, "seconds": summary.seconds, "wall": until_sample}
    print(words("train-ended", state=state, run=run, **done))
    if summary.message:
        print(words.text(summary.why))
    if best is not None:
        numbers = {"loss": best.loss, "perplexity": best.perplexity, "bits": best.bits_per_byte}
        print(words("train-best", step=best.step, **numbers))
    print(words("train-curves", file=str(trained.path / "training_curves.png")))
    if onsets:
        print(_off_trend(onsets, trained.path, words))
    if summary.status == "finished":
        _show_sample(trained, words, time_is_over=bool(trained.seconds) and until_sample >= trained.seconds)
    elif summary.status == "interrupted":
        print(words("train-go_on", run=run))
    if trained.seconds and summary.status == "finished":
        _say_time(trained.seconds, until_sample, time.monotonic() - began, words)


def _show_sample(trained: Any, words: Catalogue, *, time_is_over: bool) -> None:
    """Print what the model writes; where the time is over, what it wrote last while it trained."""
    from newllm import api
    from newllm.cli.model_text import model_text
    from newllm.trace.samples import read_samples, samples_of
    from newllm.training.pace import FEW_STEPS

    run = str(trained.path)
    if trained.config.parallel.is_sharded:  # this process may have no room for the whole model
        print(words("train-write_on", run=run))
        return
    if trained.seconds and trained.summary.step < FEW_STEPS:
        print(words("train-no_sample", run=run))
        return
    if time_is_over:
        written = [one for one in samples_of(read_samples(trained.path / "samples.jsonl")) if one.step > 0]
        if not written:
            print(words("train-no_time", run=run))
            return
        text = written[-1].text
        print(f"{words('train-sample_at', step=written[-1].step)}\n")
    else:
        text = api.load(trained.path, device=trained.config.numerics.device).generate("", 300).text
        print(f"{words('train-sample')}\n")
    model_text(sys.stdout)(f"{_indented(text)}\n\n")
    print(words("train-write_on", run=run))


def _say_time(given: float, until_sample: float, total: float, words: Catalogue) -> None:
    """Say why a run by the clock took another time than was given to it; all in seconds since the command began."""
    if abs(total - given) > _EXACT * given:
        took = {"wall": total, "trained": until_sample, "sample": total - until_sample}
        print(words("train-other_time", seconds=round(given, 1), **took))


def _off_trend(onsets: Sequence[int], run: Path, words: Catalogue) -> str:
    """Return the line about what is marked in the curve."""
    if len(onsets) == 1:
        return words("train-spike", step=onsets[0], run=str(run))
    named = [f"{one:,}" for one in onsets]
    steps = named if len(named) <= _NAMED else message("train-steps_from_to", first=onsets[0], last=onsets[-1])
    return words("train-spikes", count=len(onsets), steps=steps, run=str(run))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().split("\n"))
