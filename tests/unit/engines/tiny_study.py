"""The smallest study, and what is compared of two directories that it has been run into."""

import json
from pathlib import Path
from typing import Any

# `begun.log` beside it has a line at each evaluation: learning rate, seed, step. What has the file `kill` or `hold`
# there dies, or waits, at its step 2.
TINY = """
import os
import signal
import time
from pathlib import Path

from newllm.study import Arm, Claim, Study, has_more

PLACE = Path(__file__).parent
SHAPE = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=1")


def signals(model, corpus, config, step):
    with (PLACE / "begun.log").open("a") as log:
        log.write(f"{config.optimizer.learning_rate} {config.seed} {step}\\n")
    if step == 2 and (PLACE / "kill").exists():
        (PLACE / "kill").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    while step == 2 and (PLACE / "hold").exists():
        time.sleep(0.05)
    return {"mine": step + 0.5}


STUDY = Study(
    name="tiny", title="Tiny runs.", seeds=2, sets=("bundled:sentences",), signals=signals,
    claims=(Claim("1", "More.", "More.", ("base", "slow"), has_more("base", "slow", "last_train"), needs=2),),
    arms=(Arm("base", "As it is.", "founding-baseline", SHAPE, 3),
          Arm("slow", "Slow.", "founding-baseline", (*SHAPE, "optimizer.learning_rate=1e-5"), 3, control="base")),
)
"""
OF_TIME = {"seconds", "pid", "started", "heartbeat", "tokens_per_second", "stages", "preparation", "sha256", "place"}


def timeless(data: Any) -> Any:
    """Return data without what differs between two runs of the same on one machine: seconds and places."""
    if isinstance(data, dict):
        return {name: timeless(value) for name, value in data.items() if name not in OF_TIME}
    return [timeless(item) for item in data] if isinstance(data, list) else data


def content(out: Path) -> dict[str, Any]:
    """Return what is in every file of a study's cells: bytes, or data without times."""
    found: dict[str, Any] = {}
    for path in sorted((out / "cells").rglob("*")):
        if path.is_file() and path.name != ".lock":
            name = str(path.relative_to(out))
            found[name] = timeless(json.loads(path.read_bytes())) if path.suffix == ".json" else path.read_bytes()
    return found
