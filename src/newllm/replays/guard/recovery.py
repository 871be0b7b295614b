"""What is done when a loss leaves its trend while a training runs: the decision, from replays of a bounded length.

From the last good state before the onset the training is replayed as it was, once to the bit and once with near
batches exchanged, over the way to the onset and as many steps again. If it comes back by itself and the model was not
hurt, nothing is changed. Else remedies are replayed at equal progress, first those that pass with the window, each
kind in the order of the doctor's suspicion. The first that leaves nothing of the spike is taken, else the one that
leaves the least of it, if that is half or less; but none that leaves the training farther behind than the spike does.
Where none is left, a spike that passes is let pass, and for one that does not batches are skipped, as PaLM's training
did (Chowdhery et al. 2022, section 5.1). A remedy that does not hold is not taken again soon, and the next rollback
goes twice as far. After `MOST_FAILURES` that did not hold the training is stopped.

A decision is a function of the losses and the states, never of the clock: a run that was killed in the middle comes
to the same decision again, and so does every process of a distributed training.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.onset import Onset
from newllm.messages import Message, message
from newllm.replays.guard.attempts import Attempts
from newllm.replays.interventions.remedies import SKIP, RemedyCandidate, remedies, usual_norm
from newllm.replays.replica.replica import State
from newllm.replays.replica.subject import Subject
from newllm.trace import Recovery, Trace, Tried
from newllm.words.verdicts import change_of

MOST_FAILURES = 3  # in a row
BUDGET = 30  # replays of the null's length, at most, of which a decision is made
_HOLDS = 4  # times the way from rollback to detection: a remedy that lasts so long has held
_LEAD, _LEAST_LEAD, _MOST_LEAD = 0.1, 8, 100  # share of the steps before the onset, and steps
_TOO_FAR = 3  # times the way that is wanted: then a nearer state is taken, if there is one
_USUAL = 50  # steps before the rollback whose gradients are the usual ones
_HELPS = 0.5  # of the spike's severity gone, at least


@dataclass(frozen=True)
class Incident:
    """A loss that has left its trend.

    Attributes:
        policy: "ask", "guard" or "rollback-and-skip".
        subject: what is trained, with the recoveries that are in force.
        onset: what was seen.
        trace: of the training up to now: at least "loss" and "gradient_norm".
        facts: for the doctor.
        known: steps of the states that can be gone back to, rising; the first may be 0.
        state: from a known step to its state; None at the initialisation.
        history: earlier recoveries.
        budget: updates of all replays together; None takes `BUDGET` times the null's.
        tick: called before every replayed update; what it raises ends the decision.
    """

    policy: str
    subject: Subject
    onset: Onset
    trace: Trace
    facts: Facts
    known: Sequence[int]
    state: Callable[[int], State | None]
    history: Sequence[Recovery] = ()
    budget: int | None = None
    tick: Callable[[], None] = field(default=lambda: None)


def decide(incident: Incident) -> Recovery:
    """Return what is done.

    Raises:
        UserError: a state cannot be read.
    """
    began = time.perf_counter()
    previous = _previous_decision(incident)
    if previous is not None:
        return previous
    if incident.policy == "ask":
        return _made(incident, "asked", message("guard-asks"))
    failed = failures(incident.history, incident.onset.step)
    if len(failed) >= MOST_FAILURES:
        back = rollback_step(incident.known, incident.onset.onset, 0)
        names = ", ".join(one.remedy for one in reversed(failed))
        return _made(incident, "stopped", message("guard-stops", n=len(failed), names=names), back=back)
    back = rollback_step(incident.known, incident.onset.onset, len(failed))
    if incident.policy == SKIP:
        last = RemedyCandidate(SKIP).last(back, incident.onset.step, incident.onset.step)
        said = message("guard-skips", back=back, last=last)
        return _made(incident, "remedy", said, back=back, last=last, remedy=SKIP)
    return _RemedySearch(incident, back, failed, began).make()


def failures(history: Sequence[Recovery], detected: int) -> list[Recovery]:
    """Return the last recoveries of those that did not hold until `detected`, the latest first."""
    found: list[Recovery] = []
    for one in reversed(history):
        if one.action == "stopped":
            break
        if one.action == "remedy" and one.back is not None:
            if detected > one.detected + _HOLDS * (one.detected - one.back):
                break
            found.append(one)
            detected = one.detected
    return found


def rollback_step(known: Sequence[int], onset: int, failed: int) -> int:
    """Return the step that is gone back to: the newest known one that lies far enough before the onset.

    Args:
        known: steps of states, rising.
        onset: first step off the trend.
        failed: recoveries that did not hold; each doubles the way.
    """
    lead = min(_MOST_LEAD, max(_LEAST_LEAD, int(_LEAD * onset))) * 2**failed
    far = max((step for step in known if step <= onset - lead), default=min(known))
    near = max((step for step in known if step <= onset - _LEAST_LEAD), default=far)
    return near if onset - far > _TOO_FAR * lead and not failed else far


class _RemedySearch:
    def __init__(self, incident: Incident, back: int, failed: Sequence[Recovery], began: float) -> None:
        self.incident, self.back, self.began = incident, back, began
        loss, norms = incident.trace.series("loss"), incident.trace.series("gradient_norm")
        before = norms.value[(norms.step <= back) & np.isfinite(norms.value)][-_USUAL:]
        before = before if len(before) else norms.value[np.isfinite(norms.value) & (norms.step < incident.onset.onset)]
        usual = usual_norm(before.tolist()) if len(before) else 0.0
        self.remedies = remedies(incident.subject, usual, [recovery.remedy for recovery in failed])
        self.attempts = Attempts(incident.subject, incident.onset, back, incident.state(back), loss, incident.tick)
        self.budget = BUDGET * self.attempts.length if incident.budget is None else incident.budget
        self.tried: list[tuple[RemedyCandidate, Tried, bool]] = []

    def make(self) -> Recovery:
        attempts = self.attempts
        if not self._affords(2):
            return self._skip(message("guard-no_budget", budget=self.budget))
        attempts.replay_nulls()
        if attempts.identical is False:
            return self._skip(message("guard-not_the_run"))
        if attempts.harmless:
            return self._made("went on", message("guard-recovers"))
        for remedy in self._ordered():
            if not self._affords(1):
                break
            tried, clean = attempts.attempt(remedy, self._affords)
            if tried is None:
                continue
            self.tried.append((remedy, tried, clean))
            if clean and _pays(tried):
                break
        return self._best()

    def _best(self) -> Recovery:
        helps = [item for item in self.tried if item[2] or (item[1].effect or 0.0) >= _HELPS]
        paying = [item for item in helps if _pays(item[1]) and item[1].effect_class != "stops learning"]
        best = max(paying, key=lambda item: (item[2], item[1].effect or 0.0), default=None)
        if best is not None:
            remedy, tried, clean = best
            left = max(0.0, 1 - (tried.effect or 0.0))
            said = message("guard-changes", back=self.back, change=change_of(tried), clean=clean, left=left)
            last = self.attempts.last_for(remedy)
            return self._made("remedy", said, back=self.back, remedy=remedy.name, setting=remedy.setting, last=last)
        if self.attempts.passes:
            return self._made("went on", message("guard-passes", helps=bool(helps)))
        return self._skip(message("guard-nothing_helps"))

    def _ordered(self) -> list[RemedyCandidate]:
        """Return the remedies: what passes first, and each kind by what the doctor suspects."""
        suspected = {cause: position for position, cause in enumerate(_suspected(self.incident))}

        def priority(remedy: RemedyCandidate) -> tuple[bool, int]:
            return not remedy.passes, min(suspected.get(cause, len(suspected)) for cause in remedy.change.causes)

        return sorted(self.remedies, key=priority)

    def _affords(self, replays: int) -> bool:
        return self.attempts.updates + replays * self.attempts.length <= self.budget

    def _skip(self, why: Message) -> Recovery:
        last = self.attempts.last_for(RemedyCandidate(SKIP))
        said = message("guard-skips_because", why=why, back=self.back, last=last)
        return self._made("remedy", said, back=self.back, remedy=SKIP, last=last)

    def _made(self, action: str, said: Message, **more: object) -> Recovery:
        attempts = self.attempts
        return _made(
            self.incident,
            action,
            said,
            nulls=attempts.describe_nulls(),
            tried=tuple(tried for _, tried, _ in self.tried),
            updates=attempts.updates,
            seconds=time.perf_counter() - self.began,
            **{"last": attempts.last, **more},
        )


def _pays(tried: Tried) -> bool:
    """Whether a remedy leaves the training no farther behind than the spike does, where a null replay ends."""
    return tried.cost is None or tried.cost <= 0


def _made(incident: Incident, action: str, decision: Message, **more: object) -> Recovery:
    onset, back = incident.onset, more.get("back")
    rise = float(np.expm1(onset.rise)) if np.isfinite(onset.rise) else None
    said = message("guard-decided", detected=onset.step, onset=onset.onset, rise=rise, decision=decision)
    return Recovery(
        number=len(incident.history) + 1,
        policy=incident.policy,
        action=action,  # type: ignore[arg-type]
        sentence=str(said),
        detected=onset.step,
        onset=onset.onset,
        base=float(onset.base) if np.isfinite(onset.base) else None,
        in_force=action == "remedy",
        done=back is None,
        message=said,
        **{"last": onset.step, **more},  # type: ignore[arg-type]
    )


def _previous_decision(incident: Incident) -> Recovery | None:
    """Return the earlier decision on this onset, where nothing was changed: a killed run comes here again."""
    for one in reversed(incident.history):
        if one.back is not None and one.back < incident.onset.step:
            return None  # what came before was of another branch
        if one.detected == incident.onset.step and one.policy == incident.policy and one.action in ("asked", "went on"):
            return one
    return None


def _suspected(incident: Incident) -> tuple[str, ...]:
    """Return the causes that the doctor suspects for what begins about the onset, the likeliest first."""
    causes: list[str] = []
    for finding in diagnose(incident.trace, incident.facts):
        if finding.first_step is None or finding.last_step is None or finding.last_step >= incident.onset.before:
            causes += [cause for cause in finding.candidate_causes if cause not in causes]
    return tuple(causes)
