"""Single precision in the place of bf16: of a run of ours, which computes its forward pass in bf16 by autocast."""

import dataclasses

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.own_run import OwnRun
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject


def with_precision(setup: Setup, precision: str) -> None:
    """Set the precision of a run of ours.

    Raises:
        UserError: it is another training.
    """
    if setup.config is None:
        raise UserError(f"precision '{precision}' can be set for a run of newllm train only: this is another training")
    numerics = dataclasses.replace(setup.config.numerics, precision=precision)
    setup.config = dataclasses.replace(setup.config, numerics=numerics)


def _misfit(subject: Subject) -> Message | None:
    if why := not_ours(subject):
        return why
    assert isinstance(subject, OwnRun)
    precision = subject.config.numerics.precision
    return None if precision == "bf16" else message("misfit-precision", precision=precision)


FP32 = Intervention(
    name="fp32",
    kind="numerics",
    causes=("low-precision", "fp16-overflow"),
    aims_at="numerics",
    direction=0,
    apply=lambda setup: with_precision(setup, "fp32"),
    misfit=_misfit,
    plant=lambda setup: with_precision(setup, "bf16"),
)
