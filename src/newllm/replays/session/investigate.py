"""From a training and its spike to a verdict: the stages of a session in their order."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock
import torch

from newllm.engines import Engine
from newllm.errors import UserError
from newllm.files import writing
from newllm.messages import Message, message, quoted
from newllm.replays.assessment.assessment import Assessment
from newllm.replays.assessment.effect import effect_of
from newllm.replays.replica.replica import State
from newllm.replays.session.candidates import Candidate, candidates
from newllm.replays.session.control_spikes import measure_dampening
from newllm.replays.session.reproduction import Reproduction, reproduce
from newllm.replays.session.request import ReplayRequest
from newllm.replays.session.results import SCREENED, Trial
from newllm.replays.session.runner import Heard, Runner
from newllm.replays.session.session import NO_TIME, SCREENS, Session, best_of
from newllm.replays.session.starts import Start, starts
from newllm.replays.session.store import Store
from newllm.replays.session.task import Replayer
from newllm.replays.session.verdict import beside, conclude, describe_unadjusted, differs, shows_cause
from newllm.replays.watcher import UNMODIFIED, Watcher
from newllm.time_limit import OutOfTime
from newllm.trace import Verdict
from newllm.training.environment import using_threads


def investigate(
    request: ReplayRequest, replayer: Callable[[Store], Replayer], engine: Engine | None, watcher: Watcher
) -> Verdict:
    """Replay, and return what it shows.

    Args:
        request: what is replayed.
        replayer: from the store to what runs a task; it travels to the workers.
        engine: where replays run; None is this process.
        watcher: hears how it goes.

    Raises:
        UserError: a name that does not exist, no room, a run that cannot be replayed, or that another process replays.
    """
    origins = starts(request.spike)
    kinds = {kind for kinds in request.original.changes.values() for kind in kinds}
    changed = {"weights" if kind == "frozen" else kind for kind in kinds}  # frozen ones are put back as all others are
    changed |= request.original.changed_settings(origins[0].step, request.spike.onset).keys()
    suspected = request.spike.finding.candidate_causes
    chosen, not_tried = candidates(request.subject, origins, suspected, request.only, changed)
    with replay_lock(None if request.directory is None else request.directory.parent, request.name):
        return _replayed(request, replayer, engine, watcher, origins, chosen, not_tried)


@contextlib.contextmanager
def replay_lock(directory: Path | None, name: str) -> Iterator[None]:
    """Let one process at a time replay a run: two would share its time and its files.

    Args:
        directory: of its replays, made where it is absent; None where nothing is kept on disk.
        name: of the run, as it was given.

    Raises:
        UserError: another process replays it, or the directory cannot be written.
    """
    if directory is None:
        yield
        return
    lock = filelock.FileLock(directory / ".lock", blocking=False)
    try:
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except filelock.Timeout as error:
        raise UserError(f"'{name}' is being replayed by another process: wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def _replayed(
    request: ReplayRequest,
    replayer: Callable[[Store], Replayer],
    engine: Engine | None,
    watcher: Watcher,
    origins: Sequence[Start],
    chosen: Sequence[Candidate],
    not_tried: Mapping[str, Message],
) -> Verdict:
    store = Store(request.directory, dict(request.identity))
    keep_state = functools.partial(_keep_state, request, store)
    with store.in_use():
        heard: Heard = lambda task, made: session.heard(task, made)  # noqa: E731 (the session needs its runner first)
        with Runner(replayer(store), store, engine, heard, request.time) as runner:
            session = Session(runner, request, origins, _suspect(request, origins[0]), watcher, keep_state)
            watcher.planned("reproduction", 1)
            reproduction = _reproduced(request, origins[0], watcher)
            watcher.replayed("reproduction", UNMODIFIED, 0, None, reproduction.seconds)
            if reproduction.identical is False:
                verdict = differs(request.name, request.spike, reproduction, request.time.spent)
            else:
                keep_state(origins[0].step, reproduction.state)
                verdict = _stages(request, session, chosen, not_tried, reproduction)
        if request.original.comparison is not None:
            verdict = beside(verdict, request.original.comparison)
        if not store.write(verdict):
            watcher.noticed(message("notice-kept"))
    watcher.ended(verdict)
    return verdict


def _reproduced(request: ReplayRequest, late: Start, watcher: Watcher) -> Reproduction:
    try:
        return reproduce(request.subject, request.original, request.spike, late.step, watcher, request.time.check)
    except OutOfTime:
        said = "the time was up before the run was replayed once as it was: give more"
        raise UserError(f"--budget {request.time.seconds:g}: {said}") from None


def _stages(
    request: ReplayRequest,
    session: Session,
    chosen: Sequence[Candidate],
    not_tried: Mapping[str, Message],
    reproduction: Reproduction,
) -> Verdict:
    nulls = session.nulls(chosen[0].start if chosen else session.starts[0])
    if not any(one.severity.spiked for replays in nulls.values() for one in replays):
        # No change can be seen to remove what cannot be seen: nothing is tried.
        return conclude(request.name, session, reproduction, nulls, [], dict(not_tried), ())
    screened = _tried(session, chosen, nulls)
    names = {trial.candidate.name for trial in screened}
    earlier = session.recall(_of_earlier_replays(request, session))
    screened += [one for one in earlier if one.candidate.name not in names]
    left = _left_out(session, chosen, screened)
    suspected = request.spike.finding.candidate_causes
    trials = [*screened, *session.confirmed]
    return conclude(request.name, session, reproduction, nulls, trials, {**not_tried, **left}, suspected)


def _tried(session: Session, chosen: Sequence[Candidate], nulls: dict[int, list[Assessment]]) -> list[Trial]:
    """Screen and confirm in turn until a cause is shown and all was tried once, or the time is up.

    Args:
        session: that runs the replays.
        chosen: what may be tried, the likeliest first.
        nulls: null replays by start; those that are made on the way join it.

    Returns:
        What was screened.
    """
    reported: set[str] = set()
    screened: list[Trial] = []
    best: list[Candidate] = []
    shares, is_shown = list(SCREENS), False
    while shares:
        share = shares.pop(0)
        replays = 1 if is_shown else SCREENED
        screened = session.screen(chosen, share, first=share == SCREENS[0], replays=replays)
        for one in screened:
            if one.candidate.name not in reported:
                session.watcher.tried(describe_unadjusted(session, one))
                reported.add(one.candidate.name)
        waiting = NO_TIME in _left_out(session, chosen, screened).values()
        if not is_shown:
            best = _confirmed(session, screened, all_tried=not (shares and waiting))
            is_shown = shows_cause(session, [*screened, *session.confirmed])
            if is_shown:
                session.watcher.noticed(message("notice-cause_shown"))
        if is_shown and not waiting:
            return screened
        removed = any(_removes(session, trial) for trial in session.confirmed)
        if not (removed and shares) and any(one.start not in session.usable for one in chosen):
            later = session.later_nulls()  # some need a start that was too dear before
            nulls |= later
            shares += [1.0] if later and not shares else []
    _tell(session, session.confirm_from_the_beginning(best))
    for candidate in best:  # what was not confirmed still says something, where there is time
        session.inject(candidate)
    return screened


def _confirmed(session: Session, screened: Sequence[Trial], *, all_tried: bool) -> list[Candidate]:
    """Confirm what did best in the screen, what restores first, and return the best of it.

    Args:
        session: that runs the replays.
        screened: what was tried.
        all_tried: whether nothing waits for a try: else nothing less than a removal is confirmed.
    """
    _tell(session, session.confirm(_restoring(session, screened)))  # however they dampen other spikes
    measure_dampening(session, screened)
    best = best_of(screened, by_share=session.by_share, dampening=session.dampening)
    _tell(session, session.confirm(best if all_tried else _removing(session, screened, best)))
    return best


def _of_earlier_replays(request: ReplayRequest, session: Session) -> list[Candidate]:
    """Return what the earlier verdict on this spike has and this session has not confirmed: nothing of it is lost."""
    earlier = session.runner.store.verdict()
    known = {trial.candidate.name for trial in session.confirmed}
    found: list[Candidate] = []
    for name in dict.fromkeys(tried.name for tried in (earlier.interventions if earlier else ())):
        with contextlib.suppress(UserError):  # of a version that knew another intervention
            found += candidates(request.subject, session.starts, (), [name])[0] if name not in known else []
    return found


def _removing(session: Session, screened: Sequence[Trial], best: Sequence[Candidate]) -> list[Candidate]:
    """Return the best that left nothing of the spike: while others wait for a try, no less is worth a confirmation."""
    removing = {one.candidate for one in screened if _removes(session, one)}
    return [one for one in best if one in removing]


def _removes(session: Session, trial: Trial) -> bool:
    return effect_of(trial.pairs, by_share=session.by_share).effect_class == "removes"


def _restoring(session: Session, screened: Sequence[Trial]) -> list[Candidate]:
    """Return what left nothing of the spike and restores."""
    kept = [one for one in screened if one.candidate.main.restores]
    return _removing(session, kept, best_of(kept, by_share=session.by_share))


def _tell(session: Session, confirmed: Sequence[Trial]) -> None:
    for one in confirmed:
        session.watcher.tried(describe_unadjusted(session, one))


def _left_out(session: Session, chosen: Sequence[Candidate], screened: Sequence[Trial]) -> dict[str, Message]:
    """Return why what could have been tried was not."""
    seen = {one.candidate.name for one in screened}
    failed = session.runner.failed
    left = [one.name for one in chosen if one.name not in seen]
    return {name: quoted(failed[name]) if name in failed else NO_TIME for name in left}


def _suspect(request: ReplayRequest, late: Start) -> tuple[int, int, int]:
    """Return the batches that are injected elsewhere (`Task.suspect`): of a long window those of a late replay."""
    setup = request.subject.setup(late.step, 0, late.onset, min(late.last_suspect, late.end))
    return setup.window.start, max(setup.window.start, (late.onset - 1) * setup.per_update), setup.window.stop


def _keep_state(request: ReplayRequest, store: Store, step: int, state: State | None = None) -> None:
    """Keep the state that replays begin from; one that is not given is made again."""
    if not store.has_state(step):
        store.keep_state(step, state or _state_at(request, step))


def _state_at(request: ReplayRequest, step: int) -> State:
    """Return the state at a step above 0: the unmodified training runs up to it from the nearest state before it."""
    subject = request.subject
    known, state = request.original.state(step)
    replica = subject.start(subject.setup(known, 0, step, step), state)
    with using_threads(subject.threads), torch.random.fork_rng():
        for done in range(known, step):
            request.time.check()
            replica.update(done)
    return replica.state()
