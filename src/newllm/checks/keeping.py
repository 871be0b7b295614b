"""A check is kept with the run that it was made for: RUN/check.json, whole or not at all, the newest of them.

A training that has begun keeps the check that it began with. A script that checks first checks again where it is
resumed; what it finds then was not known before the training, and must not stand there as if it had been.
"""

from datetime import UTC, datetime
from pathlib import Path

from newllm.checks.parts import Parts
from newllm.checks.report import CheckReport
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.trace.check import CheckedTraining, has_begun, keep_check
from newllm.version import VERSION


def not_kept(out: Path) -> Message | None:
    """Return why a check is not kept in a directory; None where it is.

    Raises:
        UserError: a file stands there.
    """
    if out.is_file():
        raise UserError(f"'{out}' is a file: give the directory of the run that is to be trained")
    return message("remark-check-begun", out=str(out)) if has_begun(out) else None


def keep(out: Path, report: CheckReport, parts: Parts) -> None:
    """Write a check into the directory of its run, which must exist.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    parameters = list(parts.model.parameters())
    about = CheckedTraining(
        datetime.now(UTC), VERSION, type(parts.model).__name__, sum(each.numel() for each in parameters) or None,
        type(parts.optimizer).__name__, str(parameters[0].device) if parameters else "",
    )  # fmt: skip
    keep_check(out, report, about)
