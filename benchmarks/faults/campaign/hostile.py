"""Logs of every format that is read, damaged: `newllm doctor` gives a sound answer or one line, within its limits."""

import contextlib
import gzip
import io
import json
import random
import resource
import signal
import sqlite3
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import zstandard

from campaign.outcome import REFUSED, SOUND, VIOLATION, Outcome
from campaign.stage import Stage
from newllm.cli.main import main

BATCH = 200  # logs that one child reads
_SECONDS = 4.0  # of the processor, for one log
_BYTES = 1 << 30  # more memory than the child has when it begins
_FIXTURES = Path(__file__).parents[3] / "tests" / "unit" / "trace" / "fixtures"
_TOKENS = (
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-1", b"\x00", b"\xff\xfe", b'"', b"[", b"{", b"}\n", b"\n", b","),
    *(b";", b"\x1b[31m", b"\xe2\x80\xae", b"18446744073709551616", b"\x80" * 12, b"null", b"{" * 3000, b"#", b"%"),
    *(b"_", b"\r", b"\t", b"step", b"loss", b"1e-320", b"0x1p9", b"\xd9\xa3", b"\x1a", b"=", b"(", b"\xed\xa0\x80"),
)


def logs() -> dict[str, bytes]:
    """Return an undamaged log of each format by its name."""
    names = ("tensorboardx.tfevents", "torch.tfevents", "offline.wandb", "lightning_metrics.csv", "trainer_state.json")
    found = {name: (_FIXTURES / name).read_bytes() for name in names}
    found["trackio.db"] = gzip.decompress((_FIXTURES / "trackio.db.gz").read_bytes())
    found["mlflow.db"] = gzip.decompress((_FIXTURES / "mlflow.db.gz").read_bytes())
    rows = [(step, 3.0 / step + (1.5 if step == 30 else 0.0), 3.2 / step) for step in range(1, 41)]
    curve = "epoch,train_loss,val_loss\n" + "".join(f"{step},{a:.4f},{b:.4f}\n" for step, a, b in rows)
    found |= {"curve.csv": curve.encode(), "curve.tsv": curve.replace(",", "\t").encode()}
    found["comma.csv"] = curve.replace(",", ";").replace(".", ",").encode()
    found |= {"utf16.csv": curve.encode("utf-16"), "curve.csv.gz": gzip.compress(curve.encode(), mtime=0)}
    found["curve.csv.zst"] = zstandard.compress(curve.encode())
    found["rows.jsonl"] = "".join(
        json.dumps({"step": step, "loss": a, "val": {"loss": b}}) + "\n" for step, a, b in rows
    ).encode()
    found["keras.json"] = json.dumps({"loss": [a for _, a, _ in rows], "val_loss": [b for *_, b in rows]}).encode()
    found["console.log"] = "".join(
        f"step {step}: train loss {a:.4f}, val loss {b:.4f}\n" for step, a, b in rows
    ).encode()
    found["mlruns.txt"] = "".join(f"{1700000000000 + step} {a} {step}\n" for step, a, _ in rows).encode()
    found["bare.db"] = _bare_base(rows)
    return found


def damage(content: bytes, chance: random.Random) -> bytes:
    """Return a log with one to six damages: bits, cuts, gaps, garbage, odd words, doubles, moved pieces."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at, span = chance.randint(0, max(0, len(found) - 1)), chance.choice((1, 4, 16, 64, 512))
        kind = chance.choice(("flip", "flip", "cut", "drop", "garbage", "word", "double", "move", "many"))
        if kind == "flip" and found:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            del found[at:]
        elif kind == "drop":
            del found[at : at + span]
        elif kind == "garbage":
            found[at:at] = chance.randbytes(min(span, 64))
        elif kind == "word":
            found[at:at] = chance.choice(_TOKENS)
        elif kind == "double":
            found[at:at] = found[at : at + span]
        elif kind == "move":
            found += found[at : at + span]
        elif kind == "many":
            found[at:at] = bytes(found[at : at + span]) * chance.choice((2, 30, 300))
    return bytes(found)


class Hostile:
    """Damaged logs, read in children, a batch in each.

    Args:
        stage: where they are read.
        seed: of the campaign.
    """

    def __init__(self, stage: Stage, seed: str) -> None:
        self.stage, self.seed, self.logs = stage, seed, logs()

    def batch(self, numbers: range) -> list[Outcome]:
        """Read the logs of these numbers; each is an outcome."""
        self.stage.clear()
        file = self.stage.folder / "read"
        file.write_text("")

        def read_all() -> int:
            signal.signal(signal.SIGPROF, _too_long)
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (used + _BYTES, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY,) * 2)
            signal.alarm(0)
            with file.open("a") as told:
                for number in numbers:
                    print(json.dumps(self._read(number)), file=told, flush=True)
            return 0

        ended = self.stage.run(read_all)
        found = [Outcome(*json.loads(line)) for line in file.read_text().splitlines()]
        if ended.code != 0 and len(found) < len(numbers):
            about = self._log(numbers[len(found)])[0]
            found.append(
                Outcome(about, VIOLATION, f"log {numbers[len(found)]} ended its reader: {ended.code} {ended.stderr}")
            )
        return found

    def _log(self, number: int) -> tuple[str, bytes]:
        chance = random.Random(f"{self.seed} logs {number}")
        name = chance.choice(sorted(self.logs))
        return name, damage(self.logs[name], chance)

    def _read(self, number: int) -> tuple[str, str, str]:
        name, content = self._log(number)
        path = Path(name)
        path.write_bytes(content)
        stdout, stderr = io.StringIO(), io.StringIO()
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        try:
            with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
                code = main(["doctor", name, "--json"])
        except BaseException as error:  # whatever it is, it may not come out of a command
            return name, VIOLATION, f"log {number}: {error!r}"[:600]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            path.unlink()
        problem = _problem(code, stdout.getvalue(), stderr.getvalue())
        return (name, VIOLATION, f"log {number}: {problem}") if problem else (name, REFUSED if code == 2 else SOUND, "")


def _problem(code: int, stdout: str, stderr: str) -> str | None:
    """Say what is wrong with an answer."""
    if code == 2:
        one = stderr.endswith("\n") and stderr.count("\n") == 1 and stderr.startswith("newllm: ")
        one = one and stderr[:-1].isprintable() and len(stderr) < 2100
        return None if one and (not stdout or _is_answer(stdout)) else f"no clear line: {stderr!r:.400} {stdout:.200}"
    try:
        answer = json.loads(stdout, parse_constant=_no_number)
        sound = {one["severity"] for one in answer["findings"]} <= {"note", "warning", "fault"} and code in (0, 1)
    except (ValueError, LookupError, TypeError) as error:
        return f"exit code {code}, no sound answer ({error!r}): {stdout:.300}"
    return None if sound else f"exit code {code} with {stdout:.300}"


def _is_answer(stdout: str) -> bool:
    """Whether what cannot be judged has its JSON object all the same."""
    try:
        return json.loads(stdout, parse_constant=_no_number)["findings"] == []
    except (ValueError, LookupError, TypeError):
        return False


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _too_long(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 (the form signal wants)
    raise TimeoutError(f"took more than {_SECONDS} s of the processor")


def _bare_base(rows: list[tuple[int, float, float]]) -> bytes:
    """Return an SQLite base with MLflow's table of metrics and nothing else, whose pages are few."""
    base: Any = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan)")
    base.executemany("INSERT INTO metrics VALUES ('loss', ?, 0, 'a', ?, 0)", [(loss, step) for step, loss, _ in rows])
    base.commit()
    content = base.serialize()
    base.close()
    return content
