"""Both sides of an adversarial training at nearly nothing at once: no two sides of one game can be so."""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, for_good, median, smoothed, start_level
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace

WON = 0.05  # of the generator's loss at the start
LOW = 0.7  # of the discriminator's loss at the start: better than it could do by guessing
LONG = 0.3  # of the run
FEWEST_POINTS = 20


def detect_both_sides_win(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a generator that fools a discriminator which is not fooled.

    The generator's loss comes to nothing only where the discriminator takes all that is generated for real; then the
    discriminator's own loss on it is large. Both low for long: one of the two counts with the other's labels. False
    alarms: losses that may be negative (Wasserstein, hinge) have no such bound and are not looked at.
    """
    if training_kind(trace, facts).name != "adversarial":
        return []
    roles = roles_of(trace, facts)
    generator, discriminator = roles.series("generator_loss"), roles.series("discriminator_loss")
    few = min(len(generator.value), len(discriminator.value)) < FEWEST_POINTS
    if few or min(generator.value.min(), discriminator.value.min()) < 0:
        return []
    start, others_start = start_level(generator), max(start_level(discriminator), float(discriminator.value[0]))
    start = max(start, float(generator.value[0]))
    won = for_good(generator, smoothed(generator) < WON * start)
    if won is None or won[1] < LONG:
        return []
    behind = discriminator.value[discriminator.step >= won[0]]
    if not len(behind) or median(behind) > LOW * others_start:
        return []
    return [
        Finding(
            kind="both-sides-win",
            severity="fault",
            sentence=message(
                "finding-both-sides-win.sentence",
                generator=roles.first("generator_loss"),
                level=end_level(generator),
                discriminator=roles.first("discriminator_loss"),
                others=median(behind),
                others_start=others_start,
                axis=trace.axis,
                first=int(won[0]),
            ),
            first_step=float(generator.step[0]),
            last_step=float(generator.step[-1]),
            confidence=0.9,
            signal=roles.first("generator_loss"),
            evidence={"generator_loss": end_level(generator), "discriminator_loss": median(behind)},
            alternatives=(message("finding-both-sides-win.smoothing"),),
            test=message("finding-both-sides-win.test"),
            candidate_causes=("wrong-targets", "discriminator-frozen"),
        )
    ]
