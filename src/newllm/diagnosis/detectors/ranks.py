"""Ranks of one training: other weights or moments, the same data, one that is slow or hangs, by what each recorded.

What was equal at the start and differs later is seen, and is no guess; the step is known as closely as fingerprints
were taken, at sampled steps. Ranks that come together again train by themselves in between on purpose: a note.
"""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more
from newllm.diagnosis.ranks.signals import equal_losses
from newllm.messages import message
from newllm.trace import Finding, Trace

SHOWN = 3  # ranks that a sentence names


def detect_ranks_apart(trace: Trace, facts: Facts) -> list[Finding]:
    """Return where the ranks of a training part, by the first parameters that they do not share."""
    if facts.ranks is None or not facts.ranks.apart:
        return []
    first = facts.ranks.apart[0]
    begins = [one for one in facts.ranks.apart if one.step == first.step]
    part = "weights" if any(one.part == "weights" for one in begins) else "moments"
    names = [one.name for one in begins if one.part == part]
    again = all(one.again for one in facts.ranks.apart)
    ranks = sorted({rank for one in begins for rank in one.ranks})
    return [
        Finding(
            kind="ranks-apart",
            severity="note" if again else "warning",
            sentence=message(
                "finding-ranks-apart.sentence",
                count=len(names),
                part=part,
                parameters=and_more(names),
                axis=trace.axis,
                step=first.step,
                equal="none" if first.equal is None else first.equal,
                ranks=", ".join([*map(str, ranks[:SHOWN]), *(["..."] if len(ranks) > SHOWN else [])]),
                again=again,
            ),
            first_step=float(first.step),
            last_step=float(first.step),
            confidence=0.97,
            signal="loss" if "loss" in trace.signals else None,
            evidence={
                "parameters": len({one.name for one in facts.ranks.apart}),
                "compared": facts.ranks.compared,
                "ranks": facts.ranks.count,
            },
            alternatives=tuple(
                message(f"finding-ranks-apart.{name}")
                for name in ("not-wrapped", "hooks", "transfer", "update", "meant")
            ),
            test=message("finding-ranks-apart.test"),
        )
    ]


def detect_ranks_alike(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that all ranks of a data-parallel training are given the same inputs, to the bit, at each step compared.

    Their gradients are averaged, so that what all compute alike counts once. A training on one batch is not meant, nor
    a split model, whose parts are given the same (`recorder.rank_inputs`).
    """
    if facts.ranks is None or not facts.ranks.alike:
        return _equal_losses(trace, facts)
    steps = facts.ranks.alike
    said = {"axis": trace.axis, "first": steps[0], "last": steps[-1], "ranks": facts.ranks.count, "steps": len(steps)}
    names = sorted({one.name for one in facts.ranks.drawn})  # a seed that is the same on all ranks draws the same rows
    sentence = message("finding-ranks-alike.drawn", **said, names=", ".join(names)) if names else None
    return [
        Finding(
            kind="ranks-alike",
            severity="warning",
            sentence=sentence or message("finding-ranks-alike.inputs", **said),
            first_step=float(steps[0]),
            last_step=float(steps[-1]),
            confidence=0.95,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"ranks": facts.ranks.count, "steps": len(steps)},
            alternatives=() if names else (message("finding-ranks-alike.chance"),),
            test=message("finding-ranks-alike.test"),
        )
    ]


def detect_ranks_drawing_alike(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that dropout, noise or an augmentation is the same on all ranks, whose rows differ.

    False alarms: it is a note, as many trainings seed all ranks alike and are sound. Ranks whose rows are the same are
    told already.
    """
    if facts.ranks is None or not facts.ranks.drawn or facts.ranks.alike:
        return []
    by_model = [one for one in facts.ranks.drawn if one.by_model]
    drawn = by_model or facts.ranks.drawn
    steps, meant = drawn[0].steps, ("meant", "layers") if by_model else ("parts", "meant")
    return [
        Finding(
            kind="ranks-drawing-alike",
            severity="note",
            sentence=message(
                f"finding-ranks-drawing-alike.{'model' if by_model else 'loop'}",
                ranks=facts.ranks.count,
                names=", ".join(one.name for one in drawn),
                steps=len(steps),
                axis=trace.axis,
                first=steps[0],
                last=steps[-1],
            ),
            first_step=float(steps[0]),
            last_step=float(steps[-1]),
            confidence=0.95,
            signal=None,
            evidence={"ranks": facts.ranks.count, "steps": len(steps)},
            alternatives=tuple(message(f"finding-ranks-drawing-alike.{name}") for name in meant),
            test=message("finding-ranks-drawing-alike.test"),
        )
    ]


def _equal_losses(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that logs of several ranks have the same losses: what was averaged before it was logged has, too."""
    signals = None if facts.ranks is None else facts.ranks.signals
    if signals is None or not signals.of_logs or (steps := equal_losses(signals)) is None:
        return []
    first, last = steps
    return [
        Finding(
            kind="ranks-alike",
            severity="note",
            sentence=message(
                "finding-ranks-alike.logs", ranks=len(signals.ranks), axis=trace.axis, first=first, last=last
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.5,
            signal="loss",
            evidence={"ranks": len(signals.ranks)},
            alternatives=(message("finding-ranks-alike.meant"),),
            test=message("finding-ranks-alike.test"),
        )
    ]


def detect_straggler(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the rank that all others wait for: the slowest at nearly every step that was timed, and clearly so."""
    slow = None if facts.ranks is None else facts.ranks.straggler
    if facts.ranks is None or slow is None:
        return []
    times = {"slowest": slow.slowest, "steps": slow.steps, "axis": trace.axis, "first": slow.first, "last": slow.last}
    return [
        Finding(
            kind="straggler",
            severity="note",
            sentence=message("finding-straggler.sentence", rank=slow.rank, ratio=slow.ratio, **times),
            first_step=float(slow.first),
            last_step=float(slow.last),
            confidence=0.9,
            signal=None,
            evidence={"ranks": facts.ranks.count, "steps": slow.steps, "ratio": slow.ratio},
            alternatives=tuple(message(f"finding-straggler.{name}") for name in ("busy", "hardware", "rows")),
            test=message("finding-straggler.test"),
        )
    ]


def detect_hang(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the rank that the others waited for in vain, the last time that they did; a note where the run went on."""
    if not facts.hangs:
        return []
    last = facts.hangs[-1]
    past = any(len(one.step) and one.step[-1] > last.step for one in trace.signals.values())
    said = message("training-hangs", **last.numbers())
    return [
        Finding(
            kind="hang",
            severity="note" if past else "warning",
            sentence=message("finding-hang.sentence", said=said, count=len(facts.hangs), past=past),
            first_step=float(last.step),
            last_step=float(last.step),
            confidence=0.97,
            signal=None,
            evidence={"hangs": len(facts.hangs), "seconds": last.seconds},
            alternatives=tuple(
                message(f"finding-hang.{name}") for name in ("stopped", "disk", "device", "code", "slow")
            ),
            test=message("finding-hang.test"),
        )
    ]
