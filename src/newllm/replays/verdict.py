"""From what the replays did to what they show."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newllm.messages import Message, message
from newllm.replays.cause import Case, find_cause, suspects
from newllm.replays.judged import Judged
from newllm.replays.manipulation import Moved, manipulation
from newllm.replays.null import NullCheck
from newllm.replays.original import Spike
from newllm.replays.outcome import Effect, Pair, effect_of
from newllm.replays.session import NO_TIME, Planted, Session, Shown
from newllm.statistics import holm
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import OUTCOMES, VerdictMessages
from newllm.words.verdicts import change, in_english


def conclude(
    run: str,
    session: Session,
    check: NullCheck,
    nulls: Mapping[int, Sequence[Judged]],
    shown: Sequence[Shown],
    planted: Sequence[Planted],
    not_tried: Mapping[str, Message],
    suspected: Sequence[str],
) -> Verdict:
    """Return the verdict.

    Args:
        run: what was replayed, in words.
        session: that ran the replays.
        check: of the unmodified run.
        nulls: with other chance, by start.
        shown: what was screened and what was confirmed.
        planted: the reverse tests.
        not_tried: by name, why.
        suspected: the doctor's causes, the likeliest first.
    """
    cases = _cases(session, shown, planted)
    cause, missing = find_cause(cases, sum(why == NO_TIME for why in not_tried.values()))
    doubts = {name: place for place, name in enumerate(suspected)}
    verdict = Verdict(
        run=run,
        spike=describe_spike(session.spike, session.limit()),
        null=describe_check(check),
        nulls=count_nulls(nulls, session),
        interventions=tuple(sorted((case.tried for case in cases), key=_best_first)),
        cause=cause,
        suspects=suspects(cases, doubts),
        seconds=session.time.spent,
        messages=VerdictMessages(missing=missing, not_tried=dict(not_tried)),
    )
    return in_english(verdict)


def differs(run: str, spike: Spike, check: NullCheck, seconds: float) -> Verdict:
    """Return the verdict on a run whose unmodified replay is not the run: nothing can be said."""
    verdict = Verdict(
        run=run,
        spike=describe_spike(spike, None),
        null=describe_check(check),
        nulls={"n": 0, "spiked": 0, "share": None, "depends_on_seed": None},
        interventions=(),
        cause=None,
        suspects=(),
        seconds=seconds,
        messages=VerdictMessages(missing=(message("differs-so"),)),
    )
    return in_english(verdict)


def describe_spike(spike: Spike, limit: float | None) -> dict[str, Any]:
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


def describe_check(check: NullCheck) -> dict[str, Any]:
    """Return what became of the unmodified replay as plain data."""
    return {
        "identical": check.identical,
        "compared": check.compared,
        "weights": check.weights,
        "tolerance": check.tolerance,
        "first_difference": check.first_difference,
    }


def count_nulls(nulls: Mapping[int, Sequence[Judged]], session: Session) -> dict[str, Any]:
    """Return how many null replays spiked."""
    whole = [one for judged in nulls.values() for one in judged]
    spiked = sum(one.own.spiked for one in whole)
    return {
        "n": len(whole),
        "spiked": spiked,
        "share": spiked / len(whole) if whole else None,
        "depends_on_seed": session.by_share,
        "starts": sorted(nulls),
    }


def say_tried(session: Session, shown: Shown) -> Tried:
    """Return what one candidate's replays show by themselves, before anything is adjusted for the others."""
    effect = effect_of(shown.pairs, by_share=session.by_share)
    moved = manipulation(shown.candidate.main, shown.pairs)
    return describe(shown, effect, moved, effect.p if shown.confirmed else None)


def describe(shown: Shown, effect: Effect, moved: Moved, p: float | None) -> Tried:
    """Return what one candidate's replays show, as plain data."""
    one, pairs = shown.candidate, shown.pairs
    main, names = one.main, [each.name for each in one.changes]
    values = {each.name: dict(each.values) for each in one.changes if each.values}
    last = one.start.end
    costs = [pair.changed.probe_at(last) - pair.null.probe_at(last) for pair in pairs]
    return Tried(
        name=one.name,
        kind=main.kind,
        change=str(change("what", names, values)),
        hypothesis=str(change("hypothesis", names, values)),
        price=str(change("price", names, values)),
        start=one.start.step,
        stage="confirmed" if shown.confirmed else "screened",
        outcome=effect.outcome,
        n=len(pairs),
        spiked=effect.spiked,
        effect=effect.effect,
        interval=effect.interval,
        p=p,
        severity=float(np.mean([pair.changed.own.peak for pair in pairs])),
        null_severity=float(np.mean([pair.null.own.peak for pair in pairs])),
        later=effect.later,
        cost=float(np.mean(costs)) if np.isfinite(costs).all() else None,
        signals=_by_signal(pairs),
        moved={"signal": moved.signal, "ratio": moved.ratio, "moved": moved.moved, "strength": moved.strength},
        seconds=shown.seconds,
        values=values,
    )


def _cases(session: Session, shown: Sequence[Shown], planted: Sequence[Planted]) -> list[Case]:
    """Return every candidate with all that is known of it: confirmed where it was, else as it was screened."""
    effects = [effect_of(one.pairs, by_share=session.by_share) for one in shown]
    keys = [(one.candidate.name, one.candidate.start.step) for one in shown]
    tested = [(key, effect.p) for key, one, effect in zip(keys, shown, effects, strict=True) if one.confirmed]
    adjusted = holm({f"{name} {start}": p for (name, start), p in tested})
    confirmed = {key for key, one in zip(keys, shown, strict=True) if one.confirmed}
    reverse = {one.name: one for one in planted}
    cases = []
    for (name, start), one, effect in zip(keys, shown, effects, strict=True):
        if not one.confirmed and (name, start) in confirmed:
            continue
        moved = manipulation(one.candidate.main, one.pairs)
        p = adjusted.get(f"{name} {start}") if one.confirmed else None
        tried = describe(one, effect, moved, p)
        cases.append(Case(one.candidate.main, tried, moved, reverse.get(name)))
    return cases


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


def _best_first(one: Tried) -> tuple[bool, int, float]:
    return one.stage != "confirmed", OUTCOMES.index(one.outcome), -(one.effect or 0.0)
