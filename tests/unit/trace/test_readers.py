"""Every format, in files that the real packages wrote (fixtures/README.md), and directories of them."""

import gzip
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.trace import TraceWriter, store
from newllm.trace.readers import read_log

FIXTURES = Path(__file__).parent / "fixtures"
LOSS = [round(4 / (1 + 0.1 * step), 4) for step in range(12)]
SINGLE = np.array(LOSS, np.float32).astype(np.float64).tolist()


def text(tmp_path, content, name="log.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content, name="log.csv"):
    return read_log(text(tmp_path, content, name))


def unpacked(tmp_path, name):
    path = tmp_path / name.removesuffix(".gz")
    path.write_bytes(gzip.decompress((FIXTURES / name).read_bytes()))
    return path


def values(trace, name):
    series = trace.series(name)
    assert series.step.dtype == np.int64
    assert series.value.dtype == np.float64
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def training_and_validation(numbers=LOSS):
    return dict(enumerate(numbers)), {step: numbers[step] + 0.25 for step in (3, 7, 11)}


def test_tensorboardx():
    trace = read_log(FIXTURES / "tensorboardx.tfevents")
    assert values(trace, "loss") == dict(enumerate(SINGLE))
    assert list(values(trace, "validation_loss")) == [3, 7, 11]
    assert set(trace.signals) == {"loss", "validation_loss"}
    assert trace.axis == "step"
    assert trace.decimals == {}


def test_torchs_simple_values_and_tensors():
    trace = read_log(FIXTURES / "torch.tfevents")
    assert values(trace, "loss") == dict(enumerate(SINGLE))
    assert list(values(trace, "validation_loss").values())[:11] == SINGLE[:11]
    assert math.isnan(values(trace, "validation_loss")[11])


def test_tensor_scalars_by_epoch():
    trace = read_log(FIXTURES / "tensor_scalars.tfevents")
    assert values(trace, "loss") == dict(enumerate(SINGLE))
    assert trace.axis == "epoch"


def test_a_directory_of_event_files_joins_splits_and_parts_of_one_run_and_chooses_among_runs(tmp_path):
    for place, source in (("a/train", "tensor_scalars"), ("a/validation", "tensor_scalars"), ("b", "torch")):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(FIXTURES / f"{source}.tfevents", tmp_path / place / "events.out.tfevents.1.host")
    chosen = read_log(tmp_path)
    assert set(chosen.signals) == {"loss", "validation_loss"}
    assert chosen.axis == "epoch"
    assert "'b'" in chosen.left_out[0]
    assert "PATH#RUN" in chosen.left_out[0]
    assert math.isnan(read_log(Path(f"{tmp_path}#b")).series("validation_loss").value[-1])
    with pytest.raises(UserError, match=r"no run 'c' in .*'a', 'b'"):
        read_log(Path(f"{tmp_path}#c"))


def test_wandbs_own_file(tmp_path):
    trace = read_log(FIXTURES / "offline.wandb")
    loss, validation = training_and_validation()
    read_loss = values(trace, "loss")
    assert math.isnan(read_loss.pop(11))
    assert read_loss == {step: value for step, value in loss.items() if step != 11}
    assert values(trace, "validation_loss") == validation
    assert values(trace, "learning_rate")[0] == 1e-3
    assert set(trace.signals) == {"loss", "validation_loss", "learning_rate"}
    (tmp_path / "wandb" / "offline-run-1").mkdir(parents=True)
    shutil.copy(FIXTURES / "offline.wandb", tmp_path / "wandb" / "offline-run-1" / "run-1.wandb")
    assert values(read_log(tmp_path), "validation_loss") == validation


@pytest.mark.parametrize("source", ["mlflow.db.gz", "mlruns"])
def test_mlflow(tmp_path, source):
    path = FIXTURES / source if source == "mlruns" else unpacked(tmp_path, source)
    trace = read_log(path)
    loss, validation = training_and_validation()
    assert values(trace, "loss") == loss
    assert values(trace, "validation_loss") == validation | {11: math.inf}
    assert trace.decimals["loss"] == 4
    assert "another run" in trace.left_out[0]
    assert "'short'" in trace.left_out[0]
    short = read_log(Path(f"{path}#short"))
    assert values(short, "loss") == dict(enumerate(LOSS[:3]))
    assert len(short.left_out) == 0


def test_an_mlflow_run_by_its_identity_and_an_experiment(tmp_path):
    shutil.copytree(FIXTURES / "mlruns", tmp_path / "mlruns")
    identity = next(
        path.name for path in (tmp_path / "mlruns" / "0").iterdir() if "short" in (path / "meta.yaml").read_text()
    )
    assert len(read_log(Path(f"{tmp_path}#{identity}")).series("loss").step) == 3
    assert len(read_log(tmp_path / "mlruns" / "0" / identity).series("loss").step) == 3


def test_trackio(tmp_path):
    path = unpacked(tmp_path, "trackio.db.gz")
    trace = read_log(path)
    assert values(trace, "loss") == dict(enumerate(LOSS)) | {11: math.inf}
    assert set(trace.signals) == {"loss"}
    assert values(read_log(Path(f"{tmp_path}#short")), "loss") == dict(enumerate(LOSS[:3]))
    assert not list(tmp_path.glob("*-wal")) + list(tmp_path.glob("*-journal"))


def test_lightning(tmp_path):
    (tmp_path / "version_0").mkdir()
    shutil.copy(FIXTURES / "lightning_metrics.csv", tmp_path / "version_0" / "metrics.csv")
    for path in (FIXTURES / "lightning_metrics.csv", tmp_path, tmp_path / "version_0"):
        trace = read_log(path)
        assert trace.axis == "step"
        assert trace.series("loss").step.tolist() == list(range(1, 24, 2))
        assert trace.series("validation_loss").step.tolist() == [7, 15, 23]
        assert trace.series("train_loss_epoch").step.tolist() == [7, 15, 23]
        assert set(trace.signals) == {"loss", "validation_loss", "train_loss_epoch", "learning_rate"}


def test_hugging_face(tmp_path):
    content = (FIXTURES / "trainer_state.json").read_bytes()
    for steps, size in ((8, 1500), (16, len(content))):
        (tmp_path / f"checkpoint-{steps}").mkdir()
        (tmp_path / f"checkpoint-{steps}" / "trainer_state.json").write_bytes(content[:size])
    for path in (FIXTURES / "trainer_state.json", tmp_path, tmp_path / "checkpoint-16"):
        trace = read_log(path)
        assert trace.series("loss").step.tolist() == list(range(2, 17, 2))
        assert trace.series("validation_loss").step.tolist() == [4, 8, 12, 16]
        assert {"gradient_norm", "learning_rate"} < set(trace.signals)
        assert "train_loss" not in trace.signals
        assert trace.left_out == ()
    cut = read_log(tmp_path / "checkpoint-8")
    assert len(cut.series("loss").step) > 2
    assert "breaks off" in cut.left_out[0]


def test_the_trainer_state_in_one_line_and_its_nan_as_word(tmp_path):
    rows = [{"step": 1, "loss": math.nan}, {"step": 2, "loss": "inf"}, {"step": 3, "eval_loss": 2.0}]
    trace = read(tmp_path, json.dumps({"epoch": 1, "log_history": rows, "total_flos": 5}), "x.json")
    assert math.isnan(trace.series("loss").value[0])
    assert trace.series("loss").value[1] == math.inf
    assert values(trace, "validation_loss") == {3: 2.0}


def test_a_run_directory_of_ours(tmp_path):
    with TraceWriter(tmp_path / "trace.jsonl") as writer:
        writer.write_row(1, {"loss": 2.0, "gradient_norm/head": 1.0})
    for path in (tmp_path, tmp_path / "trace.jsonl"):
        assert set(read_log(path).signals) == {"loss", "gradient_norm/head"}


def test_a_directory_of_runs_of_ours_and_a_trace_whose_older_rows_are_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PACK_BYTES", 500)
    for run, steps in (("short", 5), ("long", 50)):
        (tmp_path / run).mkdir()
        (tmp_path / run / "data.json").write_text("[" + "1," * 50_000 + "1]")
        with TraceWriter(tmp_path / run / "trace.jsonl") as writer:
            for step in range(steps):
                writer.write(step, loss=float(step))
                writer.flush()
    assert len(read_log(tmp_path / "long" / "trace.jsonl").series("loss").step) == 50
    assert len(read_log(Path(f"{tmp_path}#short")).series("loss").step) == 5
    assert "'short'" in read_log(tmp_path).left_out[0]
