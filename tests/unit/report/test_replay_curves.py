"""The middle of some replays as a line in a band from the lowest to the highest."""

import numpy as np

from newllm.report.charts.replay_curves import _group
from newllm.report.source.replays import Followed


def followed(*points: tuple[int, float]) -> Followed:
    steps, values = np.array([at for at, _ in points], int), np.array([value for _, value in points])
    empty = (np.array([], int), np.array([]))
    return Followed("null", 0, 1, {"loss": (steps, values), "probe": empty})


def test_the_band_goes_from_the_lowest_to_the_highest_as_far_as_half_of_them_go() -> None:
    replays = [followed((1, 1.0), (2, 5.0), (3, 6.0)), followed((1, 2.0), (2, 3.0)), followed((1, 6.0))]
    line = _group(replays, "loss", "null", "muted", "label")
    assert line is not None
    assert line.x.tolist() == [1, 2]  # at step 3 only one of three is left
    assert line.y.tolist() == [2.0, 4.0]
    assert line.low is not None
    assert line.high is not None
    assert line.low.tolist() == [1.0, 3.0]
    assert line.high.tolist() == [6.0, 5.0]
    assert _group(replays, "probe", "null", "muted", "label") is None
