"""The founding study: the document's experiments again, then every claim made about them.

    newllm study founding --quick

Source: the founding document, whose facts stand in the presets; its claims in `claims.py`.
"""

from newllm.study.founding.arms import ARMS, QUICK
from newllm.study.founding.claims import CLAIMS
from newllm.study.founding.outcomes import outcomes
from newllm.study.founding.page import write
from newllm.study.founding.tables import tables
from newllm.study.founding.texts import SETS, lay_out
from newllm.study.study import Study

STUDY = Study(
    name="founding",
    title="The founding experiments again, and a test of the document's fourteen claims.",
    arms=ARMS,
    sets=SETS,
    claims=CLAIMS,
    lay_out=lay_out,
    outcomes=outcomes,
    tables=tables,
    write=write,
    quick=QUICK,
)
