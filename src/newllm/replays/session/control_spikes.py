"""Control spikes: what helped in the screen is tried on a spike that it has nothing to do with."""

from collections.abc import Sequence
from dataclasses import replace

from newllm.replays.assessment.dampening import CLIMBS, dampening
from newllm.replays.assessment.effect import effect_of
from newllm.replays.interventions.intervention import ON_UPDATES
from newllm.replays.session.candidates import Candidate
from newllm.replays.session.results import Trial
from newllm.replays.session.session import WORTH, Session
from newllm.replays.session.starts import Start, healthy_segment
from newllm.replays.session.task import Task
from newllm.time_limit import OutOfTime

_REPLAYS = 2  # of a control spike
_TIME = 0.15  # of what is left


def measure_dampening(session: Session, trials: Sequence[Trial]) -> None:
    """Measure how much what helped in the screen takes from a control spike: `Session.dampening`.

    What has been measured is not measured again. Left out where there is no healthy segment, no control spike as high
    as the run's own, or no time.
    """
    by = session.time.spent + _TIME * (session.time.end - session.time.spent)
    for start in session.usable:
        helped = [
            trial.candidate
            for trial in trials
            if trial.candidate.start == start
            and trial.candidate.main.kind in ON_UPDATES
            and not trial.candidate.main.restores
            and trial.candidate.name not in session.dampening
            and (effect_of(trial.pairs, by_share=session.by_share).effect or 0.0) >= WORTH
        ]
        if helped and (control := _control_spike(session, start, by)):
            _try_on(session, helped, control, by)


def _try_on(session: Session, helped: Sequence[Candidate], control: Sequence[Task], by: float) -> None:
    changed = {one.name: [replace(task, name=one.name) for task in control] for one in helped}
    every = [task for tasks in changed.values() for task in tasks]
    session.begin("control spikes", every)
    failed = dict(session.runner.failed)
    session.runner.run(every, by)
    # What finds nothing to change there, as a rate that rises in the spike's window alone, is tried as before.
    session.runner.failed.clear()
    session.runner.failed.update(failed)
    for name, tasks in changed.items():
        if len(made := session.results.assessments(tasks)) == len(control):
            found = dampening(session.results.assessments(control), made)
            session.dampening |= {} if found is None else {name: found}


def _control_spike(session: Session, start: Start, by: float) -> list[Task]:
    """Return replays with a control spike at least as high as the run's own; none where that is not to be had."""
    segment = healthy_segment(session.starts[0])
    if segment is None:
        return []
    ground = replace(segment, step=min(segment.step, start.step))
    [null] = session.results.assessments([session.results.null_task(start, 0)])
    if null.severity.above <= 0:
        return []
    try:
        session.keep_state(ground.step)
    except OutOfTime:
        return []
    for climbs in (each for each in CLIMBS if each < ground.end - ground.onset):
        tasks = [replace(session.results.null_task(ground, replay), climbs=climbs) for replay in range(_REPLAYS)]
        session.begin("control spikes", tasks)
        session.runner.run(tasks, by)
        made = session.results.assessments(tasks)
        if len(made) < len(tasks):
            return []
        if min(one.severity.above for one in made) >= null.severity.above:
            return tasks
    return []
