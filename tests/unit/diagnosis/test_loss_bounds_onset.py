"""Where a loss that is worse than untrained begins to be so."""

import numpy as np

from newllm.diagnosis.detectors.loss_bounds import detect_worse_than_chance
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace


def test_a_stray_point_at_the_start_is_not_where_it_began() -> None:
    loss = np.concatenate([[1.0, 2.0], np.full(48, 0.5), np.full(50, 10.0)])
    loss *= 1 + 0.02 * np.random.default_rng(1).normal(size=100)
    (found,) = detect_worse_than_chance(Trace(signals={"loss": Series(np.arange(100), loss)}), Facts())
    assert (found.first_step, found.last_step) == (50.0, 99.0)
    assert found.evidence["points"] == 50
