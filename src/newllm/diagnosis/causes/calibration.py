"""From scores to probabilities: how often causes with such a score are right on runs that nobody showed the doctor.

Scores were given while the open part of benchmarks/strangers was looked at, where 77 of 77 named causes are right, and
on the doctor's own runs 94 of 97 are. On 80 runs that somebody made afterwards without having seen the doctor, 14 of 20
were. The table lies nearer to these. What it comes to on the part that is held out, docs/doctor.md says.
"""

import numpy as np

from newllm.diagnosis.causes.score import Score

# Scores, and how often causes with them are right; between them a line.
_SCORES = (0.0, 0.55, 0.65, 0.75, 0.85, 0.9, 0.97, 1.0)
_RIGHT = (0.0, 0.5, 0.6, 0.68, 0.76, 0.85, 0.93, 0.97)


def probability(score: Score) -> float:
    """Return how likely a cause is that has this score."""
    return float(np.interp(score.value, _SCORES, _RIGHT))
