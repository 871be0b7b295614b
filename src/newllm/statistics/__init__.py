"""Tests and intervals for a few runs on a few data sets: what claims are decided by."""

from newllm.statistics.bootstrap import paired_interval
from newllm.statistics.holm import holm
from newllm.statistics.interval import Interval, mean_interval, prediction_interval, wilson
from newllm.statistics.sign_flip import Alternative, SignFlip, sign_flip_test, smallest_p
from newllm.statistics.smoothing import SMOOTHED, lowest_before, trailing_median
from newllm.statistics.survival import LogRank, MedianTime, Survival, kaplan_meier, logrank, median_time

__all__ = [
    "SMOOTHED",
    "Alternative",
    "Interval",
    "LogRank",
    "MedianTime",
    "SignFlip",
    "Survival",
    "holm",
    "kaplan_meier",
    "logrank",
    "lowest_before",
    "mean_interval",
    "median_time",
    "paired_interval",
    "prediction_interval",
    "sign_flip_test",
    "smallest_p",
    "trailing_median",
    "wilson",
]
