"""Interventions on the clipping of gradients, in place of the run's own."""

from collections.abc import Callable
from typing import Any

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizer import adagc, zclip
from newllm.replays.interventions.optimizer.optimization import optimization_of
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.training.step import clip_norm

# clip-half: the gradient clipped at a norm of 0.5; the founding document's remedy (section 6).

CLIP_HALF_NORM = 0.5
_CAUSES = ("loose-clipping", "corrupted-batch", "unbounded-recurrence")


def clipped_at(setup: Setup, norm: float) -> None:
    """Clip at this norm in place of the run's own clipping; 0 clips nothing."""

    def attach(replica: Replica) -> None:
        replica.clip = clip_norm(norm)

    setup.at_start.append(attach)


def unclipped(setup: Setup) -> None:
    """Clip nothing."""
    clipped_at(setup, 0.0)


def clipped_tighter(norm: float, subject: Subject) -> Message | None:
    """Return why clipping at this norm is no change, None where it is one."""
    own = optimization_of(subject).clip
    return message("misfit-clipped_already", norm=own) if 0 < own <= norm else None


CLIP_HALF = Intervention(
    name="clip-half",
    kind="optimizer",
    values={"value": CLIP_HALF_NORM},
    causes=_CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: clipped_at(setup, CLIP_HALF_NORM),
    misfit=lambda subject: clipped_tighter(CLIP_HALF_NORM, subject),
    inject=unclipped,
    slowness=1.2,
)


# clip-tenth: the gradient clipped at a norm of 0.1, as in studies/founding: a stronger dose of the document's remedy.

CLIP_TENTH_NORM = 0.1

CLIP_TENTH = Intervention(
    name="clip-tenth",
    kind="optimizer",
    values={"value": CLIP_TENTH_NORM},
    causes=_CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: clipped_at(setup, CLIP_TENTH_NORM),
    misfit=lambda subject: clipped_tighter(CLIP_TENTH_NORM, subject),
    inject=unclipped,
    slowness=1.5,
)


_EVE = 3  # updates before the onset: what shows there began no later
_LEAST_NORMS = 5  # norms: with fewer there is no variance to speak of


def updates_to_learn_from(setup: Setup, most: int) -> int:
    """Return the updates from the start to the eve of the onset, at most `most` (the paper's), at least 5.

    A replay from a late snapshot begins 8 to 100 updates before the onset: a clipping that still learns its norms
    when the onset comes has been tried on nothing.
    """
    return max(_LEAST_NORMS, min(most, setup.onset - _EVE - setup.start))


# z-clip: ZClip in the place of the run's clipping: gradients clipped whose norm is an outlier (see zclip.py).


def _replacing(clipping: Callable[..., Any], warm_up: int) -> Callable[[Setup], None]:
    """Return the change to a clipping that learns from so many updates, in the place of the run's own."""

    def change(setup: Setup) -> None:
        def attach(replica: Replica) -> None:
            replica.clip = clipping(replica.clip, updates_to_learn_from(setup, warm_up))

        setup.at_start.append(attach)

    return change


Z_CLIP = Intervention(
    name="z-clip",
    kind="optimizer",
    causes=_CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=_replacing(zclip.ZClip, zclip.WARM_UP),
    inject=unclipped,
    slowness=1.2,
)


# adagc: AdaGC in the place of the run's clipping: each tensor's gradient at its own usual norm (see adagc.py).

ADAGC = Intervention(
    name="adagc",
    kind="optimizer",
    causes=_CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=_replacing(adagc.AdaGC, adagc.WARM_UP),
    inject=unclipped,
    slowness=1.5,
)
