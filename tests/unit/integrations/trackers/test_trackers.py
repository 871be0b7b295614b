"""What each tracker holds after a training, read back through its own package: all values, NaN and infinity too."""

import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.integrations.trackers.conftest import same

import newllm
from newllm.tracking import Tracking
from newllm.training.observer import Observer

pytestmark = [pytest.mark.usefixtures("planted"), pytest.mark.filterwarnings("ignore")]  # of the packages
Found = dict[str, dict[int, float]]


class Tensorboard:
    """TensorBoard's own accumulator."""

    name, package = "tensorboard", "tensorboard"

    def __init__(self, run: Path) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        self.read = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
        self.read.Reload()

    def values(self) -> Found:
        tags = self.read.Tags()["scalars"]
        return {tag: {one.step: one.value for one in self.read.Scalars(tag)} for tag in tags}

    def config(self) -> dict[str, Any]:
        text = self.read.Tensors("config")[-1].tensor_proto.string_val[0].decode()
        config = json.loads(text.removeprefix("```json\n").removesuffix("\n```"))
        return {"model.width": str(config["model"]["width"]), "seed": str(config["seed"])}

    def alerts(self) -> list[str]:
        tags = [tag for tag in self.read.Tags()["tensors"] if tag.startswith("alert/")]
        return [one.tensor_proto.string_val[0].decode() for tag in tags for one in self.read.Tensors(tag)]

    def runs(self) -> int:
        return 1

    def status(self) -> str:
        return self.read.Tensors("status")[-1].tensor_proto.string_val[0].decode()


class Mlflow:
    """MLflow's own client."""

    name, package = "mlflow", "mlflow"

    def __init__(self, _: Path) -> None:
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient()
        experiment = self.client.get_experiment_by_name("newllm")
        self.found = self.client.search_runs([experiment.experiment_id])
        self.id = self.found[0].info.run_id

    def values(self) -> Found:
        names = [name for name in self.client.get_run(self.id).data.metrics if not name.startswith("not_finite")]
        every = {name: self.client.get_metric_history(self.id, name) for name in names}
        return {
            name: {one.step: _infinite(one.value) for one in sorted(history, key=lambda one: one.timestamp)}
            for name, history in every.items()
        }

    def config(self) -> dict[str, Any]:
        return self.client.get_run(self.id).data.params

    def alerts(self) -> list[str]:
        return [self.client.get_run(self.id).data.tags.get("mlflow.note.content", "")]

    def runs(self) -> int:
        return len(self.found)

    def status(self) -> str:
        return {"FINISHED": "finished", "KILLED": "interrupted"}.get(self.found[0].info.status, "failed")


def _infinite(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) > 1.7e308 else value


class Wandb:
    """W&B's own records; how they lie in a file (LevelDB's log format) no Python of W&B reads any more."""

    name, package = "wandb", "wandb"

    def __init__(self, run: Path) -> None:
        from wandb.proto.wandb_internal_pb2 import Record

        self.records = []
        for file in sorted(run.glob("wandb/offline-run-*/*.wandb"), key=lambda file: file.parent.name):
            for content in _log_records(file.read_bytes()):
                record = Record()
                record.ParseFromString(content)
                self.records.append(record)

    def rows(self) -> list[dict[str, Any]]:
        every = [record.history for record in self.records if record.WhichOneof("record_type") == "history"]
        return [
            {(one.key or "/".join(one.nested_key)): json.loads(one.value_json) for one in row.item} for row in every
        ]

    def values(self) -> Found:
        found: Found = {}
        for row in self.rows():
            for name, value in row.items():
                if name != "step" and not name.startswith("_") and name not in ("sample", "notice"):
                    found.setdefault(name, {})[row["step"]] = float(value)
        return found

    def config(self) -> dict[str, Any]:
        run = next(one.run for one in self.records if one.WhichOneof("record_type") == "run")
        config = {one.key or one.nested_key[0]: json.loads(one.value_json) for one in run.config.update}
        return {"model.width": str(config["model"]["width"]), "seed": str(config["seed"])}

    def alerts(self) -> list[str]:
        every = [one.alert for one in self.records if one.WhichOneof("record_type") == "alert"]
        return [f"{one.title}\n{one.text}" for one in every]

    def runs(self) -> int:
        return len({one.run.run_id for one in self.records if one.WhichOneof("record_type") == "run"})

    def status(self) -> str:
        updates = [one.summary.update for one in self.records if one.WhichOneof("record_type") == "summary"]
        return [json.loads(one.value_json) for update in updates for one in update if one.key == "status"][-1]


def _log_records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a log of LevelDB: blocks of 32 KiB, pieces with checksum, length and kind before them."""
    record = b""
    for block in range(0, len(content), 1 << 15):
        part, at = content[block : block + (1 << 15)], 0 if block else 7
        while at + 7 <= len(part):
            _, length, kind = struct.unpack_from("<IHB", part, at)
            record = part[at + 7 : at + 7 + length] if kind in (1, 2) else record + part[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):
                yield record


class Trackio:
    """trackio's own storage."""

    name, package = "trackio", "trackio"

    def __init__(self, _: Path) -> None:
        from trackio.sqlite_storage import SQLiteStorage

        self.storage = SQLiteStorage
        self.names = SQLiteStorage.get_runs("newllm")
        self.logs = SQLiteStorage.get_logs("newllm", self.names[0])

    def values(self) -> Found:
        found: Found = {}
        for row in self.logs:
            for name, value in row.items():
                if name not in ("step", "timestamp") and isinstance(value, int | float):
                    found.setdefault(name, {})[row["step"]] = float(value)
        return found

    def config(self) -> dict[str, Any]:
        config = self.storage.get_run_config("newllm", self.names[0])
        return {"model.width": str(config["model"]["width"]), "seed": str(config["seed"])}

    def alerts(self) -> list[str]:
        return [f"{one['title']}\n{one['text']}" for one in self.storage.get_alerts("newllm", self.names[0])]

    def runs(self) -> int:
        return len(self.names)

    def status(self) -> str:
        return [row["status"]["_value"] for row in self.logs if "status" in row][-1]


@pytest.fixture(params=[Tensorboard, Mlflow, Wandb, Trackio], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    pytest.importorskip(request.param.package)
    if request.param is Trackio:
        monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "trackio", raising=False)
    return request.param


class StopAt(Observer):
    def __init__(self, step: int) -> None:
        self._step = step

    def stepped(self, report) -> None:
        if report.step == self._step:
            signal.raise_signal(signal.SIGINT)


def check_values(found: Found, expected: Found, kind: Any) -> None:
    extra = {name for name in found if name.startswith("alert") or name == "rollbacks"}
    if kind is Mlflow and not Path("mlflow.db").exists():  # a store of folders
        expected = {name.replace("/", "."): values for name, values in expected.items()}
    assert found.keys() - extra == expected.keys()
    for name, values in expected.items():
        if kind is Tensorboard:  # floats of 32 bits
            values = {step: _single(value) for step, value in values.items()}
        assert same(found[name], values), name


def _single(value: float) -> float:
    import numpy as np

    return float(np.float32(value))


def test_values_config_and_findings_come_back(kind: Any, train: Callable, expected: Callable) -> None:
    run = train(kind.name, "optimizer.learning_rate=30.0", "optimizer.clip=0.0", "optimizer.ngram_decay=0")
    read = kind(run)
    values = read.values()
    check_values(values, expected(run), kind)
    hard = values.get("hard/a.b") or values["hard.a.b"]
    assert math.isnan(hard[1])
    assert (hard[2], hard[3]) == (math.inf, -math.inf)
    config = read.config()
    assert (config["model.width"], config["seed"]) == ("32", "0")
    findings = [one for one in newllm.doctor(run).findings if one.severity != "note"]
    assert findings
    for finding in findings:
        assert any(str(finding.sentence) in text for text in read.alerts()), finding.kind
    assert read.status() == "finished"


def test_a_run_that_goes_on_is_the_same_run_of_the_tracker(kind: Any, train: Callable, expected: Callable) -> None:
    """Stopped at step 17, with its last snapshot taken away: steps 13 to 17 come again."""
    run = train(kind.name, observers=[StopAt(17)])
    assert kind(run).status() == "interrupted"
    shutil.rmtree(run / "snapshots" / "step-00000017")
    newllm.resume(run)
    read = kind(run)
    assert read.runs() == 1
    check_values(read.values(), expected(run), kind)
    assert read.status() == "finished"


def test_steps_that_come_again_hold_as_they_came_last(kind: Any, tmp_path: Path) -> None:
    """A guard took the run back to step 5; an evaluation shares its step with an update; nothing is dropped."""
    run = tmp_path / "run"
    run.mkdir()
    tracking = Tracking([kind.name])
    tracking.check()
    tracking.start(run, {"model": {"width": 32}, "seed": 0}, 0)
    for step in range(1, 11):
        tracking.step(step, {"loss": float(step), "only_before": 1.0})
    tracking.back(5)
    for step in range(6, 13):
        tracking.step(step, {"loss": 100.0 + step})
        if step % 4 == 0:
            tracking.step(step, {"validation_loss": 7.0})
    tracking.finish("finished")
    assert len(tracking.news()) == 1  # where to look
    read = kind(run)
    values = read.values()
    assert values["loss"] == {step: step + 100.0 * (step > 5) for step in range(1, 13)}
    assert values["validation_loss"] == {8: 7.0, 12: 7.0}
    if kind is Tensorboard:  # which forgets
        assert set(values["only_before"]) == {1, 2, 3, 4, 5}
    else:
        assert values["rollbacks"][max(values["rollbacks"])] == 1.0
    if kind is Wandb:  # its own step rises with every row
        rows = [row for row in read.rows() if "loss" in row]
        assert len(rows) == 17
        assert [row["_step"] for row in rows] == sorted({row["_step"] for row in rows})


def _lives(pid: int) -> bool:
    """Whether a process goes on; one that ended and that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_training_leaves_what_was_sent(kind: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    code = f"""
import os, signal, time
from pathlib import Path
from newllm.tracking import Tracking
made = Tracking([{kind.name!r}])
made.check()
made.start(Path({str(run)!r}), {{"seed": 0}}, 0)
for step in range(1, 6):
    made.step(step, {{"loss": float(step)}})
time.sleep(1.0)
print(made._trackers[0]._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    assert ended.returncode == -9
    until = time.monotonic() + 120
    while time.monotonic() < until and _lives(int(ended.stdout)):
        time.sleep(0.2)
    assert kind(run).values()["loss"] == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0, 5: 5.0}


def test_without_the_package_one_line_says_how_to_get_it(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    from newllm.errors import UserError
    from newllm.integrations.trackers.process import TrackerProcess

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    install = {"mlflow": "'mlflow>=3.4,<4'", "wandb": "'wandb>=0.21,<1'"}.get(kind.name, "'newllm[track]'")
    with pytest.raises(UserError, match="which is not installed: pip install ") as error:
        TrackerProcess(kind.name, print).check()
    assert str(error.value).endswith(f"pip install {install}")


def test_wandb_without_a_login_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(newllm.UserError, match=r"^W&B has no login: set WANDB_MODE=offline to record to disk"):
        newllm.train("bundled:moby-dick", track="wandb", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("away", ["at the end", "always", "once", "from the second batch on"])
def test_mlflow_counts_rows_that_it_has_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, away: str) -> None:
    pytest.importorskip("mlflow")
    from newllm.integrations.trackers.process import TrackerProcess

    said: dict[str, Any] = {}
    made = TrackerProcess("mlflow", lambda kind, **more: said.update({kind: more}))
    monkeypatch.setattr("newllm.integrations.trackers.process.os.dup2", lambda *_: None)  # pytest's own output
    (tmp_path / "run").mkdir()
    made.take(["start", str(tmp_path / "run"), {}, 0])
    sink: Any = made._sink
    sent, calls, send = set[int](), [], sink._client.log_batch

    def log_batch(run: str, metrics: Any) -> None:
        calls.append(len(metrics))
        fails = {"at the end": len(calls) > 1, "always": True, "once": len(calls) == 1}
        if fails.get(away, len(calls) > 1):
            raise ConnectionError("no server")
        sent.update(metric.step for metric in metrics)
        send(run, metrics=metrics)

    monkeypatch.setattr(sink._client, "log_batch", log_batch)
    monkeypatch.setattr("newllm.integrations.trackers.process._FLUSH", 0.0)
    for step in range(1, 4):
        made.take(["step", step, {"loss": 1.0, "rate": 2.0}])
        if step == 2:
            made.take(["back", 1])  # it is a value there, and no row
            made.take(["alert", 1, "fault", "title", "text"])
            if away != "from the second batch on":
                made.between()
                assert said["taken"]["steps"] == len(sent)
    if away == "from the second batch on":
        for step in range(4, 10):
            made.take(["step", step, {f"signal-{number}": 1.0 for number in range(400)}])
    made.finish("finished", 0.0)
    # Of the last case's sixth row the first batch of 1000 values had a part only.
    assert said["taken"]["steps"] == {"at the end": 2, "always": 0, "once": 3}.get(away, 5)
