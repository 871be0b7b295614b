"""Runs, verdicts, comparisons and checks as rich output of a notebook, drawn as the pages of a report are."""

from newllm.report.notebook.contents import check_shown, comparison_shown, run_shown, study_shown, verdict_shown
from newllm.report.notebook.frame import Framed

__all__ = ["Framed", "check_shown", "comparison_shown", "run_shown", "study_shown", "verdict_shown"]
