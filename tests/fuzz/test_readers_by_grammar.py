"""Logs made by grammars that go past what a mutation reaches: tables of odd cells, records
with right checks and wrong contents.
"""

import json
import sqlite3
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.trace.readers.crc32c import masked_crc32c

CELLS = st.one_of(
    st.sampled_from(["", "nan", "inf", "-Infinity", "1e400", "1,5", "1.5", "12%", "1_0", "train", "val",
                     "x", '"', "-", "9" * 90]),
    st.integers().map(str), st.floats().map(repr), st.text(max_size=8),
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(["epoch", "step", "loss", "val_loss", "train/loss", "phase", "run", "metric", "value", "lr",
                     "batch", "", "a - loss", "b - loss", "a - loss__MIN", "timestamp", "_step", "global_step", "acc"]),
    st.text(max_size=12),
)  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def tables(draw):
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    header = draw(st.lists(NAMES, min_size=1, max_size=6))
    rows = draw(st.lists(st.lists(CELLS, min_size=1, max_size=7), max_size=30))
    lines = [delimiter.join(row) for row in ([header] if draw(st.booleans()) else []) + rows]
    encoding = draw(st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-16-le", "utf-32"]))
    return "x.csv", "\n".join(lines).encode(encoding, errors="replace")


@st.composite
def json_logs(draw):
    rows = draw(st.lists(st.dictionaries(NAMES, JSON, max_size=5) | JSON, max_size=12))
    shape = draw(st.sampled_from(["lines", "list", "state", "columns"]))
    if shape == "lines":
        return "x.jsonl", "\n".join(map(json.dumps, rows)).encode()
    if shape == "columns":
        return "x.json", json.dumps(
            draw(st.dictionaries(NAMES, st.lists(JSON, max_size=5) | JSON, max_size=5))
        ).encode()
    content = rows if shape == "list" else {"best": 1, "log_history": rows, "epoch": 2.0}
    return "x.json", json.dumps(content, indent=draw(st.sampled_from([None, 1]))).encode()


@st.composite
def messages(draw, depth=3):
    """Protocol buffers of odd contents in the fields that are read."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        field, kind = draw(st.integers(1, 17)), draw(st.sampled_from([0, 1, 2, 2, 2, 5, 7]))
        parts.append(_varint(field << 3 | kind))
        if kind == 0:
            parts.append(_varint(draw(st.integers(0, 2**64 - 1))))
        elif kind in (1, 5):
            parts.append(draw(st.binary(min_size=8 if kind == 1 else 4, max_size=8 if kind == 1 else 4)))
        elif kind == 2:
            inner = draw(messages(depth=depth - 1) if depth and draw(st.booleans()) else st.binary(max_size=12))
            parts.append(_varint(len(inner)) + inner)
    return b"".join(parts)


def _varint(value):
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _check(content):
    return struct.pack("<I", masked_crc32c(content))


@st.composite
def event_files(draw):
    found = []
    for record in draw(st.lists(messages() | st.binary(max_size=30), min_size=1, max_size=6)):
        length = struct.pack("<Q", len(record))
        found.append(length + _check(length) + record + _check(record))
    return "events.out.tfevents.1", b"".join(found)


@st.composite
def wandb_files(draw):
    content = b":W&B\xe1\xbe\0"
    for record in draw(st.lists(messages() | st.binary(max_size=30), max_size=6)):
        kind = draw(st.integers(0, 5))
        content += struct.pack("<IHB", zlib.crc32(bytes((kind,)) + record), len(record), kind) + record
    return "run.wandb", content


@st.composite
def bases(draw):
    """The tables of MLflow or trackio with anything in their cells."""
    cell = st.one_of(
        st.none(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.text(max_size=8),
        st.binary(max_size=8),
        JSON.map(json.dumps),
    )
    mlflow, trackio = "run_uuid, key, value, timestamp, step, is_nan", "run_id, run_name, step, metrics, id, x"
    columns = draw(st.sampled_from([mlflow, trackio, "run_name, step, metrics, id", "run_uuid, key", "a, b"]))
    width = columns.count(",") + 1
    rows = draw(st.lists(st.tuples(*[cell] * width), max_size=8))
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE metrics ({columns})")
    base.executemany(f"INSERT INTO metrics VALUES ({', '.join('?' * width)})", rows)
    base.execute("CREATE TABLE runs (run_uuid, name)")
    base.executemany("INSERT INTO runs VALUES (?, ?)", draw(st.lists(st.tuples(cell, cell), max_size=4)))
    base.commit()
    content = base.serialize()
    base.close()
    return "x.db", content


@pytest.mark.parametrize("grammar", [tables, json_logs, event_files, wandb_files, bases])
def test_logs_by_grammar(check, fuzzed, grammar):
    fuzzed(given(grammar())(check))()
