"""Where a state of the layers began: dead units of a run that killed them halfway are not dead from step 1."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(10, 410, 10)


@pytest.mark.parametrize(
    ("dead_from", "first"),
    [(10, 10), (210, 210), (150, 150)],  # the last is dead for more than half of the run
)
def test_units_are_dead_from_where_they_died(dead_from: int, first: int) -> None:
    share = np.where(dead_from <= STEPS, 1.0, 0.3)
    share[2] = 1.0  # one batch in which they were idle by chance
    (found,) = diagnose(Trace({"activation_zero/2": Series(STEPS, share)}), Facts())
    assert (found.kind, found.first_step, found.last_step) == ("dead-units", first, 400)


def test_one_lively_batch_does_not_end_what_lasts() -> None:
    share = np.where(STEPS >= 100, 1.0, 0.3)
    share[30] = 0.2
    (found,) = diagnose(Trace({"activation_zero/2": Series(STEPS, share)}), Facts())
    assert found.first_step == 100
