"""Which changes a running training may be given, and how they are put in force: the first time, and again.

A remedy keeps the function, changes the training from one step on, and has no state of its own beside weights and
moments: so a training that is resumed behind that step, or replayed across it, has the same bits. It is attached at
its step to the state there, which it may change (moments reset). For a state from behind its step it is attached
before that state is put back, so that what it does once is not done twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from newllm.errors import UserError
from newllm.replays.interventions import INTERVENTIONS, Intervention
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Fetch, Setup
from newllm.replays.replica.subject import Subject
from newllm.trace import Recovery
from newllm.training.step import clip_norm

SKIP = "rollback-and-skip"
CLIP = "clip-usual"
PASSING = ("skip-batches", SKIP, "reset-moments")
"""Remedies that are over with the window: they leave nothing behind that slows training down."""
_SKIPPED = 3  # times the way from rollback to detection: PaLM's some 300 batches from some 100 steps before
LASTING = (CLIP, "hold-learning-rate", "update-clipping", "beta2", "half-learning-rate", "tenth-learning-rate")
"""Remedies that stay in force to the end of the training."""


@dataclass(frozen=True)
class RemedyCandidate:
    """What a running training may be given: it becomes a remedy where replays show that the spike is gone.

    Attributes:
        name: of it; an intervention's, or one of the two that are made here.
        setting: the largest gradient norm of `CLIP`; None for all others.
    """

    name: str
    setting: float | None = None

    @property
    def change(self) -> Intervention:
        """The change that it makes.

        Raises:
            UserError: this version knows no such remedy.
        """
        if self.name == SKIP:
            return _SKIP
        if self.name == CLIP and self.setting is not None:
            return _clip(self.setting)
        if self.name not in (*PASSING, *LASTING):
            known = ", ".join((*PASSING, *LASTING))
            raise UserError(f"remedy '{self.name}' does not exist in this version: known are {known}")
        return INTERVENTIONS[self.name]

    @property
    def passes(self) -> bool:
        """Whether it is over with the window."""
        return self.name in PASSING

    def last(self, back: int, detected: int, last: int) -> int:
        """Return the last step whose batch is suspected, for this remedy.

        Args:
            back: step that is gone back to.
            detected: step at which the onset was seen.
            last: step up to which the unmodified training is off its trend.
        """
        return max(last, back + _SKIPPED * (detected - back)) if self.name == SKIP else last

    def changed(self, setup: Setup, start: int, onset: int, last: int) -> Setup:
        """Return a setup that holds this change alone.

        Args:
            setup: of what it is put in force in.
            start: step from which it is in force.
            onset: of what it is to mend.
            last: step whose batch is suspected.
        """
        own = Setup(start, setup.seed, onset, last, setup.per_update, setup.config, order=setup.order)
        self.change.apply(own)
        return own


def put_in_force(setup: Setup, recoveries: Sequence[Recovery]) -> Setup:
    """Add to the setup of a replay what its original was given on its way; return it.

    Args:
        setup: before any intervention.
        recoveries: of the original, in their order.
    """
    for one in recoveries:
        if not one.in_force or one.back is None or not one.remedy:
            continue
        own = RemedyCandidate(one.remedy, one.setting).changed(setup, one.back, one.onset, one.last)
        setup.batch_changes += own.batch_changes
        if one.back < setup.start:
            setup.before_restore += own.at_start
        elif one.back == setup.start:
            setup.at_start += own.at_start
        else:
            setup.at_step.setdefault(one.back, []).extend(own.at_start)
    return setup


def usual_norm(gradient_norms: Sequence[float]) -> float:
    """Return the largest norm that `CLIP` lets through: half as much again as the median of those before."""
    ordered = sorted(gradient_norms)
    return 1.5 * ordered[len(ordered) // 2]


def remedies(subject: Subject, usual: float, failed: Sequence[str]) -> list[RemedyCandidate]:
    """Return what may be tried on a subject: first what passes, then what stays.

    Args:
        subject: what is trained.
        usual: the largest gradient norm that is usual.
        failed: names of what did not hold a little earlier.
    """
    made = [
        RemedyCandidate(name, usual if name == CLIP else None) for name in (*PASSING, *LASTING) if name not in failed
    ]
    if not usual > 0:
        made = [one for one in made if one.name != CLIP]
    return [one for one in made if not one.change.misfit(subject)]


def _skip(setup: Setup) -> None:
    first, count = setup.start * setup.per_update, (setup.last_suspect - setup.start) * setup.per_update

    def change(own: Fetch) -> Fetch:
        return lambda index: own(index + count if index >= first else index)

    setup.batch_changes.append(change)


_SKIP = Intervention(
    name=SKIP,
    kind="data",
    causes=("corrupted-batch", "data-order"),
    aims_at="batches",
    direction=0,
    apply=_skip,
)


def _clip(norm: float) -> Intervention:
    def attach(replica: Replica) -> None:
        replica.clip = _tighter(replica, norm)

    return Intervention(
        name=CLIP,
        kind="optimizer",
        values={"value": norm},
        causes=("loose-clipping", "corrupted-batch", "unbounded-recurrence"),
        aims_at="gradient_norm_clipped",
        direction=-1,
        apply=lambda setup: setup.at_start.append(attach),
    )


def _tighter(replica: Replica, norm: float) -> Callable:
    """Return the own clipping, followed by one at `norm`; it tells the norm of the gradient as it was."""
    own, further = replica.clip, clip_norm(norm)

    def clip(parameters: object) -> float:
        listed = list(parameters)  # type: ignore[call-overload]
        was = own(listed)
        further(listed)
        return was

    return clip
