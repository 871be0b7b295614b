"""The founding study: the document's experiments again, then every claim made about them.

    newllm study founding --quick

Source: the founding document, whose facts stand in the presets; its claims in `claims.py`.
"""

from newllm.study.study import Study

from .arms import ARMS, QUICK
from .claims import CLAIMS
from .labels import labels, translations
from .outcomes import outcomes
from .page import write
from .tables import tables
from .texts import SETS, lay_out

STUDY = Study(
    name="founding",
    title=labels("en").study_title,
    arms=ARMS,
    sets=SETS,
    claims=CLAIMS,
    lay_out=lay_out,
    outcomes=outcomes,
    tables=tables,
    write=write,
    translations=translations(),
    quick=QUICK,
)
