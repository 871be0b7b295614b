"""What the doctor and the report say of logs: all fixtures of the tests, and the stored runs of the benchmark."""

import gzip
import shutil
from pathlib import Path

from recording import HERE, ROOT, Recording

PACKED = ROOT / "benchmarks/doctor/traces/runs.jsonl.zst"
SUFFIXES = (".csv", ".gz", ".tfevents", ".wandb", ".json", ".jsonl", ".log")
_REPORTED = 14
"""A stored run in so many has its report recorded."""


def fixture_logs(into: Path) -> list[str]:
    """Copy the logs that the tests read, and return their names: files, and a directory of MLflow's."""
    into.mkdir()
    for folder in sorted(found for found in (ROOT / "tests").rglob("fixtures") if found.is_dir()):
        for log in sorted(folder.iterdir()):
            if log.is_dir():
                shutil.copytree(log, into / log.name)
            elif log.suffix == ".gz":
                (into / log.stem).write_bytes(gzip.decompress(log.read_bytes()))
            elif log.suffix in SUFFIXES:
                shutil.copy(log, into / log.name)
    _written(into)
    return sorted(log.name for log in into.iterdir())


def _written(into: Path) -> None:
    """Write logs of further forms: what a console shows, JSON lines, tables with other names."""
    losses = [4 / (1 + 0.1 * step) + (3 if 60 <= step < 64 else 0) for step in range(90)]
    (into / "console.log").write_text(
        "".join(f"step {at}/90 | loss {loss:.4f} | lr 1.0e-3 | {at / 7:.1f} it/s\n" for at, loss in enumerate(losses))
    )
    (into / "lines.jsonl").write_text(
        "".join(
            f'{{"iter": {at}, "train/loss": {loss:.4f}, "grad_norm": {1 + loss:.3f}}}\n'
            for at, loss in enumerate(losses)
        )
    )
    (into / "nan.csv").write_text(
        "step,loss\n" + "".join(f"{at},{'nan' if at > 70 else loss}\n" for at, loss in enumerate(losses))
    )
    (into / "other_names.csv").write_text(
        "counter,objective\n" + "".join(f"{10 * at},{5 - at / 100}\n" for at in range(100))
    )
    (into / "epochs.tsv").write_text(
        "epoch\ttrain_loss\tval_loss\n" + "".join(f"{at}\t{3 / at:.4f}\t{2 + at / 9:.4f}\n" for at in range(1, 40))
    )
    (into / "short.csv").write_text("step,loss\n1,2.5\n2,2.4\n")


def record(to: Recording) -> None:
    """Record all of it."""
    logs = fixture_logs(to.work / "fixtures")
    for name in logs:
        for more in ([], ["--json"], ["--vocab", "97"]):
            to.call(f"fixtures/{name}", "doctor", f"fixtures/{name}", *more)
        _reported(to, f"fixtures/{name}")
    to.call("fixtures/named", "doctor", "fixtures/other_names.csv", "--loss", "objective", "--step", "counter")
    to.call("fixtures/named", "doctor", "fixtures/lines.jsonl", "--html", "page.html")
    to.page("fixtures/named", to.work / "page.html")
    _stored(to)
    for lang in ("en", "ja"):
        several = [f"fixtures/{name}" for name in ("lines.jsonl", "nan.csv", "console.log")]
        to.call("several", "report", *several, "--lang", lang, "--out", f"several-{lang}.html")
        to.page(f"several-{lang}", to.work / f"several-{lang}.html")


def _reported(to: Recording, log: str) -> None:
    for lang in ("en", "ja"):
        to.call(log, "report", log, "--lang", lang, "--out", f"{lang}.html")
        to.page(f"{log}-{lang}", to.work / f"{lang}.html")
        (to.work / f"{lang}.html").unlink(missing_ok=True)


def _stored(to: Recording) -> None:
    """Record what the doctor says of every stored run, and the report of some."""
    done = to.ask("stored", PACKED, script=str(HERE / "unpacked.py"))
    if done["code"]:
        raise RuntimeError(done["err"])
    for number, run in enumerate(sorted((to.work / "stored").iterdir())):
        to.call(f"stored/{run.name}", "doctor", f"stored/{run.name}")
        to.call(f"stored/{run.name}", "doctor", f"stored/{run.name}", "--json")
        if number % _REPORTED == 0:
            _reported(to, f"stored/{run.name}")
