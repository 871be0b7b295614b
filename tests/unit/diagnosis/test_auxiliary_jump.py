"""An auxiliary loss that jumps at one step for good, and what sound trainings do with theirs."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.auxiliary import detect_auxiliary_loss
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

STEP = np.arange(1, 301)
NOISE = 1 + 0.05 * np.random.default_rng(0).standard_normal(300)
SIGMOID = 1 / (1 + np.exp(-(STEP - 150) / 12.0))


def found(values: np.ndarray, name: str = "aux_loss", facts: Facts = Facts()) -> list[Finding]:  # noqa: B008
    loss = Series(STEP, 2 + 2.5 * np.exp(-STEP / 80))
    return detect_auxiliary_loss(Trace({"loss": loss, name: Series(STEP, values)}), facts)


@pytest.mark.parametrize("name", ["aux_loss", "commitment_loss", "train/vq_loss", "regularization_loss"])
@pytest.mark.parametrize("fall", [0.0, 10.0])
def test_a_jump_for_good_is_a_note_with_its_step_and_levels(name: str, fall: float) -> None:
    level = np.where(STEP >= 120, 3.5, 0.5) + fall * np.exp(-STEP / 8.0)  # however far it had fallen before
    (note,) = found(level * NOISE, name)
    assert (note.kind, note.severity, note.signal) == ("auxiliary-loss", "note", name)
    assert note.first_step is not None
    assert abs(note.first_step - 120) <= 1
    assert note.evidence["before"] == pytest.approx(0.5, rel=0.1)
    assert note.evidence["after"] == pytest.approx(3.5, rel=0.1)
    assert "jumps from about 0.5" in str(note.sentence)


def test_a_column_that_a_person_names_is_looked_at() -> None:
    level = np.where(STEP >= 120, 3.5, 0.5) * NOISE
    assert not found(level, "my_term")
    assert found(level, "my_term", Facts(roles={"auxiliary_loss": "my_term"}))


def test_a_balance_of_experts_that_jumps_so_far_stays_a_warning() -> None:
    (finding,) = found(np.where(STEP >= 120, 3.5, 0.5) * NOISE, "moe_loss")
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    "values",
    [
        np.minimum(STEP / 100, 1.0) * 0.5 * NOISE,  # a weight that is ramped up
        0.01 + np.exp(-5 * (1 - np.minimum(STEP / 200, 1.0)) ** 2) * NOISE,  # as mean teachers ramp theirs up
        0.02 + 3 * SIGMOID * NOISE,  # a KL whose weight is annealed
        np.where(STEP > 150, 0.7, 0.0) * NOISE,  # an adversarial term that is switched on
        (0.7 + 0.4 * np.sin(STEP / 9)) * NOISE,  # one that goes to and fro
        (0.2 + 1.8 * ((STEP % 75) > 37)) * NOISE,  # a weight in cycles
        (1.0 + 0.6 * (1 - np.exp(-STEP / 60))) * NOISE,  # a balance that rises at first
        np.where(STEP >= 120, 0.6, 0.5) * NOISE,  # a little more
        np.where((STEP >= 120) & (STEP < 150), 3.5, 0.5) * NOISE,  # for a while
        np.where(STEP >= 120, 0.5, 3.5) * NOISE,  # down
        0.5 * np.exp(np.random.default_rng(1).standard_normal(300)),  # heavy tails
        np.abs(np.random.default_rng(2).standard_cauchy(300)),
        0.5 + np.cumsum(np.abs(np.random.default_rng(3).standard_normal(300))) / 100,  # a drift
    ],
)
def test_what_sound_trainings_do_is_no_jump(values: np.ndarray) -> None:
    assert not [one for one in found(values) if one.evidence.keys() == {"before", "after"}]


@pytest.mark.parametrize("seed", range(40))
def test_what_wanders_by_chance_does_not_jump(seed: int) -> None:
    draw = np.random.default_rng(seed).standard_normal(300)
    assert not found(np.exp(0.05 * np.cumsum(draw)))
    assert not found(np.abs(1 + 0.5 * draw))
