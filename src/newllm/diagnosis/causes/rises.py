"""How a rise of the training loss comes and goes: at once or not, healed or for good, and in validation too."""

from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.losses import finite
from newllm.trace import Finding

EARLY = 0.15  # of the run: a rise there is of a model that finds its way
LEFT = 0.25  # of a rise is still there over its second to fourth point, where something has to be learnt anew
FEWEST_HEALING = 4  # points
STAYS = 0.3  # of a rise is there at the end of the run
LEAST = 0.1  # on the log scale
STILL_UP = 0.2  # of its height: a rise that is not healed yet
HARM = 0.15  # of what the training loss is up by: validation is worse by more


@dataclass(frozen=True)
class Rise:
    """A sudden rise of the training loss.

    Attributes:
        base: the level before it.
        above: (n,) the loss above that level, from the first point of the rise to the end of the run.
        step: (n,)
        points: how many of them belong to the finding.
        start: the first loss of the run.
    """

    base: float
    above: np.ndarray
    step: np.ndarray
    points: int
    start: float

    @property
    def height(self) -> float:
        """How far it goes."""
        return float(self.above[: max(self.points, 1)].max())

    @property
    def heals_slowly(self) -> bool:
        """Whether it goes back little by little, as what is learnt anew does; a bad batch is gone with the next."""
        gone = self.points >= FEWEST_HEALING and float(np.median(self.above[1:4])) >= LEFT * self.height
        third = max(1, self.points // 3)
        return gone and float(np.median(self.above[self.points - third : self.points])) < 0.8 * self.height

    @property
    def stays(self) -> bool:
        """Whether much of it is there at the end, and the run went on for long."""
        few = max(3, len(self.above) // 5)
        level = float(np.median(self.above[-few:]))
        usual = float(np.median(self.above[:5]))
        far = level > STAYS * usual and np.log1p(level / self.base) > LEAST
        return bool(far) and len(self.above) >= 2 * FEWEST_HEALING


def rise_of(case: Case) -> Rise | None:
    """Return the sudden rise of the training loss that a finding is, or follows; None without one."""
    found = _sudden(case)
    loss = finite(case.trace.series("loss"))
    if found is None or found.first_step is None:
        return None
    at = int(np.searchsorted(loss.step, found.first_step))
    before = loss.value[max(0, at - 5) : at]
    if len(before) < 3 or found.first_step <= EARLY * case.length or before.min() <= 0 or len(loss.value) - at < 3:
        return None
    base = float(np.median(before))
    last = found.first_step if found.last_step is None else found.last_step
    points = int(np.searchsorted(loss.step, last, side="right")) - at
    return Rise(base, loss.value[at:] - base, loss.step[at:], points, float(loss.value[0]))


def _sudden(case: Case) -> Finding | None:
    """Return the earliest spike or divergence of the training loss that this finding is, or that led to it."""
    own = case.finding
    if own.kind in {"spike", "diverged"} and own.signal == "loss":
        return own
    if own.kind not in {"spike", "diverged", "worse-than-untrained", "worse-than-uniform"} or own.first_step is None:
        return None
    rises = [one for one in case.others if one.kind in {"spike", "diverged"} and one.signal == "loss"]
    near = [one for one in rises if one.first_step is not None and one.first_step <= own.first_step <= one.end]
    return min(near, key=lambda one: one.first_step or 0.0, default=None)


def harmed(case: Case, rise: Rise) -> bool | None:
    """Whether validation is worse too while the training loss is up; None where no evaluation was made by then.

    Where it is not, the training data have become others, and the model is as good as before.
    """
    validation = finite(case.trace.series("validation_loss"))
    at = int(np.searchsorted(validation.step, rise.step[0]))
    if at < 1 or at >= len(validation.value):
        return None
    near = int(np.searchsorted(rise.step, validation.step[at], side="right"))
    level = float(np.mean(rise.above[max(0, near - 3) : max(near, 1)]))
    if level < STILL_UP * rise.height:
        return None
    risen = float(validation.value[at] - validation.value[at - 1])
    return bool(risen > HARM * level or risen > validation.value[at - 1] > 0)
