"""Pages from traces and findings, without torch, without a script and without the network."""

from newllm.report.diagnosis_page import PAGE_BEGINS, diagnosis_page

__all__ = ["PAGE_BEGINS", "diagnosis_page"]
