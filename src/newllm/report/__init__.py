"""Pages from traces and findings, without torch, without a script and without the network."""

from newllm.report.diagnosis_page import diagnosis_page

__all__ = ["diagnosis_page"]
