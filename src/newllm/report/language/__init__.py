"""Verdicts in Japanese."""
