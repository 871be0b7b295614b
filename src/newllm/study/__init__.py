"""Grids of runs with seeds, controls and claims that are decided by measures named before the first run."""

from newllm.study.decisions import compare, decide, has_more
from newllm.study.design import Arm, Cell, Claim, Decision
from newllm.study.grid import Watcher
from newllm.study.plan import INCLUDED_STUDIES, load_study, plan, with_texts
from newllm.study.results import analyse, load_results
from newllm.study.run import run_study, write_results
from newllm.study.study import Study
from newllm.words.studies import claims_table
from newllm.words.tables import Table

__all__ = [
    "INCLUDED_STUDIES",
    "Arm",
    "Cell",
    "Claim",
    "Decision",
    "Study",
    "Table",
    "Watcher",
    "analyse",
    "claims_table",
    "compare",
    "decide",
    "has_more",
    "load_results",
    "load_study",
    "plan",
    "run_study",
    "with_texts",
    "write_results",
]
