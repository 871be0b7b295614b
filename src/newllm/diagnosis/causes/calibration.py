"""From scores to probabilities: how often causes with such a score are right on runs that nobody showed the doctor.

Runs that rules were written with say little: of the causes named on them 19 in 20 are right, whatever the score. Twice
causes were named on runs that nobody had looked at (20 of the fresh runs, 22 of the part of benchmarks/strangers that
was held out), 31 of 42 rightly, and there the score told little: 8 of 11 below 0.75 were right, 9 of 11 above. So the
table is flat in its middle and lies at that share, and a little lower where a rule is younger than those runs.
docs/doctor.md has what it comes to, and how it was tested leaving out a kind of fault at a time.
"""

import numpy as np

from newllm.diagnosis.causes.score import Score

# Scores, and how often causes with them are right; between them a line.
_SCORES = (0.0, 0.55, 0.6, 0.65, 0.75, 0.85, 0.9, 0.97, 1.0)
_RIGHT = (0.0, 0.5, 0.65, 0.69, 0.73, 0.78, 0.85, 0.93, 0.97)


def probability(score: Score) -> float:
    """Return how likely a cause is that has this score."""
    return float(np.interp(score.value, _SCORES, _RIGHT))
