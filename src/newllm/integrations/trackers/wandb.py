"""Weights & Biases: a run in the project "newllm" (or $WANDB_PROJECT), offline with WANDB_MODE=offline.

Its own step only ever rises, and drops what comes late. So each row has the training's `step`, which the charts are
drawn by, and W&B's own number goes on where a training goes back: no row is dropped, and `rollbacks` says how often
that was. Where the server does not answer, the run is recorded offline, and `wandb sync` sends it later.
"""

import netrc
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.integrations.trackers.sink import Sink, Start

_ASIDE = ("offline", "dryrun", "disabled")
_CONNECT_SECONDS, _INIT_SECONDS = 5, 20
_GAP = 1000  # rows that a killed session may have sent and not written down


class WandbSink(Sink):
    """Sends to W&B, or records for it."""

    package = "wandb"
    lowest = "0.21"
    below = "1"
    install = "pip install 'wandb>=0.21,<1'"

    def __init__(self) -> None:
        super().__init__()
        self._offset = 0

    def check(self) -> None:
        """Refuse to go on without a login, which W&B would ask for at the terminal."""
        super().check()
        if os.environ.get("WANDB_MODE") in _ASIDE or os.environ.get("WANDB_API_KEY") or _in_netrc():
            return
        import wandb

        settings = wandb.Settings()
        if settings.mode not in _ASIDE and not wandb.api.api_key:
            raise UserError(
                "W&B has no login: set WANDB_MODE=offline to record to disk (wandb sync sends it later), or wandb login"
            )

    def start(self, start: Start) -> str:
        """Begin a run, or go on with the one from before."""
        import wandb

        known = {
            "project": os.environ.get("WANDB_PROJECT", "newllm"),
            "name": os.environ.get("WANDB_NAME", start.name),
            "dir": os.environ.get("WANDB_DIR", str(start.run)),
            "config": {**start.config, "run": str(start.run)},
        }
        known |= {"id": self.state["id"], "resume": "allow"} if self.state else {}
        settings = {"console": "off", "init_timeout": _INIT_SECONDS}
        settings |= {} if _is_reachable(wandb.Settings()) else {"mode": "offline"}
        try:
            self._run: Any = wandb.init(**known, settings=wandb.Settings(**settings))
        except (wandb.errors.CommError, TimeoutError) as error:
            print(f"recorded offline: {error}")
            self._run = wandb.init(**known, mode="offline", settings=wandb.Settings(**settings))
        clean = self.state.get("ended", True)
        last = self.state.get("row", -1) + (0 if clean else _GAP)
        self.state = {
            "rollbacks": 0,
            **self.state,
            "id": self._run.id,
            "row": max(last, self._run.step - 1),
            "ended": False,
        }
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")
        if self.state["row"] >= 0:
            self._offset = self.state["row"] - start.step
        if self._run.offline:
            return f"wandb sync {Path(self._run.dir).parent}"
        return str(self._run.url)

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Log a row; what comes at the same step joins it."""
        self._log(step, values)

    def alert(self, step: int, kind: str, severity: str, title: str, text: str) -> None:  # noqa: ARG002 (an interface)
        """Raise an alert of W&B's."""
        import wandb

        level = wandb.AlertLevel.ERROR if severity == "fault" else wandb.AlertLevel.WARN
        self._run.alert(title=title, text=f"step {step}: {text}", level=level, wait_duration=0)

    def text(self, step: int, name: str, text: str) -> None:
        """Log a text as a cell of the history."""
        self._log(max(step, self.state["row"] - self._offset), {name: text})

    def file(self, path: Path) -> None:
        """Save a file with the run."""
        self._run.save(str(path), base_path=str(path.parent), policy="now")

    def back(self, step: int) -> None:
        """Go on with W&B's own number."""
        self._offset = self.state["row"] - step
        self.state = {**self.state, "rollbacks": self.state["rollbacks"] + 1}
        self._log(step + 1, {"rollbacks": self.state["rollbacks"]})

    def finish(self, status: str) -> None:
        """End the run; where it failed, W&B shows it so."""
        self._run.summary["status"] = status
        self._run.finish(exit_code=0 if status in ("finished", "interrupted") else 1)
        self.state = {**self.state, "ended": True}

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        if step + self._offset < self.state["row"]:
            self._offset = self.state["row"] + 1 - step
        row = step + self._offset
        self._run.log({**values, "step": step}, step=row)
        self.state = {**self.state, "row": row}


def _is_reachable(settings: Any) -> bool:
    """Whether the server of W&B takes a connection; where a proxy stands in between, or it is not asked, let it be."""
    if settings.mode in _ASIDE or urllib.request.getproxies():
        return True
    address = urllib.parse.urlsplit(settings.base_url)
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), _CONNECT_SECONDS).close()
    except OSError as error:
        print(f"recorded offline: {settings.base_url} does not answer ({error})")
        return False
    return True


def _in_netrc() -> bool:
    """Whether a login stands in the file that `wandb login` writes."""
    host = urllib.parse.urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    for place in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            if place and netrc.netrc(Path(place).expanduser()).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False
