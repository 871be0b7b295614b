"""From a training and its spike to a verdict: the stages of a session in their order."""

from collections.abc import Callable, Mapping, Sequence

from newllm.replays.advance import state_at
from newllm.replays.alone import alone
from newllm.replays.candidates import Candidate, candidates
from newllm.replays.null import NullCheck, check_null
from newllm.replays.question import Question
from newllm.replays.runner import Runner
from newllm.replays.session import NO_TIME, Session, Shown, best_of
from newllm.replays.starts import Start, healthy_stretch, starts
from newllm.replays.store import Store
from newllm.replays.task import Replayer, Task
from newllm.replays.trajectory import Trajectory
from newllm.replays.verdict import conclude, differs, say_tried
from newllm.replays.watcher import Watcher
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
    not_tried: Mapping[str, str],
) -> Verdict:
    store = Store(asked.place, dict(asked.identity))
    heard = _Heard(watcher)
    with Runner(replayer(store), store, workers, heard) as runner:
        session = Session(runner, asked, places, _suspect(asked, places[0]), watcher)
        heard.session = session
        watcher.planned("null replay", 1)
        check = check_null(asked.subject, asked.original, asked.spike, places[0].step, watcher)
        if check.identical is False:
            verdict = differs(asked.name, asked.spike, check)
        else:
            _keep_states(asked, places, check, store)
            verdict = _stages(asked, session, chosen, not_tried, check)
    store.write(verdict)
    watcher.ended(verdict)
    return verdict


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
    asked: Question, session: Session, chosen: Sequence[Candidate], not_tried: Mapping[str, str], check: NullCheck
) -> Verdict:
    nulls = session.nulls()
    screened = session.screen(chosen)
    for one in screened:
        session.watcher.tried(say_tried(session, one))
    best = best_of(screened, by_share=session.by_share)
    confirmed = session.confirm(best)
    planted = session.plant(best)
    confirmed += session.confirm_from_the_beginning(best)
    for one in confirmed:
        session.watcher.tried(say_tried(session, one))
    left = _left_out(session, chosen, screened)
    suspected = asked.spike.finding.candidate_causes
    shown = [*screened, *confirmed]
    return conclude(asked.name, session, check, nulls, shown, planted, {**not_tried, **left}, suspected)


def _left_out(session: Session, chosen: Sequence[Candidate], screened: Sequence[Shown]) -> dict[str, str]:
    """Return why what could have been tried was not."""
    seen = {one.candidate.name for one in screened}
    return {one.name: session.runner.failed.get(one.name, NO_TIME) for one in chosen if one.name not in seen}


def _suspect(asked: Question, late: Start) -> range:
    return asked.subject.setup(late.step, 0, late.onset, late.last).window


def _keep_states(asked: Question, places: Sequence[Start], check: NullCheck, store: Store) -> None:
    """Keep the states that replays and reverse tests begin from."""
    stretch = healthy_stretch(places[0])
    for step in {one.step for one in (*places, stretch) if one is not None}:
        if not store.has_state(step):
            given = check.state if step == places[0].step else None
            store.keep_state(step, given or state_at(asked.subject, asked.original, step))
