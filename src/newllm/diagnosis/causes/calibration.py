"""From scores to probabilities: how often causes with such a score are right on runs that nobody showed the doctor.

Runs that rules were written with say little: of the causes named on them 19 in 20 are right, whatever the score.
Three times causes were named on runs that nobody had looked at, two of these held out whole (benchmarks/strangers): 14
of 20, 17 of 22 and 9 of 27 were right. Scores of at least 0.9 were right 8 times of 8; below that 18 of 41 in the two
that were held out, and there the score told nothing. So the table is flat in its middle and lies at about one half.
docs/doctor.md has what it comes to.
"""

import numpy as np

from newllm.diagnosis.causes.score import Score

# Scores, and how often causes with them are right; between them a line.
_SCORES = (0.0, 0.55, 0.86, 0.9, 0.97, 1.0)
_RIGHT = (0.0, 0.5, 0.54, 0.83, 0.93, 0.97)


def probability(score: Score) -> float:
    """Return how likely a cause is that has this score."""
    return float(np.interp(score.value, _SCORES, _RIGHT))
