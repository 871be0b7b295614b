"""Noise that is asked for, and is not drawn as diffusion draws it."""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 5  # sampled updates


def detect_uniform_noise(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that the targets, as many as inputs, are drawn evenly between 0 and 1 at each update.

    A diffusion adds noise of a standard normal distribution, and begins with it when it draws (Ho et al. 2020,
    arXiv:2006.11239); `rand_like` stands where `randn_like` belongs. False alarms: targets that are spread evenly by
    themselves, in every batch.
    """
    even, looked = finite(trace.series("target_uniform")), finite(trace.series("target_noise")).value
    if len(even.value) < FEWEST or len(even.value) < len(looked):
        return []
    return [
        Finding(
            kind="uniform-noise",
            severity="warning",
            sentence=message("finding-uniform-noise.sentence"),
            first_step=float(even.step[0]),
            last_step=trace.last_step,
            confidence=0.9,
            signal="loss",
            evidence={"batches": len(even.value)},
            alternatives=(message("finding-uniform-noise.by-itself"),),
            test=message("finding-uniform-noise.test"),
        )
    ]
