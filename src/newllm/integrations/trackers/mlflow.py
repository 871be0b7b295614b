"""MLflow: a run in the experiment "newllm" (or $MLFLOW_EXPERIMENT_NAME) of the store that MLFLOW_TRACKING_URI names.

MLflow keeps every value of a step that comes twice: after a roll-back both are there, and the later time is the one
that counts; `rollbacks` says how often that was. An infinity is the largest float in its databases, so
`not_finite/NAME` is 1 where a value was not finite. It has no alerts: a text, a number and the run's description.
"""

import contextlib
import math
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.integrations.trackers.sink import SEVERITIES, Sink, Start

_MOST_METRICS, _MOST_PARAMETERS = 1000, 100  # of one request
_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")
_ATTEMPTS = 3
_NO_ROW = 0
_DESCRIPTION = "mlflow.note.content"
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "killed": "KILLED"}


class MlflowSink(Sink):
    """Sends to an MLflow store."""

    package = "mlflow-skinny"  # which mlflow brings along
    lowest = "3.4"
    below = "4"
    install = "pip install 'mlflow>=3.4,<4'"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[int, Any]] = []  # metrics, each with the number of its row
        self._rows, self._given_up = 0, set[int]()
        self._failures = 0  # of the first batch that waits
        self._in_files = False
        self._texts: dict[str, str] = {}
        self._alerts: list[str] = []

    def start(self, start: Start) -> str:
        """Begin a run, or go on with the one from before."""
        import mlflow
        from mlflow.entities import Param

        experiment = self._connect()
        self._in_files = "://" not in mlflow.get_tracking_uri() or mlflow.get_tracking_uri().startswith("file:")
        if self.state:
            self._run = self.state["run"]
            self._client.update_run(self._run, status="RUNNING")
        else:
            self._run = self._client.create_run(experiment, run_name=start.name).info.run_id
            self.state = {"run": self._run, "rollbacks": 0}
        known = self._client.get_run(self._run).data.params
        flat = {_allowed(name): str(value) for name, value in start.flat().items()}
        new = [Param(name, value) for name, value in flat.items() if name not in known]
        for at in range(0, len(new), _MOST_PARAMETERS):
            self._client.log_batch(self._run, params=new[at : at + _MOST_PARAMETERS])
        for name, value in flat.items():
            if name in known and known[name] != value[: len(known[name])]:  # a parameter cannot be changed there
                self._client.set_tag(self._run, f"config.{name}", value[:5000])
        self._client.set_tag(self._run, "newllm.run", str(start.run))
        uri = mlflow.get_tracking_uri()
        if uri.startswith("http"):
            return f"{uri}/#/experiments/{experiment}/runs/{self._run}"
        return f"mlflow ui --backend-store-uri {uri}, run {self._run}"

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values until the next flush."""
        self._rows += 1
        self._keep(self._rows, step, values)
        self.waiting += bool(values)
        if len(self._waiting) >= _MOST_METRICS:
            with contextlib.suppress(Exception):  # the row is taken, and a server that stays away fails the next flush
                self.flush()

    def _keep(self, row: int, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        marks = {f"not_finite/{name}": 1.0 for name, value in values.items() if not math.isfinite(value)}
        metrics = [Metric(self._metric(name), value, now, step) for name, value in {**values, **marks}.items()]
        self._waiting += [(row, metric) for metric in metrics]

    def alert(self, step: int, kind: str, severity: str, title: str, text: str) -> None:
        """Write it as a text and a number, and into the run's description, which its page begins with."""
        self.text(step, f"alert/{kind}", f"{title}\n{text}" if text else title)
        self._keep(_NO_ROW, step, {f"alert/{kind}": float(SEVERITIES[severity])})
        self._alerts.append(f"- **{title}** (step {step}, {severity}): {text}")
        self._client.set_tag(self._run, _DESCRIPTION, "\n".join(self._alerts)[-5000:])

    def text(self, step: int, name: str, text: str) -> None:
        """Write a file of the run; what comes again at this step stands below."""
        place = f"{_allowed(name)}/step-{step:08}.txt"
        self._texts[place] = f"{self._texts[place]}\n{text}" if place in self._texts else text
        self._client.log_text(self._run, self._texts[place], place)

    def file(self, path: Path) -> None:
        """Put the file beside the run."""
        self._client.log_artifact(self._run, str(path))

    def back(self, step: int) -> None:
        """Count it: values of steps that come again are both kept."""
        self.state = {**self.state, "rollbacks": self.state["rollbacks"] + 1}
        self._keep(_NO_ROW, step, {"rollbacks": float(self.state["rollbacks"])})

    def flush(self) -> None:
        """Send what was kept; what cannot be sent stays for the next time, and is given up at the last attempt."""
        while self._waiting:
            batch = self._waiting[:_MOST_METRICS]
            try:
                self._client.log_batch(self._run, metrics=[metric for _, metric in batch])
            except Exception:
                self._failures += 1
                if self._failures < _ATTEMPTS:
                    raise
                self._given_up |= {row for row, _ in batch} - {_NO_ROW}
            self._failures = 0
            del self._waiting[: len(batch)]
            self.lost = len(self._given_up)
            self.waiting = len({row for row, _ in self._waiting} - {_NO_ROW} - self._given_up)

    def finish(self, status: str) -> None:
        """End the run."""
        self._client.set_terminated(self._run, status=_STATUS.get(status, "FAILED"))

    def _metric(self, name: str) -> str:
        """Return the name of a metric. In MLflow's folders one cannot be a file, and a folder of others too."""
        return _allowed(name.replace("/", ".") if self._in_files else name)

    def _connect(self) -> str:
        """Open the store and return the experiment; who begins beside another may find the other's half-made base."""
        import mlflow
        from mlflow.tracking import MlflowClient

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "newllm")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # it would try for minutes
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._client = MlflowClient()
                found = self._client.get_experiment_by_name(name)
                return found.experiment_id if found else self._client.create_experiment(name)
            except Exception as error:
                if not left:
                    uri = mlflow.get_tracking_uri()
                    is_local = not uri.startswith(("http", "databricks"))
                    how = (
                        "pip install mlflow, as mlflow-skinny only sends to a server" if is_local else "see its server"
                    )
                    why = " ".join(str(error).split())[:160]
                    raise UserError(
                        f"the store '{uri}' of MLFLOW_TRACKING_URI does not answer ({why}): {how}"
                    ) from error
                time.sleep(2.0)
        raise AssertionError("the last attempt returns or raises")


def _allowed(name: str) -> str:
    """Return a name as MLflow takes it."""
    return _NOT_ALLOWED.sub("_", name)[:250]
