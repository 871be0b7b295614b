"""What is logged beside the loss: auxiliary losses, the loss scale, memory, throughput."""

from dataclasses import replace

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, for_good, longest, median, smoothed, start_level
from newllm.diagnosis.losses import as_shares, finite, sliding_median
from newllm.diagnosis.roles import Roles, roles_of
from newllm.diagnosis.shift import SURE, TIMES, scatter
from newllm.messages import message
from newllm.trace import Finding, Series, Trace
from newllm.trace.readers.naming import words

FEWEST_POINTS = 20
EXPLODED = 20.0  # times its usual level
UNBALANCED = 3.0  # likewise of a balance of experts, which is at most as high as there are experts
VANISHED = 1e-3  # of its usual level
LONG = 0.2  # of the run
# A jump, which says by itself neither that it is wrong nor that it is planned.
WIDTH, NARROWEST = 20, 5  # points whose level is taken: such a part of the run, and at least so many
NEAREST = 3  # points on either side, which show most of a jump
SHARP = 0.8  # of it: a ramp shows less
_BALANCE = {"balance", "balancing", "router", "moe", "experts", "expert"}


def detect_auxiliary_loss(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the auxiliary losses (balance of experts, commitment) that explode or vanish, or jump up for good.

    False alarms: such a loss is to fall, so it has to be below `VANISHED` of its usual level for `LONG` of the run, to
    its end, or above `EXPLODED` times it (a balance of experts: `UNBALANCED` times where it began). A jump is a note:
    a weight may have been changed on purpose. It must at least double the loss, go twice as far as any rise before it,
    come within a few points, where a ramp takes longer, and stay. A part that was nothing before only begins.
    """
    roles = roles_of(trace, facts)
    found = ((_auxiliary(roles, name) or _jump(roles, name)) for name in roles.names("auxiliary_loss"))
    return [one for one in found if one]


def _auxiliary(roles: Roles, name: str) -> Finding | None:
    series = finite(roles.trace.series(name))
    count = len(series.value)
    if count < FEWEST_POINTS:
        return None
    size = np.abs(smoothed(series))
    usual = median(size[: count // 2])
    is_balance = not _BALANCE.isdisjoint(words(name))
    if is_balance:
        usual = min(usual, start_level(series)) if start_level(series) > 0 else usual
    limit = UNBALANCED if is_balance else EXPLODED
    exploded, vanished = (for_good(series, at) for at in (size > limit * usual, size < VANISHED * usual))
    explodes = exploded is not None and exploded[1] >= 0.05
    first = exploded if explodes else vanished
    if usual <= 0 or first is None or first[1] < (0.05 if explodes else LONG):
        return None
    causes = ("unbalanced-experts",) if explodes and is_balance else ()
    causes += ("learning-rate", "numerics-in-loss") if explodes else ("no-gradient",)
    return Finding(
        kind="auxiliary-loss",
        severity="warning",
        sentence=message(
            "finding-auxiliary-loss.sentence",
            signal=name,
            usual=usual,
            level=end_level(series, 0.05),
            axis=roles.trace.axis,
            first=int(first[0]),
            explodes=explodes,
        ),
        first_step=first[0],
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={"usual": usual, "level": end_level(series, 0.05)},
        alternatives=(message("finding-auxiliary-loss.weight"),),
        test=message("finding-auxiliary-loss.test"),
        candidate_causes=causes,
    )


def _jump(roles: Roles, name: str) -> Finding | None:
    series = finite(roles.trace.series(name))
    value, count = series.value, len(series.value)
    width = max(NARROWEST, count // WIDTH)
    if count < max(FEWEST_POINTS, 4 * width):
        return None
    levels = sliding_median(value, width)  # of the points from each place on
    rises = levels[width:] - levels[:-width]  # at place `width` and those behind it
    place = 2 * width + int(np.argmax(rises[width:]))
    before, after = float(levels[place - width]), float(levels[place])
    usual = max(
        TIMES * float(rises[: place - 2 * width + 1].max()), SURE * scatter(value[:place]) * float(np.sqrt(2 / width))
    )
    stays = levels[place:].min() >= (before + after) / 2
    if before <= 0 or after < TIMES * before or after - before <= usual or not stays:
        return None
    near = np.arange(place - width, min(count, place + width))
    at = int(near[np.argmin(np.cumsum((value[near] - before) ** 2 - (value[near] - after) ** 2))]) + 1
    if median(value[at : at + NEAREST]) - median(value[at - NEAREST : at]) < SHARP * (after - before):
        return None
    return Finding(
        kind="auxiliary-loss",
        severity="note",
        sentence=message(
            "finding-auxiliary-loss.jumps",
            signal=name,
            before=before,
            after=after,
            axis=roles.trace.axis,
            first=int(series.step[at]),
        ),
        first_step=float(series.step[at]),
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={"before": before, "after": after},
        alternatives=(message("finding-auxiliary-loss.weight"),),
        test=message("finding-auxiliary-loss.both-sides"),
    )


# One of many that takes everything: an expert, a code.
ALL = 0.95  # of the tokens
ONE = 1.05  # codes, by their perplexity


def detect_one_for_all(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that one expert gets every token, or one code stands for everything, for `LONG` of the run to its end."""
    roles = roles_of(trace, facts)
    for role in ("expert_share", "code_perplexity"):
        series, name = roles.series(role), roles.first(role)
        if name is None or len(series.value) < FEWEST_POINTS:
            continue
        value = as_shares(series.value) if role == "expert_share" else series.value
        first = for_good(series, value >= ALL if role == "expert_share" else value <= ONE)
        if first is None or first[1] < LONG:
            continue
        level = median(value[-FEWEST_POINTS // 2 :])
        return [
            Finding(
                kind="auxiliary-loss",
                severity="warning",
                sentence=message(
                    "finding-auxiliary-loss.one",
                    signal=name,
                    level=level,
                    axis=trace.axis,
                    first=int(first[0]),
                    experts=role == "expert_share",
                ),
                first_step=first[0],
                last_step=float(series.step[-1]),
                confidence=0.95,
                signal=name,
                evidence={"level": level},
                alternatives=(message("finding-auxiliary-loss.weight"),),
                test=message("finding-auxiliary-loss.test"),
                candidate_causes=("unbalanced-experts",) if role == "expert_share" else ("initialisation",),
            )
        ]
    return []


# A loss scale that only falls, down to where it scales nothing.
FALLS = 10  # halvings
LEAST_SCALE = 1.0


def detect_loss_scale(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the fall of a loss scale that finds no scale at which nothing overflows.

    False alarms: a scaler begins too high and halves a few times, and later doubles again. So the scale must have come
    down from above, by `FALLS` halvings or to `LEAST_SCALE` for `LONG` of the run, and never have doubled in between.
    """
    roles = roles_of(trace, facts)
    series, name = roles.series("loss_scale"), roles.first("loss_scale")
    if name is None or len(series.value) < FEWEST_POINTS:
        return []
    value = series.value
    highest, end = float(value.max()), float(value[-1])
    lowest = for_good(series, value <= LEAST_SCALE)
    at_one = highest > 2 * LEAST_SCALE and lowest is not None and lowest[1] >= LONG
    falls = end < highest / 2**FALLS and not (np.diff(value) > 0).any()
    if not at_one and not falls:
        return []
    first = float(series.step[int(np.flatnonzero(value < highest)[0])])
    causes = ("numerics-in-loss", "fp16-overflow", "learning-rate")
    return [
        Finding(
            kind="loss-scale",
            severity="warning",
            sentence=message(
                "finding-loss-scale.sentence",
                signal=name,
                highest=highest,
                level=end,
                axis=trace.axis,
                first=int(first),
                last=int(series.step[-1]),
            ),
            first_step=first,
            last_step=float(series.step[-1]),
            confidence=0.9,
            signal=name,
            evidence={"highest": highest, "last": end},
            alternatives=(message("finding-loss-scale.not-finite"),),
            test=message("finding-loss-scale.test"),
            candidate_causes=causes,
        )
    ]


# Memory that grows without end, and a throughput that collapses or declines.
BLOCKS = 10
GROWN = 1.2  # times, from a fifth of the run on
STEADY = 0.5  # of the growth of the first half comes again in the second
COLLAPSED = 1 / 3  # of the usual throughput
DECLINES = 0.2  # of a decline, in logarithms, comes in its second half


def detect_resources(trace: Trace, facts: Facts) -> list[Finding]:
    """Return memory that grows in each tenth of the run, and a throughput that collapses for good or ever declines.

    False alarms: memory grows at the start of every run and with the longest batch, and then stays; throughput is noisy
    on shared machines, so nearly all of its last points must lie below a third of the usual, or each tenth of the run
    but one below the tenth before, and it is a note.
    """
    roles = roles_of(trace, facts)
    found = [_memory(roles, name) for name in roles.names("memory")[:1]]
    found.append(_throughput(roles))
    return [one for one in found if one]


def _memory(roles: Roles, name: str) -> Finding | None:
    series = finite(roles.trace.series(name))
    kept = series.value[len(series.value) // 5 :]
    if len(kept) < 3 * BLOCKS or not kept[0] > 0:
        return None
    levels = np.array([median(part) for part in np.array_split(kept, BLOCKS)])
    rise = np.diff(levels)
    half = len(rise) // 2
    if rise.min() <= 0 or levels[-1] < GROWN * levels[0] or rise[-half:].sum() < STEADY * rise[:half].sum():
        return None
    return Finding(
        kind="memory-growth",
        severity="warning",
        sentence=message(
            "finding-memory-growth.sentence",
            signal=name,
            before=float(levels[0]),
            now=float(levels[-1]),
            axis=roles.trace.axis,
            first=int(series.step[len(series.value) // 5]),
            last=int(series.step[-1]),
        ),
        first_step=float(series.step[0]),
        last_step=float(series.step[-1]),
        confidence=0.85,
        signal=name,
        evidence={"before": float(levels[0]), "after": float(levels[-1])},
        alternatives=(message("finding-memory-growth.longer-batches"),),
        test=message("finding-memory-growth.test"),
        candidate_causes=(),
        causes=(),
    )


def _throughput(roles: Roles) -> Finding | None:
    """Return a speed that collapses for good, or falls from block to block: what is logged, else the time of a step."""
    name = next(iter(roles.names("throughput")), "step_seconds")
    series, seconds = finite(roles.trace.series(name)), name == "step_seconds"
    if len(series.value) < 2 * FEWEST_POINTS or (seconds and series.value.min() <= 0):
        return None
    speed = replace(series, value=1 / series.value) if seconds else series
    found = _collapse(speed) or _decline(speed)
    if found is None:
        return None
    at, usual, level = found
    usual, level = (1 / usual, 1 / level) if seconds and level > 0 else (usual, level)
    return Finding(
        kind="throughput-drop",
        severity="note",
        sentence=message(
            "finding-throughput-drop.sentence",
            signal=name, usual=usual, level=level, rises=seconds, axis=roles.trace.axis, first=int(series.step[at]),
        ),
        first_step=float(series.step[at]),
        last_step=float(series.step[-1]),
        confidence=0.8,
        signal=name,
        evidence={"usual": usual, "level": level},
        test=message("finding-throughput-drop.test"),
    )  # fmt: skip


def _collapse(speed: Series) -> tuple[int, float, float] | None:
    """Return where a speed falls below a third of the usual for good, the usual, and its level from there on."""
    count = len(speed.value)
    usual = float(np.quantile(speed.value[count // 10 : count // 2], 0.25))
    first, last = longest(smoothed(speed) < COLLAPSED * usual)
    if usual <= 0 or last < count or last - first < LONG * count or np.mean(speed.value[first:] < usual) < 0.95:
        return None
    return first, usual, median(speed.value[first:])


def _decline(speed: Series) -> tuple[int, float, float] | None:
    """Return where a speed begins to fall, block by block to under a third; its level there, and that at the end."""
    start = len(speed.value) // 10  # what is compiled, or read for the first time
    levels = np.array([median(part) for part in np.array_split(speed.value[start:], BLOCKS)])
    if levels.min() <= 0 or levels[-1] > COLLAPSED * levels[0]:
        return None
    falls = -np.diff(np.log(levels))
    if (falls <= 0).sum() > 1 or falls[len(falls) // 2 :].sum() < DECLINES * falls.sum():
        return None
    return start, float(levels[0]), float(levels[-1])
