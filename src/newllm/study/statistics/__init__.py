"""Tests and intervals for a few runs on a few data sets: what the study's claims are decided by."""

from newllm.study.statistics.bootstrap import paired_interval
from newllm.study.statistics.holm import holm
from newllm.study.statistics.interval import Interval, wilson
from newllm.study.statistics.sign_flip import SignFlip, sign_flip_test, smallest_p
from newllm.study.statistics.survival import LogRank, MedianTime, Survival, kaplan_meier, logrank, median_time

__all__ = [
    "Interval",
    "LogRank",
    "MedianTime",
    "SignFlip",
    "Survival",
    "holm",
    "kaplan_meier",
    "logrank",
    "median_time",
    "paired_interval",
    "sign_flip_test",
    "smallest_p",
    "wilson",
]
