"""Median, least and most of what was measured: how every benchmark gives a number that it measured several times."""

import statistics


def spread(values: list[float]) -> dict[str, float]:
    """Return median, least and most to four digits."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def ratios(of: list[float], by: list[float]) -> dict[str, float]:
    """Return the spread of the ratio of two jobs, each round by itself: a machine that drifts drifts for both."""
    return spread([a / b for a, b in zip(of, by, strict=True)])
