"""Which interventions are tried, and in what order: one for each cause, what the doctor suspects first, then others."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from newllm.errors import UserError, unknown_name
from newllm.messages import Message, message
from newllm.replays.interventions import INTERVENTIONS, Intervention
from newllm.replays.replica.subject import Subject
from newllm.replays.session.starts import Start
from newllm.replays.session.task import parts
from newllm.trace.verdict import TOGETHER


@dataclass(frozen=True)
class Candidate:
    """What may be tried from one start.

    Attributes:
        name: of the intervention, or of two, joined by " + ".
        changes: the one, or the two.
        start: where its replays begin.
    """

    name: str
    changes: tuple[Intervention, ...]
    start: Start

    @property
    def main(self) -> Intervention:
        """The intervention whose hypothesis is tested; of two the first."""
        return self.changes[0]

    @property
    def steps(self) -> float:
        """Steps that one replay is expected to take."""
        return (self.start.end - self.start.step) * max(one.slowness for one in self.changes)


def candidates(
    subject: Subject,
    starts: Sequence[Start],
    suspected: Sequence[str],
    only: Sequence[str] = (),
    changed: Collection[str] = (),
) -> tuple[list[Candidate], dict[str, Message]]:
    """Return what is tried, and what is not, with the reason.

    One for each cause comes first, in the order of the doctor's suspicion, then by cost; then a second for each.

    Args:
        subject: what is replayed.
        starts: where replays may begin, the latest first.
        suspected: names of causes, the likeliest first.
        only: names that a person asked for, "NAME+NAME" for two together; none takes all that fit.
        changed: what of the state the recorder's ledger saw change: "weights", "moments"; and kinds of
            `replica.settings` that changed.

    Raises:
        UserError: no intervention has a name that was asked for, or it does not fit.
    """
    found, not_tried = [], dict[str, Message]()
    for name in [_named(one) for one in only] or list(INTERVENTIONS):
        changes = tuple(INTERVENTIONS[one] for one in parts(name))
        why = next(
            (why for one in changes if (why := one.misfit(subject) or (None if only else _unseen(one, changed)))), None
        )
        if why and only:
            raise UserError(f"intervention '{name}' cannot be tried here: {why!s}")
        if why:
            not_tried[name] = why
        else:
            from_start = any(one.from_start for one in changes)
            found.append(Candidate(name, changes, starts[-1] if from_start else starts[0]))
    rank = {cause: position for position, cause in enumerate(suspected)}
    return (found if only else _in_turn(sorted(found, key=lambda one: (_doctor_rank(one, rank), one.steps)))), not_tried


def _in_turn(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the first of each main cause, then the second of each: doses of one cause wait for the other causes."""
    before = Counter[str]()
    turns = []
    for one in found:
        turns.append(before[one.main.main_cause])
        before[one.main.main_cause] += 1
    return [one for _, one in sorted(zip(turns, found, strict=True), key=lambda pair: pair[0])]


def _unseen(change: Intervention, changed: Collection[str]) -> Message | None:
    """Return that the ledger saw nothing of what an intervention puts back, None where it did or need not."""
    if not change.evidence or change.evidence in changed:
        return None
    of_state = change.evidence in ("weights", "moments")
    return message("misfit-no_change_seen" if of_state else "misfit-no_setting_changed")


def _named(given: str) -> str:
    """Return the name that stands for "NAME" or "NAME+NAME"."""
    names = [one.strip() for one in given.split("+")]
    for one in names:
        if one not in INTERVENTIONS:
            raise unknown_name("intervention", one, INTERVENTIONS)
    if len(names) > 2 or len(set(names)) < len(names):
        raise UserError(f"--only '{given}': give one name, or two different ones joined by +")
    return TOGETHER.join(names)


def _doctor_rank(candidate: Candidate, rank: Mapping[str, int]) -> int:
    """Return the rank, among the doctor's candidate causes, of what a candidate tests: 0 is the likeliest."""
    causes = [cause for change in candidate.changes for cause in change.causes]
    return min((rank.get(cause, len(rank)) for cause in causes), default=len(rank))
