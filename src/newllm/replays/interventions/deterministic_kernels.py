"""Deterministic kernels only, by torch's own switch.

On the CPU a run of ours gives the same bits every time, so there is nothing to test there. Limits: cuBLAS reads its
setting when it is first used, so that a process that has multiplied on the GPU before keeps what it had; what has no
deterministic kernel cannot be replayed so, and the replay says which operation that is.
"""

import contextlib
import os
from collections.abc import Iterator

import torch

from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.within import within
from newllm.replays.own_run import OwnRun
from newllm.replays.subject import Subject

_CUBLAS, _WORKSPACE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"  # torch's notes on randomness ask for it


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    flags, workspace = (cudnn.deterministic, cudnn.benchmark), os.environ.get(_CUBLAS)
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    os.environ.setdefault(_CUBLAS, _WORKSPACE)
    try:
        yield
    except RuntimeError as error:
        if "determinis" not in str(error):
            raise
        raise UserError(f"no deterministic kernel: {str(error).splitlines()[0]}") from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = flags
        if workspace is None:
            del os.environ[_CUBLAS]


def _misfit(subject: Subject) -> Message | None:
    on_cpu = isinstance(subject, OwnRun) and subject.config.numerics.device == "cpu"
    return message("misfit-same_bits") if on_cpu else None


DETERMINISTIC_KERNELS = Intervention(
    name="deterministic-kernels",
    kind="numerics",
    causes=("nondeterminism",),
    aims_at="numerics",
    direction=0,
    apply=lambda setup: setup.attach.append(lambda replica: within(replica, _deterministic)),
    misfit=_misfit,
)
