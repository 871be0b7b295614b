"""From a training and its spike to a verdict: the stages of a session in their order."""

import functools
from collections.abc import Callable, Mapping, Sequence

from newllm.errors import UserError
from newllm.messages import Message, quoted
from newllm.replays.advance import state_at
from newllm.replays.alone import alone
from newllm.replays.candidates import Candidate, candidates
from newllm.replays.null import NullCheck, check_null
from newllm.replays.outcome import effect_of
from newllm.replays.question import Question
from newllm.replays.replica import State
from newllm.replays.runner import Runner
from newllm.replays.session import NO_TIME, SCREENS, Session, Shown, best_of
from newllm.replays.starts import Start, starts
from newllm.replays.store import Store
from newllm.replays.task import Replayer, Task
from newllm.replays.trajectory import Trajectory
from newllm.replays.verdict import conclude, differs, say_tried
from newllm.replays.watcher import Watcher
from newllm.time_limit import OutOfTime
from newllm.trace import Verdict


def investigate(asked: Question, replayer: Callable[[Store], Replayer], workers: int, watcher: Watcher) -> Verdict:
    """Replay, and return what it shows.

    Args:
        asked: what is replayed.
        replayer: from the store to what runs a task; it travels to the workers.
        workers: processes; 0 runs in this one.
        watcher: told how it goes.

    Raises:
        UserError: a name that does not exist, no room, a run that cannot be replayed, or that another process replays.
    """
    places = starts(asked.spike)
    chosen, not_tried = candidates(asked.subject, places, asked.spike.finding.candidate_causes, asked.only)
    with alone(None if asked.place is None else asked.place.parent, asked.name):
        return _replayed(asked, replayer, workers, watcher, places, chosen, not_tried)


def _replayed(
    asked: Question,
    replayer: Callable[[Store], Replayer],
    workers: int,
    watcher: Watcher,
    places: Sequence[Start],
    chosen: Sequence[Candidate],
    not_tried: Mapping[str, Message],
) -> Verdict:
    store = Store(asked.place, dict(asked.identity))
    heard = _Heard(watcher)
    keep_state = functools.partial(_keep_state, asked, store)
    with store.in_use():
        with Runner(replayer(store), store, workers, heard, asked.time) as runner:
            session = Session(runner, asked, places, _suspect(asked, places[0]), watcher, keep_state)
            heard.session = session
            watcher.planned("null replay", 1)
            check = _checked(asked, places[0], watcher)
            if check.identical is False:
                verdict = differs(asked.name, asked.spike, check, asked.time.spent)
            else:
                keep_state(places[0].step, check.state)
                verdict = _stages(asked, session, chosen, not_tried, check)
        store.write(verdict)
    watcher.ended(verdict)
    return verdict


def _checked(asked: Question, late: Start, watcher: Watcher) -> NullCheck:
    try:
        return check_null(asked.subject, asked.original, asked.spike, late.step, watcher, asked.time.check)
    except OutOfTime:
        said = "the time was up before the run was replayed once as it was: give more"
        raise UserError(f"--budget {asked.time.seconds:g}: {said}") from None


class _Heard:
    """Tells a watcher of each replay, with the stage that it belongs to."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.session: Session | None = None

    def __call__(self, task: Task, made: Trajectory) -> None:
        session = self.session
        assert session is not None, "a replay before the session"
        spiked = None if session.judge is None else session.judge(made).own.spiked
        self.watcher.replayed(session.stage, task.name or "unmodified", task.replay, spiked, made.seconds)


def _stages(
    asked: Question, session: Session, chosen: Sequence[Candidate], not_tried: Mapping[str, Message], check: NullCheck
) -> Verdict:
    nulls = session.nulls()
    watcher, told = session.watcher, set[str]()
    for share in SCREENS:
        screened = session.screen(chosen, share)
        for one in screened:
            if one.candidate.name not in told:
                watcher.tried(say_tried(session, one))
                told.add(one.candidate.name)
        best = best_of(screened, by_share=session.by_share)
        waiting = share < SCREENS[-1] and NO_TIME in _left_out(session, chosen, screened).values()
        _tell(session, session.confirm(_removing(session, screened, best) if waiting else best))
    _tell(session, session.confirm_from_the_beginning(best))
    for candidate in best:  # what was not confirmed still says something, where there is time
        session.plant(candidate)
    left = _left_out(session, chosen, screened)
    suspected = asked.spike.finding.candidate_causes
    shown = [*screened, *session.confirmed]
    return conclude(asked.name, session, check, nulls, shown, session.planted, {**not_tried, **left}, suspected)


def _removing(session: Session, screened: Sequence[Shown], best: Sequence[Candidate]) -> list[Candidate]:
    """Return the best that left nothing of the spike: while others wait for a try, no less is worth a confirmation."""
    shown = {one.candidate: effect_of(one.pairs, by_share=session.by_share).outcome for one in screened}
    return [one for one in best if shown[one] == "removes"]


def _tell(session: Session, confirmed: Sequence[Shown]) -> None:
    for one in confirmed:
        session.watcher.tried(say_tried(session, one))


def _left_out(session: Session, chosen: Sequence[Candidate], screened: Sequence[Shown]) -> dict[str, Message]:
    """Return why what could have been tried was not."""
    seen = {one.candidate.name for one in screened}
    failed = session.runner.failed
    left = [one.name for one in chosen if one.name not in seen]
    return {name: quoted(failed[name]) if name in failed else NO_TIME for name in left}


def _suspect(asked: Question, late: Start) -> range:
    return asked.subject.setup(late.step, 0, late.onset, late.last).window


def _keep_state(asked: Question, store: Store, step: int, state: State | None = None) -> None:
    """Keep the state that replays begin from; one that is not given is made again."""
    if not store.has_state(step):
        store.keep_state(step, state or state_at(asked.subject, asked.original, step, asked.time.check))
