"""What trainings of our own show: every body and rule, a run that spikes, its replay, a guarded run."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

from recording import HERE, Recording

TINY = (
    "model.width=32", "model.layers=2", "model.hidden=32", "model.context=32", "model.heads=2", "data.window=16",
    "data.batch=2", "numerics.precision=fp32", "numerics.threads=1", "numerics.device=cpu", "training.ring_every=4",
    "training.steps=8", "training.evaluate_every=4", "training.snapshot_every=4", "training.keep=9",
)  # fmt: skip
SPIKING = (
    "model.width=64", "model.hidden=64", "model.context=64", "model.layers=6", "optimizer.learning_rate=1e-3",
    "training.steps=60", "training.snapshot_every=10", "training.keep=99", "training.ring_every=4",
    "numerics.threads=1", "numerics.device=cpu", "numerics.scan_backend=torch",
)  # fmt: skip
"""The founding run, narrower and faster: its loss leaves its trend at step 44 or so."""
RULES = ("additive", "ema", "gated", "lstm", "dual")
_STARTED = "2026-01-02T03:04:05+00:00"
TORCH = ("numerics.scan_backend=torch",)


def kinds() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each training's name and settings."""
    for body in ("cell", "zero-cell", "stack", "zero-stack"):
        for rule in RULES:
            yield f"{body}-{rule}", (f"model.body={body}", f"model.rule={rule}", *TORCH)
    for body in ("attention", "founding-transformer", "lstm"):
        more = ("model.positions=16",) if body == "founding-transformer" else ()
        yield body, (f"model.body={body}", *more, *TORCH)
    for body in ("cell", "stack"):
        for norm in ("read", "write"):
            yield f"{body}-norm-{norm}", (f"model.body={body}", f"model.norm={norm}", *TORCH)
    yield "cell-residual", ("model.body=cell", "model.fnn=residual", *TORCH)
    yield "stack-learned-decay", ("model.rule=ema", "model.learn_decay=true", *TORCH)
    yield "stack-recompute", ("training.recompute=true", "model.dropout=0.1", "training.accumulate=2", *TORCH)
    yield "stack-carry-words", ("data.carry=true", "data.tokenizer=word", *TORCH)
    yield "stack-sgd", ("optimizer.name=sgd", "optimizer.schedule=constant", *TORCH)
    yield "stack-bf16", ("numerics.precision=bf16", *TORCH)
    for body in ("cell", "stack"):
        yield f"{body}-compiled", (f"model.body={body}", "numerics.scan_backend=numba")


def text_file(place: Path) -> Path:
    """Write a text of nine words a line, and return it."""
    chance = random.Random(0)
    words = ("the", "whale", "sea", "ship", "captain", "of", "and", "a", "was", "to", "his", "white", "boat", "upon")
    place.write_text("\n".join(" ".join(chance.choice(words) for _ in range(9)) + "." for _ in range(160)))
    return place


def settings(*given: str) -> list[str]:
    """Return settings as options of the command line."""
    return [f"--set={setting}" for setting in given]


def spiking_run(to: Recording, name: str) -> None:
    """Train the run that spikes, without recording it."""
    to.made("train", "--preset", "seed-baseline", *settings(*SPIKING), "--out", name, "--quiet")


def fix_times(run: Path) -> None:
    """Give a run the same times in every recording: pages draw charts over them."""
    file = run / "summary.json"
    content = json.loads(file.read_text())
    content.pop("sha256", None)  # what has no checksum is taken as it is
    times = {"seconds": 4.0, "tokens_per_second": content["tokens"] / 4, "started": _STARTED, "heartbeat": _STARTED}
    file.write_text(json.dumps(content | times, indent=2) + "\n")


def record(to: Recording) -> None:
    """Record all of it."""
    text_file(to.work / "text.txt")
    (to.work / "other.txt").write_text("the captain of the white whale was upon the sea.\nhis boat and a ship.\n")
    for name, own in kinds():
        _training(to, name, ["text.txt", *settings(*TINY, *own), "--seed", "1"])
    base = ["text.txt", *settings(*TINY, *TORCH)]
    to.call("forms", "train", *base, "--json", "--out", "json")
    to.call("forms", "train", *base, "--quiet", "--out", "quiet")
    to.call("forms", "train", *base, "--steps", "4", "--out", "longer")
    to.call("forms", "train", "--resume", "longer", "--steps", "12")
    to.call("forms", "train", "--resume", "longer")
    to.call("forms", "eval", "json", "other.txt", "--json")
    to.call("forms", "generate", "json", "--prompt", "the", "--tokens", "12", "--seed", "3", "--json")
    for weights in ("bf16", "int8"):
        to.call("forms", "generate", "json", "--prompt", "the", "--tokens", "12", "--weights", weights)
    to.call(
        "forms", "generate", "json", "--prompt", "-", "--tokens", "0", "--context-out", "a.context", input="the sea"
    )
    to.call(
        "forms", "generate", "json", "--context-in", "a.context", "--tokens", "12", "--top-k", "9", "--top-p", "0.9"
    )
    to.call("forms", "cache", "json")
    to.call("forms", "cache", "json", "--json")
    _spike(to)


def _training(to: Recording, name: str, arguments: list[str]) -> None:
    to.call(name, "train", *arguments, "--out", name)
    to.call(name, "generate", name, "--prompt", "the whale", "--tokens", "20", "--seed", "3")
    to.call(name, "eval", name, "other.txt")
    to.write(name, _left_behind(to, name), append=True)


def _left_behind(to: Recording, name: str) -> str:
    """Return a run's signals, its files, its configuration and the digests of its weights."""
    folder = to.work / name
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    told = [to.ask(name, script=str(HERE / "signals.py"))["out"], "-- files"]
    told += [str(file.relative_to(folder)) + _digest(file) for file in files]
    for file in (folder / "config.toml", folder / "data.json", folder / "summary.json", folder / "samples.jsonl"):
        told.append(f"-- {file.name}\n" + (to.blanks.output(file.read_text()) if file.is_file() else "not there"))
    return "\n".join(told) + "\n"


def _digest(file: Path) -> str:
    return f" {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}" if file.suffix == ".safetensors" else ""


def _spike(to: Recording) -> None:
    """Record a run whose loss spikes, what is said of it, and guarded ones."""
    arguments = ["--preset", "seed-baseline", *settings(*SPIKING)]
    _training(to, "spiking", arguments)
    for policy in ("guard", "rollback-and-skip", "ask"):
        to.call(f"guarded-{policy}", "train", *arguments, "--guard", policy, "--out", f"guarded-{policy}")
        to.write(f"guarded-{policy}", _left_behind(to, f"guarded-{policy}"), append=True)
        fix_times(to.work / f"guarded-{policy}")
        to.made("report", f"guarded-{policy}", "--quiet")
        to.page(f"guarded-{policy}", to.work / f"guarded-{policy}/report.html")
    to.call("replay", "replay", "--list")
    to.call("replay", "replay", "--list", "--json")
    to.call("replay", "replay", "spiking", "--list")
    for wrong in (
        ("--spike", "0"), ("--spike", "9"), ("--only", "half-learning-rat"), ("--only", "sgd+sgd"), ("--only", "sgd+"),
    ):  # fmt: skip
        to.call("replay-wrong", "replay", "spiking", *wrong)
    few = ["--only", "half-learning-rate", "replace-batches", "clip-half", "--budget", "3000"]
    to.call("replay", "replay", "spiking", *few)
    to.call("replay", "replay", "spiking", *few, "--json")
    to.call("replay", "doctor", "spiking")
    to.call("replay", "doctor", "spiking", "--json")
    for file in sorted((to.work / "spiking/replays").rglob("*.json")):
        if "states" not in file.parts and "trajectories" not in file.parts:
            to.write(f"replay-files/{file.name}", to.blanks.output(file.read_text()))
    for name in ("spiking", "json"):
        fix_times(to.work / name)
    for lang in ("en", "ja"):
        to.call("replay", "report", "spiking", "json", "--lang", lang, "--out", f"two-{lang}.html")
        to.page(f"two-{lang}", to.work / f"two-{lang}.html")
        to.call("replay", "report", "spiking", "--lang", lang)
        to.page(f"replayed-{lang}", to.work / "spiking/report.html")
