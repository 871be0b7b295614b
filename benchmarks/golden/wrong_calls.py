"""What is said of wrong calls and of damaged files, and the help of every command."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from recording import Recording
from trainings import TINY, TORCH, settings, text_file

COMMANDS = ("train", "generate", "eval", "doctor", "replay", "study", "report", "cache", "ui")
CALLS = """
trian
--jsn
--version
train text.txt --stpes 5
train text.txt --step 5
train text.txt --steps
train text.txt --steps many
train text.txt --steps 0
train text.txt --seed -1
train text.txt --seconds nan
train text.txt --steps 5 --tokens 6
train text.txt --preset tinny
train text.txt --rule gatde
train text.txt --body stak
train text.txt --norm wirte
train text.txt --device banana
train text.txt --errors ignore
train text.txt --guard gard
train text.txt --set model.widht=3
train text.txt --set model=3
train text.txt --set model.width
train text.txt --set model.width=wide
train text.txt --set model.width=0
train text.txt --set window=7
train text.txt --set data.window=100000
train text.txt --set preset=medium
train text.txt --set model.positions=9
train text.txt --set model.vocabulary=7
train text.txt --set optimizer.name=admaw
train text.txt --set optimizer.beta1=1
train text.txt --set numerics.precision=fp8
train text.txt --set data.tokenizer=bpp
train text.txt --set data.format=tabel
train text.txt --lr 0
train text.txt --width wide
train text.txt --layers 0
train text.txt --body lstm --set data.resets=true
train text.txt --body lstm --set training.recompute=true
train text.txt --config no.toml
train text.txt --config text.txt
train no.txt
train '*.none'
train bundled:moby
train empty.txt
train binary.txt
train latin.txt
train short.txt
train table.csv
train 'table.csv#txet'
train text.txt --out run
train text.txt --out text.txt
train text.txt --out foreign
train --resume none
train --resume run --seed 0
train text.txt --resume run
train --resume run --steps 0
train --resume run --steps 6
train --resume run/config.toml
generate
generate none
generate run --temprature 5
generate run --temperature -1
generate run --temperature hot
generate run --top-k -1
generate run --top-p 0
generate run --min-p 2
generate run --repetition-penalty 0
generate run --tokens -1
generate run --snapshot bset
generate run --snapshot 7
generate run --weights fp16
generate run --device banana
generate run --context-in none
generate run --context-in text.txt
generate run --context-out no/where
generate run --context-out text.txt
generate run --prompt ''
eval
eval run
eval none text.txt
eval run no.txt
eval run empty.txt
eval run text.txt --snapshot 7
eval run text.txt --errors ignore
eval run 'table.csv#txet'
eval run latin.txt
doctor
doctor none
doctor empty.txt
doctor binary.txt
doctor text.txt
doctor table.csv
doctor foreign
doctor log.csv --loss lsos
doctor log.csv --step setp
doctor log.csv --vocab 0
doctor log.csv --vocab many
doctor log.csv --html no/where.html
doctor run --loss loss
doctor cut.csv.gz
doctor two
doctor nostep.csv
doctor damaged.json
replay
replay none
replay run
replay log.csv
replay run --spike 0
replay run --spike 2
replay run --budget 0
replay run --budget soon
replay run --only half-learning-rat
replay run --only
replay run --only half-learning-rate+half-learning-rate
replay run --progress-fd 77
study
study foundig
study no.py
study text.txt
study broken.py
study nothing.py
study founding --seeds 0
study founding --workers 0
study founding --out foreign
study founding --out text.txt
study founding --text no.txt
study founding --quik
report
report none
report text.txt
report run --lang fr
report log.csv --out no/where.html
report log.csv --out foreign
report log.csv --loss lsos
report run none
report foreign
cache none
cache text.txt
cache --claer
ui none
ui text.txt
ui . --port 70000
ui . --port many
ui . --host nowhere.invalid
"""
"""A call a line, without `newllm`."""


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _noise(file: Path) -> None:
    file.write_text("{ not what it was ]\n")


DAMAGE: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("config.toml", _noise), ("config.toml", Path.unlink), ("summary.json", _noise), ("summary.json", Path.unlink),
    ("data.json", _noise), ("tokenizer.json", _noise), ("tokenizer.json", Path.unlink), ("trace.jsonl", _noise),
    ("trace.jsonl", _cut), ("trace.jsonl", Path.unlink), ("recording.json", _noise),
    ("snapshots/step-00000006/model.safetensors", _cut), ("snapshots/step-00000006/state.json", _noise),
    ("snapshots", shutil.rmtree),
)  # fmt: skip


def _prepare(work: Path) -> None:
    text = text_file(work / "text.txt").read_text()
    (work / "empty.txt").write_text("")
    (work / "binary.txt").write_bytes(b"ab\0c" * 100)
    (work / "latin.txt").write_bytes(b"a" * 500 + b"\xff" + b"b" * 500)
    (work / "short.txt").write_text("too short for a window")
    (work / "table.csv").write_text("id,review\n" + "".join(f'{at},"{text[at : at + 60]!r}"\n' for at in range(40)))
    (work / "log.csv").write_text("step,loss\n" + "".join(f"{at},{5 - at / 100}\n" for at in range(100)))
    (work / "nostep.csv").write_text("colour,shape\nred,round\nblue,square\n")
    (work / "damaged.json").write_text('{"log_history": [{"loss": 1.0, "step": 1}, {"lo')
    (work / "cut.csv.gz").write_bytes(b"\x1f\x8b" + b"x" * 100)
    (work / "broken.py").write_text("STUDY = Study(\n")
    (work / "nothing.py").write_text("x = 1\n")
    (work / "foreign").mkdir()
    (work / "foreign/notes.txt").write_text("mine")


def record(to: Recording) -> None:
    """Record all of it."""
    _prepare(to.work)
    small = [*settings(*TINY, *TORCH), "--steps", "6", "--set=training.snapshot_every=2", "--quiet"]
    to.made("train", "text.txt", *small, "--out", "run")
    for name in ("a", "b"):
        shutil.copytree(to.work / "run", to.work / "two" / name)
    for command in COMMANDS:
        to.call("help", command, "--help")
    to.call("help", "--help")
    to.call("no-command")
    for line in CALLS.strip().splitlines():
        arguments = shlex.split(line)
        to.call(arguments[0] if arguments[0] in COMMANDS else "no-command", *arguments)
    for file, damage in DAMAGE:
        _damaged(to, file, damage)


def _damaged(to: Recording, file: str, damage: Callable[[Path], None]) -> None:
    """Record what every command that reads a run says of one with a damaged or missing file."""
    (to.work / "hurt.html").unlink(missing_ok=True)
    name = f"damaged/{file.replace('/', '-')}-{damage.__name__.strip('_')}"
    for arguments in (
        ("generate", "hurt", "--tokens", "5"), ("eval", "hurt", "text.txt"), ("doctor", "hurt"), ("replay", "hurt"),
        ("report", "hurt", "--out", "hurt.html"), ("train", "--resume", "hurt", "--steps", "8", "--quiet"),
    ):  # fmt: skip
        shutil.rmtree(to.work / "hurt", ignore_errors=True)
        shutil.copytree(to.work / "run", to.work / "hurt")
        damage(to.work / "hurt" / file)
        to.call(name, *arguments)
    to.page(name, to.work / "hurt.html")
