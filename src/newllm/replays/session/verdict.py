"""From what the replays did to what they show."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newllm.messages import Message, message
from newllm.replays.assessment.assessment import Assessment
from newllm.replays.assessment.dampening import DAMPENER
from newllm.replays.assessment.effect import Effect, Pair, effect_of
from newllm.replays.assessment.manipulation import Moved, manipulation
from newllm.replays.interventions import Intervention
from newllm.replays.session.cause import ORDER, CauseEvidence, find_cause, suspects
from newllm.replays.session.reproduction import Reproduction
from newllm.replays.session.results import Trial
from newllm.replays.session.session import NO_TIME, Session
from newllm.replays.subjects.original import LocatedSpike
from newllm.replays.subjects.recorded import RecordedComparison
from newllm.statistics import holm
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import EFFECT_CLASSES, VerdictMessages
from newllm.words.verdicts import change, in_english


def conclude(
    run: str,
    session: Session,
    reproduction: Reproduction,
    nulls: Mapping[int, Sequence[Assessment]],
    trials: Sequence[Trial],
    not_tried: Mapping[str, Message],
    suspected: Sequence[str],
) -> Verdict:
    """Return the verdict.

    Args:
        run: what was replayed, in words.
        session: that ran the replays.
        reproduction: of the unmodified run.
        nulls: all null replays by start, the one with the run's own seed first.
        trials: what was screened and what was confirmed.
        not_tried: by name, why.
        suspected: the doctor's causes, the likeliest first.
    """
    evidence = _evidence(session, trials)
    supported = session.results.spike.finding.supported_causes or ()
    found = count_nulls(nulls, session)
    if found["seen"]:
        untried = sum(why == NO_TIME for why in not_tried.values())
        cause, missing = find_cause(evidence, untried, supported)
    else:
        cause, missing = None, (message("missing-unseen"),)
    if cause is not None:
        cause["batches"] = _batches(session, next(one.change for one in evidence if _shows(one, cause)))
    doctor_rank = {name: rank for rank, name in enumerate(suspected)}
    verdict = Verdict(
        run=run,
        spike=describe_spike(session.results.spike, session.results.limit()) | {"decides": session.results.signal},
        reproduction=reproduction.as_dict(),
        nulls=found,
        interventions=tuple(sorted((found.tried for found in evidence), key=_best_first)),
        cause=cause,
        suspects=suspects(evidence, doctor_rank, supported),
        seconds=session.time.spent,
        messages=VerdictMessages(missing=missing, not_tried=dict(not_tried)),
    )
    return in_english(verdict)


def shows_cause(session: Session, trials: Sequence[Trial]) -> bool:
    """Whether what was tried so far shows a cause."""
    return find_cause(_evidence(session, trials), 0)[0] is not None


def differs(run: str, spike: LocatedSpike, reproduction: Reproduction, seconds: float) -> Verdict:
    """Return the verdict on a run whose unmodified replay is not the run: nothing can be said of interventions."""
    changed = reproduction.changed_state
    verdict = Verdict(
        run=run,
        spike=describe_spike(spike, None),
        reproduction=reproduction.as_dict(),
        nulls={"n": 0, "spiked": 0, "share": None, "depends_on_seed": None},
        interventions=(),
        cause=None,
        suspects=(),
        seconds=seconds,
        messages=VerdictMessages(missing=() if changed else (message("differs-so"),)),
        changed_state={**changed.as_dict(), "before_onset": changed.last <= spike.onset} if changed else None,
    )
    return in_english(verdict)


def beside(verdict: Verdict, comparison: RecordedComparison) -> Verdict:
    """Return a verdict that begins with how the training compares with its recording."""
    said = comparison.sentences
    messages = dataclasses.replace(verdict.messages, sentences=(*said, *verdict.messages.sentences))
    sentences = (*map(str, said), *verdict.sentences)
    return dataclasses.replace(verdict, sentences=sentences, messages=messages, recorded=comparison.as_dict())


def describe_spike(spike: LocatedSpike, limit: float | None) -> dict[str, Any]:
    """Return a spike as plain data."""
    return {
        "onset": spike.onset,
        "peak": spike.peak,
        "end": spike.end,
        "signal": spike.signal,
        "base": spike.base,
        "height": spike.height if np.isfinite(spike.height) else None,
        "healthy_limit": limit,
    }


def count_nulls(nulls: Mapping[int, Sequence[Assessment]], session: Session) -> dict[str, Any]:
    """Return how many null replays spiked, and of the first what it came to: whether the spike can be seen at all."""
    whole = [one for assessments in nulls.values() for one in assessments]
    first = whole[0].severity if whole else None
    spiked = sum(one.severity.spiked for one in whole)
    return {
        "n": len(whole),
        "spiked": spiked,
        "share": spiked / len(whole) if whole else None,
        "depends_on_seed": session.by_share,
        "seen": spiked > 0,
        "peak": first.peak if first else None,
        "limit": first.limit if first else None,
        "starts": sorted(nulls),
        "other_chance": {
            "n": len(session.other_chance),
            "spiked": sum(one.severity.spiked for one in session.other_chance),
        },
    }


def describe_unadjusted(session: Session, trial: Trial) -> Tried:
    """Return what one candidate's replays show by themselves, before anything is adjusted for the others."""
    effect = effect_of(trial.pairs, by_share=session.by_share)
    moved = manipulation(trial.candidate.main, trial.pairs)
    return describe(
        trial, effect, moved, effect.p if trial.confirmed else None, session.dampening.get(trial.candidate.name)
    )


def describe(trial: Trial, effect: Effect, moved: Moved, p: float | None, dampening: float | None = None) -> Tried:
    """Return what one candidate's replays show, as plain data."""
    candidate, pairs = trial.candidate, trial.pairs
    main, names = candidate.main, [intervention.name for intervention in candidate.changes]
    values = {intervention.name: dict(intervention.values) for intervention in candidate.changes if intervention.values}
    last = candidate.start.end
    costs = [pair.changed.probe_at(last) - pair.null.probe_at(last) for pair in pairs]
    return Tried(
        name=candidate.name,
        kind=main.kind,
        change=str(change("what", names, values)),
        hypothesis=str(change("hypothesis", names, values)),
        price=str(change("price", names, values)),
        start=candidate.start.step,
        stage="confirmed" if trial.confirmed else "screened",
        effect_class=effect.effect_class,
        n=len(pairs),
        spiked=effect.spiked,
        effect=effect.effect,
        interval=effect.interval,
        p=p,
        severity=float(np.mean([pair.changed.severity.peak for pair in pairs])),
        null_severity=float(np.mean([pair.null.severity.peak for pair in pairs])),
        later=effect.later,
        cost=float(np.mean(costs)) if np.isfinite(costs).all() else None,
        signals=_by_signal(pairs),
        moved={"signal": moved.signal, "ratio": moved.ratio, "moved": moved.moved, "strength": moved.strength},
        seconds=trial.seconds,
        values=values,
        dampening=dampening,
    )


def _evidence(session: Session, trials: Sequence[Trial]) -> list[CauseEvidence]:
    """Return every candidate with all that is known of it: confirmed where it was, else as it was screened."""
    effects = [effect_of(trial.pairs, by_share=session.by_share) for trial in trials]
    keys = [(trial.candidate.name, trial.candidate.start.step) for trial in trials]
    tested = [(key, effect.p) for key, trial, effect in zip(keys, trials, effects, strict=True) if trial.confirmed]
    adjusted = holm({f"{name} {start}": p for (name, start), p in tested})
    confirmed = {key for key, trial in zip(keys, trials, strict=True) if trial.confirmed}
    reverse = {test.name: test for test in session.reverse_tests}
    supported = set(session.results.spike.finding.supported_causes or ())
    evidence = []
    for (name, start), trial, effect in zip(keys, trials, effects, strict=True):
        if not trial.confirmed and (name, start) in confirmed:
            continue
        moved = manipulation(trial.candidate.main, trial.pairs)
        p = adjusted.get(f"{name} {start}") if trial.confirmed else None
        dampening = session.dampening.get(name)
        tried = describe(trial, effect, moved, p, dampening)
        dampens = (dampening or 0.0) >= DAMPENER and not supported & set(trial.candidate.main.causes)
        why = session.not_injected.get(name)
        evidence.append(CauseEvidence(trial.candidate.main, tried, moved, reverse.get(name), dampens, why))
    return evidence


def _shows(evidence: CauseEvidence, cause: Mapping[str, Any]) -> bool:
    return evidence.tried.name == cause["intervention"]


def _batches(session: Session, change: Intervention) -> dict[str, int] | None:
    """Return which batches to look at where these are the cause, from 0: of the onset's update to the last suspect."""
    if change.aims_at != "batches" or change.main_cause == ORDER:
        return None
    _, first, behind = session.results.suspect
    return {"first": first, "last": behind - 1, "count": behind - first, "step": session.results.spike.onset}


def _by_signal(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    names = [name for name in pairs[0].null.severities if all(name in pair.changed.severities for pair in pairs)]
    return {
        name: {
            "severity": float(np.mean([pair.changed.severities[name].peak for pair in pairs])),
            "spiked": sum(pair.changed.severities[name].spiked for pair in pairs),
            "null": float(np.mean([pair.null.severities[name].peak for pair in pairs])),
            "null_spiked": sum(pair.null.severities[name].spiked for pair in pairs),
        }
        for name in names
    }


def _best_first(tried: Tried) -> tuple[bool, int, float]:
    return tried.stage != "confirmed", EFFECT_CLASSES.index(tried.effect_class), -(tried.effect or 0.0)
