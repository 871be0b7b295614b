"""Which format should a trace have? 100 000 steps of 200 signals: size, how fast one is read, what writing costs.

Three formats write the same rows and give them to the operating system every 10, as a run of 10 steps a second does:
- lines: JSON lines, nothing else
- lines_and_blocks: the store as it is, JSON lines whose older rows are packed as columns (`newllm.trace.store`)
- sqlite: rows in one table, every 512 of them packed as columns into another

    python benchmarks/recording_cost/trace_store.py [--quick]
"""

import argparse
import contextlib
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from newllm.trace import TraceWriter, read_signal, read_trace, store
from newllm.trace.rows import encode_row

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

STEPS, SIGNALS = 100_000, 200
ROWS_A_SECOND, PACKED_ROWS = 10, 512
NAMES = ["loss", *(f"gradient_norm/blocks.{number}.mlp.weight" for number in range(SIGNALS - 1))]

Rows = Iterator[tuple[int, dict[str, float]]]


def rows(steps: int, *, single: bool) -> Rows:
    """Yield rows of slowly changing, noisy numbers; `single`: of 32 bits once, as what a recorder measures is."""
    chance = np.random.default_rng(0)
    level = np.exp(chance.normal(size=SIGNALS))
    for step in range(1, steps + 1):
        level *= np.exp(0.002 * chance.normal(size=SIGNALS))
        value = level * np.exp(0.1 * chance.normal(size=SIGNALS))
        yield step, dict(zip(NAMES, (value.astype(np.float32) if single else value).tolist(), strict=True))


def write_lines(path: Path, numbers: Rows) -> None:
    with path.open("ab", buffering=0) as file:
        pending = []
        for step, signals in numbers:
            pending.append(encode_row(step, signals))
            if step % ROWS_A_SECOND == 0:
                file.write(b"".join(pending))
                pending.clear()
        file.write(b"".join(pending))


def write_store(path: Path, numbers: Rows) -> None:
    with TraceWriter(path) as writer:
        for step, signals in numbers:
            writer.write_row(step, signals)
            if step % ROWS_A_SECOND == 0:
                writer.flush()


def write_sqlite(path: Path, numbers: Rows) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute("CREATE TABLE rows (step INTEGER PRIMARY KEY, content BLOB)")
        base.execute("CREATE TABLE columns (name TEXT, first INTEGER, content BLOB)")
        base.execute("CREATE INDEX columns_by_name ON columns (name, first)")
        pending: list[tuple[int, bytes]] = []
        recent: list[dict[str, float]] = []
        for step, signals in numbers:
            pending.append((step, encode_row(step, signals)))
            recent.append(signals)
            if step % ROWS_A_SECOND == 0:
                base.execute("BEGIN")
                base.executemany("INSERT INTO rows VALUES (?, ?)", pending)
                pending.clear()
                if len(recent) >= PACKED_ROWS:
                    pack(base, step - len(recent) + 1, recent)
                    recent = []
                base.execute("COMMIT")


def pack(base: sqlite3.Connection, first: int, recent: list[dict[str, float]]) -> None:
    """Move rows into columns. Their steps are consecutive here, so that none need be kept."""
    compressor = zstandard.ZstdCompressor(level=3)
    for name in NAMES:
        turned = np.array([row[name] for row in recent]).view(np.uint8).reshape(-1, 8).T
        base.execute("INSERT INTO columns VALUES (?, ?, ?)", (name, first, compressor.compress(turned.tobytes())))
    base.execute("DELETE FROM rows")


def read_sqlite(path: Path, name: str) -> np.ndarray:
    unpacker = zstandard.ZstdDecompressor()
    with contextlib.closing(sqlite3.connect(path)) as base:
        found = base.execute("SELECT content FROM columns WHERE name = ? ORDER BY first", (name,))
        parts = [np.frombuffer(unpacker.decompress(content), np.uint8).reshape(8, -1).T.copy() for (content,) in found]
        rest = [json.loads(content)[name] for (content,) in base.execute("SELECT content FROM rows ORDER BY step")]
    return np.concatenate([*(part.view(np.float64).reshape(-1) for part in parts), np.array(rest)])


FORMATS: dict[str, tuple[Callable[[Path, Rows], None], Callable[[Path, str], np.ndarray]]] = {
    "lines": (write_lines, lambda path, name: read_signal(path, name).value),
    "lines_and_blocks": (write_store, lambda path, name: read_signal(path, name).value),
    "sqlite": (write_sqlite, read_sqlite),
}


def measure(name: str, steps: int, *, single: bool = True) -> dict[str, Any]:
    write, read = FORMATS[name]
    truth = np.array([signals[NAMES[7]] for _, signals in rows(steps, single=single)])
    made = time_of(lambda: sum(1 for _ in rows(steps, single=single)), time.process_time)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "trace.jsonl"
        written = time_of(lambda: write(path, rows(steps, single=single)), time.process_time) - made
        reads = [time_of(lambda: read(path, NAMES[7])) for _ in range(15)]
        busy = [time_of(lambda: read(path, NAMES[7]), time.process_time) for _ in range(15)]
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
        result = {
            "steps": steps,
            "megabytes": round(size / 1e6, 2),
            "bytes_per_value": round(size / steps / SIGNALS, 2),
            "milliseconds_to_read_one_signal": {
                "best": round(1e3 * min(reads), 1),
                "median": round(1e3 * statistics.median(reads), 1),
                "processor": round(1e3 * statistics.median(busy), 1),
            },
            "processor_microseconds_to_write_a_row": round(1e6 * written / steps, 1),
            "same_bits": bool(np.array_equal(read(path, NAMES[7]), truth)),
        }
        if name == "lines_and_blocks":
            result["seconds_to_read_all"] = round(time_of(lambda: read_trace(path)), 2)
    return result


def time_of(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    begun = clock()
    action()
    return clock() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2000 steps")
    steps = 2_000 if parser.parse_args().quick else STEPS
    store.FLUSH_SECONDS = 1e9  # flushed by hand, by rows and not by the clock
    result: dict[str, Any] = {"machine": machine.describe(), "signals": SIGNALS}
    # Lines alone are out of reach already at a tenth.
    result["float32_once"] = {name: measure(name, steps // (10 if name == "lines" else 1)) for name in FORMATS}
    result["float64"] = {name: measure(name, max(1000, steps // 10), single=False) for name in ("lines_and_blocks",)}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
