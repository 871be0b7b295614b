"""Runs as one zip file for an issue: what others need to look at them, and nothing that they must not have."""

from newllm.report.pack.zip_file import MARK, Packed, pack

__all__ = ["MARK", "Packed", "pack"]
