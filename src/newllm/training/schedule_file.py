"""RUN/schedule.jsonl: what the clock has decided of a run's length, a line each, on the disk before it is followed.

    {"step": 480, "steps": 950, "warm": 480, "elapsed": 61.2, "pace": 0.118, "reached": 0, "sha256": "..."}

From step 480 on the run is to have 950 updates (see `schedule`); by then 61.2 s of its time were used, and an update
took 0.118 s. `reached` is a step that a stopped run had come to: up to it the rates stand as they were. The file
counts while config.toml says `training.seconds`; at the end config.toml has all of it as `training.plan`.
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.checksum import opened, sealed
from newllm.errors import UserError
from newllm.files import sync_directory, writing
from newllm.training.config import Plan, RunConfig


@dataclass(frozen=True)
class LengthDecision:
    """One decision.

    Attributes:
        step, steps, warm: as in a plan, see `schedule`.
        elapsed: seconds of the run's time that were used by then.
        pace: seconds that an update takes.
        reached: before this step no other decision is made.
    """

    step: int
    steps: int
    warm: int
    elapsed: float
    pace: float
    reached: int = 0

    @property
    def row(self) -> tuple[int, int, int]:
        """What stands of it in a plan."""
        return self.step, self.steps, self.warm


def read_decisions(path: Path) -> list[LengthDecision]:
    """Return the decisions that hold, in order; none without a file. A torn last line was followed by nobody.

    Raises:
        UserError: the file cannot be read, or a whole line is none of ours.
    """
    if not path.exists():
        return []
    found: list[LengthDecision] = []
    try:
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                decision = LengthDecision(**opened(line))
                found = [one for one in found if stays(one.row, decision.step)] + [decision]
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise UserError(f"'{path}' is damaged ({error}): put it back as it was") from error
    return found


def append_decision(path: Path, decision: LengthDecision) -> None:
    """Write a decision behind the others; it is on the disk afterwards. Only who has the run's lock may call this.

    Raises:
        UserError: there is no room.
    """
    with writing(path), path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)  # a kill may have torn the last line
        file.write(sealed(dataclasses.asdict(decision)))
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def with_decisions(config: RunConfig, decisions: Sequence[LengthDecision]) -> RunConfig:
    """Return the configuration with what the clock has decided so far as its plan."""
    plan: Plan = config.training.plan
    for decision in decisions:
        plan = (*(row for row in plan if stays(row, decision.step)), decision.row)
    if not plan:
        return config
    return dataclasses.replace(config, training=dataclasses.replace(config.training, plan=plan, steps=plan[-1][1]))


def elapsed_at(decisions: Sequence[LengthDecision], step: int) -> float:
    """Return the seconds of a run's time that its first updates took, those before it was begun included."""
    before = next((one for one in reversed(decisions) if one.step <= step), None)
    after = next((one for one in decisions if one.step > step), None)
    if before is None:
        return 0.0
    if after is None:
        return before.elapsed + (step - before.step) * before.pace
    return before.elapsed + (after.elapsed - before.elapsed) * (step - before.step) / (after.step - before.step)


def stays(row: tuple[int, int, int], step: int) -> bool:
    """Whether a decision at a step leaves this one as it is: it is earlier, or says that the run had ended there."""
    return row[0] < step or row[0] == row[1] == step
