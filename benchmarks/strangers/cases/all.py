"""All runs: importing a file of cases declares them."""

from benchmarks.strangers.cases import (
    hugging_cases,
    language_cases,
    language_faults,
    light_cases,
    small_cases,
    vision_cases,
)
from benchmarks.strangers.cases.registry import CASES

__all__ = ["CASES", "hugging_cases", "language_cases", "language_faults", "light_cases", "small_cases", "vision_cases"]
