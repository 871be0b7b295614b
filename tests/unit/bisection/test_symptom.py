"""What a trial came to, beside what the run shows; and how far trials run."""

import math

import numpy as np
import pytest

from newllm.bisection.symptom import Part, Recording, Symptoms, fingerprint, horizon_of, symptoms
from newllm.diagnosis.facts import Facts
from newllm.errors import UserError
from newllm.messages import message
from newllm.trace import Series, Trace

SAID = message("size-bytes", count=1)


def part(side: int = 1, size: float = 1.0, step: float = 10) -> Part:
    return Part(SAID, step, side, size, "loss")


RUN = Symptoms({"loss": part()}, {"learning_rate": part()})


@pytest.mark.parametrize(
    ("trial", "outcome"),
    [
        (Symptoms({"loss": part(size=0.6)}), "parts"),
        (Symptoms({"loss": part(size=0.4)}), "otherwise"),
        (Symptoms({"loss": part(side=-1)}), "otherwise"),
        (Symptoms({"accuracy": part()}), "otherwise"),
        (Symptoms({"accuracy": part(), "loss": part()}), "parts"),
        (Symptoms({}, {"learning_rate": part()}), "sound"),
        (Symptoms(), "sound"),
    ],
)
def test_a_trial_goes_wrong_to_the_same_side_and_half_as_far(trial: Symptoms, outcome: str) -> None:
    assert RUN.outcome_of(trial) == outcome


def test_what_is_exact_has_no_half_and_what_is_given_counts_where_no_loss_parts() -> None:
    run = Symptoms({}, {"learning_rate": part(size=math.inf)})
    assert run.outcome_of(Symptoms({"loss": part()}, {"learning_rate": part(size=0.1)})) == "parts"
    assert run.outcome_of(Symptoms({"loss": part()})) == "sound"


def test_what_a_trial_is_given_too_is_told_one_by_one() -> None:
    width, rate = Part(SAID, 0, 1, math.inf, None), Part(SAID, 5, 1, math.inf, "learning_rate")
    run = Symptoms({}, {"width": width, "learning_rate": rate})
    assert run.outcome_of(Symptoms({}, {"width": width})) == "parts"
    assert run.shown_by(Symptoms({}, {"width": width, "rows": rate})) == ("width",)
    assert run.first == rate  # trials run until all of it is seen


def recording(loss: np.ndarray, every: int = 1) -> Recording:
    return Recording(Trace({"loss": Series(np.arange(1, len(loss) + 1) * every, loss)}), Facts())


def falling(steps: int, wrong_from: int | None = None, seed: int = 0) -> np.ndarray:
    step = np.arange(steps)
    loss = 2 * np.exp(-step / (steps / 5)) + 0.2 + np.random.default_rng(seed).normal(0, 0.01, steps)
    return loss if wrong_from is None else np.where(step < wrong_from, loss, loss + 1)


def test_trials_run_as_far_as_the_symptom_needs_and_no_farther() -> None:
    sound = recording(falling(2000))
    early, seen = horizon_of(recording(falling(2000, 20, seed=1)), sound)
    assert 60 < early < 300
    assert set(seen.reached) == {"loss"}
    late, _ = horizon_of(recording(falling(2000, 700, seed=1)), sound)
    assert 1400 <= late < 2000
    end, _ = horizon_of(recording(falling(2000, 1900, seed=1)), sound)
    assert end == 2000
    assert horizon_of(recording(falling(1800, 20, seed=1)), recording(falling(2000)))[0] < 300


def test_what_another_seed_brings_is_no_symptom() -> None:
    with pytest.raises(UserError, match="nothing that was recorded differs"):
        horizon_of(recording(falling(2000, seed=1)), recording(falling(2000)))
    with pytest.raises(UserError, match="share 5 steps"):
        symptoms(recording(falling(5)), recording(falling(2000)))


def test_losses_are_alike_to_the_bit_or_not() -> None:
    one, two = falling(50), falling(50)
    assert fingerprint(recording(one), RUN) == fingerprint(recording(two), RUN)
    two[-1] = np.nextafter(two[-1], 9)
    assert fingerprint(recording(one), RUN) != fingerprint(recording(two), RUN)
    assert fingerprint(recording(one), RUN) != fingerprint(recording(one, every=2), RUN)
