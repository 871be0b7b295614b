"""The gradient clipped at a norm of 0.5; the founding document's remedy (section 6)."""

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizers import planned
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject
from newllm.training.step import clip_norm

NORM = 0.5
CAUSES = ("loose-clipping", "corrupted-batch", "unbounded-recurrence")


def clipped_at(setup: Setup, norm: float) -> None:
    """Clip at this norm in place of the run's own clipping; 0 clips nothing."""

    def attach(replica: Replica) -> None:
        replica.clip = clip_norm(norm)

    setup.attach.append(attach)


def unclipped(setup: Setup) -> None:
    """Clip nothing."""
    clipped_at(setup, 0.0)


def clipped_tighter(norm: float, subject: Subject) -> Message | None:
    """Return why clipping at this norm is no change, None where it is one."""
    own = planned(subject).clip
    return message("misfit-clipped_already", norm=own) if 0 < own <= norm else None


CLIP_HALF = Intervention(
    name="clip-half",
    kind="optimizer",
    values={"value": NORM},
    causes=CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: clipped_at(setup, NORM),
    misfit=lambda subject: clipped_tighter(NORM, subject),
    plant=unclipped,
    slowness=1.2,
)
