from collections.abc import Callable
from pathlib import Path

import pytest

# A study whose cells take no time: what is tested is the machine around them.
SOURCE = """
import os
import time
from pathlib import Path

from newllm.errors import UserError
from newllm.study import Arm, Claim, Decision, Study, Table

PLACE = Path(__file__).parent


def measure(config):
    with (PLACE / "runs.log").open("a") as log:
        log.write(f"{config.optimizer.learning_rate} {config.seed}\\n")
    if config.optimizer.learning_rate == 0.5 and not (PLACE / "died").exists():
        (PLACE / "died").touch()
        os._exit(9)
    while config.optimizer.learning_rate == 0.75 and not (PLACE / "go").exists():
        time.sleep(0.05)
    if config.optimizer.learning_rate == 0.25:
        raise UserError("this one cannot be")
    loss = [2.0, 1.0 + config.optimizer.learning_rate + 0.01 * config.seed]
    return {"epoch": [0, 1], "seconds": 0.1, "train": {"loss": [None, loss[1]]},
            "probe": {"loss": loss}, "validation": {"loss": loss}}


def outcomes(record, control):
    last = record["probe"]["loss"][-1]
    return {"last": last, "gain": None if control is None else control["probe"]["loss"][-1] - last}


def decide(rows):
    gain = sum(row["gain"] for row in rows["low"]) / len(rows["low"])
    return Decision("holds" if gain > 0 else "does not hold", {"gain": gain}, 0.001)


def write(folder, results):
    (folder / "page.txt").write_text(str(len(results["rows"])))


ARMS = (
    Arm("base", "As it is.", "founding-baseline", ("optimizer.learning_rate=BASE_RATE",), 1),
    Arm("low", "Lower.", "founding-baseline", ("optimizer.learning_rate=0.001",), 1, "", "base"),
    *MORE_ARMS,
)
STUDY = Study(
    name="small", title="A small study.", arms=ARMS, sets=("bundled:sentences", "bundled:sentences-sea"),
    claims=(Claim("1", "Lower is better.", "Gain.", ("base", "low"), decide, needs=3),),
    lay_out=lambda folder, name, variant: [f'data.texts=["{name}"]'],
    measure=measure, outcomes=outcomes, write=write,
    tables=lambda results: [Table("gains", "Gains", ("arm", "last"), [("base", "1")])],
    seeds=3, quick=("base",), quick_seeds=1,
)
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the study; `base` is its control's learning rate, `more` are further arms."""

    def write(base: float = 0.1, more: str = "()") -> Path:
        path = tmp_path / "small.py"
        path.write_text(SOURCE.replace("BASE_RATE", str(base)).replace("MORE_ARMS", more))
        return path

    return write


@pytest.fixture
def runs(tmp_path: Path) -> Callable[[], list[str]]:
    """Return which cells have been run until now, in order."""

    def read() -> list[str]:
        return (tmp_path / "runs.log").read_text().splitlines()

    return read
