"""Whatever a log holds, `read_log` returns a sound trace or says one clear line: valid logs of all formats, mutated.

`NEWLLM_FUZZ=20000` makes so many inputs a test; the default is small.
"""

import gzip
import json
from pathlib import Path

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from newllm.errors import UserError
from newllm.trace import TraceWriter, read_trace, store

FIXTURES = Path(__file__).parents[1] / "unit" / "trace" / "fixtures"


def _seeds():
    names = ("tensorboardx.tfevents", "torch.tfevents", "offline.wandb", "lightning_metrics.csv", "trainer_state.json")
    files = {name: (FIXTURES / name).read_bytes() for name in names}
    files["trackio.db"] = gzip.decompress((FIXTURES / "trackio.db.gz").read_bytes())
    files["mlflow.db"] = gzip.decompress((FIXTURES / "mlflow.db.gz").read_bytes())
    curve = b"epoch,train_loss,val_loss\n1,7.0,7.1\n2,5.7692,nan\n3,inf,5.6552\n"
    files["curve.csv"] = curve
    files["curve.tsv"] = curve.replace(b",", b"\t")
    files["comma.csv"] = curve.replace(b",", b";").replace(b".", b",")
    files["wide.csv"] = b'"Step","a - loss","a - loss__MIN","b - loss"\n"1","2.0","2.0","3"\n"2","1.0","1.0","2"\n'
    files["utf16.csv"] = curve.decode().encode("utf-16")
    files["curve.csv.gz"] = gzip.compress(curve * 20, mtime=0)
    files["curve.csv.zst"] = zstandard.compress(curve * 20)
    files["rows.jsonl"] = b'{"step": 1, "loss": 2.5, "val": {"acc": NaN}}\n{"step": 2, "loss": "inf", "run": "a"}\n' * 5
    files["keras.json"] = json.dumps({"loss": [3.0, 2.0, 1.0], "val_loss": [3.5, 2.5, 1.5]}).encode()
    return files


SEEDS = _seeds()
TOKENS = [b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-1", b"\x00", b"\xff\xfe", b'"', b"[", b"{", b"}\n", b"\n",
          b",", b";", b"\x1b[31m", b"\xe2\x80\xae", b"18446744073709551616", b"\x80" * 12, b"null", b"{" * 3000, b"#",
          b"%", b"_"]  # fmt: skip


@st.composite
def mutated(draw):
    name = draw(st.sampled_from(sorted(SEEDS)))
    content = bytearray(SEEDS[name])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(["flip", "cut", "drop", "insert", "token", "double", "move"]))
        span = draw(st.integers(1, 64))
        if kind == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + span]
        elif kind == "insert":
            content[at:at] = draw(st.binary(max_size=40))
        elif kind == "token":
            content[at:at] = draw(st.sampled_from(TOKENS))
        elif kind == "double":
            content[at:at] = content[at : at + span]
        else:
            content += content[at : at + span]
    return name, bytes(content)


def test_mutated_logs(check, fuzzed):
    fuzzed(given(mutated())(check))()


def test_anything(check, fuzzed):
    names = st.sampled_from(["x.csv", "x.jsonl", "x.json", "x.db", "x.wandb", "x.gz"])
    fuzzed(given(st.tuples(names, st.binary(max_size=300)))(check))()


def _packed_trace(directory):
    path = directory / "seed" / "trace.jsonl"
    path.parent.mkdir()
    size, store.PACK_BYTES = store.PACK_BYTES, 1000
    try:
        with TraceWriter(path) as writer:
            for step in range(60):
                writer.write_row(step, {"loss": 1 / (step + 1), "gradient_norm/head": float(step)})
                writer.flush()
    finally:
        store.PACK_BYTES = size
    return path.read_bytes(), path.with_suffix(".blocks").read_bytes()


def test_blocks_of_a_trace(tmp_path, fuzzed, clear):
    lines, blocks = _packed_trace(tmp_path)
    path = tmp_path / "trace.jsonl"
    path.write_bytes(lines)

    def run(data):
        content = bytearray(blocks)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
        path.with_suffix(".blocks").write_bytes(bytes(content))
        try:
            read_trace(path)
        except UserError as error:
            clear(error)

    fuzzed(given(st.data())(run))()
