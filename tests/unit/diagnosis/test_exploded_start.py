"""A loss that explodes within its first points and never comes back to where it began."""

import numpy as np

from newllm.diagnosis.diagnose import diagnose
from newllm.trace import Finding, Series, Trace

# An LSTM of one layer on the characters of a novel, plain SGD with a learning rate of 1.0.
LOSS = """
    4.847 17.1 43.83 31.42 33.86 27.21 23.62 22.16 26.45 27.82 32.56 31.61 35.66 34.56 37.79 45.1 42.29 35.52 38.16
    38.23 36.81 32.22 32.32 27.65 29.4 28.44 28.72 31.77 29.87 28.11 28.47 27.66 26.39 26.29 29.33 27.2 27.48 23.17
    25.89 24.7 22.19 23.9 20.5 20.29 19.22 18.83 18.64 16.05 19.19 18.03 18.12 16.6 17.59 15.15 13.87 14.84 14.28
    13.92 12.59 14 13.12 13.28 12.93 13.22 11.61 11.75 14.85 14.94 14.26 14.76 14.76 13.52 13.96 15.19 15.52 15.04
    14.1 12.86 13.46 12.07 11.99 14.23 11.52 12.72 12.32 14.05 12.48 13.35 13.55 13.09 12.96 11.88 12.03 12.58 12.11
    12.47 13.25 13.21 12.56 12.67 12.04 13.26 12.96 13 11.84 12.67 11.93 14.41 14.01 13.59 14.76 13.85 14.01 16.33
"""


def found() -> dict[str, Finding]:
    value = np.array(LOSS.split(), float)
    return {one.kind: one for one in diagnose(Trace({"loss": Series(np.arange(1, len(value) + 1), value)}))}


def test_the_loss_that_it_began_at_is_its_first_value_and_not_one_of_the_explosion():
    fault = found()["worse-than-untrained"]
    assert fault.severity == "fault"
    assert fault.evidence["reference"] == 4.847
    assert fault.evidence["points"] == len(LOSS.split()) - 1  # all but the first
    assert (fault.first_step, fault.last_step) == (2, len(LOSS.split()))


def test_what_stays_far_above_where_it_began_is_not_said_to_be_back():
    spike = found()["spike"]
    assert spike.evidence["outcome"] == "new plateau"
    assert spike.evidence["recovered_step"] is None
    assert "settles on a higher plateau" in str(spike.sentence)


def test_a_stretch_in_which_the_loss_went_far_up_and_came_back_is_no_plateau():
    assert "plateau" not in found()
