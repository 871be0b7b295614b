"""The recipe: which settings give the lowest loss on a text at equal tokens and at equal time?

    newllm study recipe --text FILE

Preset small, bytes, 2,048 tokens an update, five seeds. One change at a time against none, of 300 updates and
of 1,800: a text of 1.1 MB is read 0.6 and nearly four times.
"""

from newllm.study.study import Study

from .arms import ARMS, QUICK
from .claims import CLAIMS, SEEDS
from .japanese import JAPANESE
from .tables import outcomes, tables

STUDY = Study(
    name="recipe",
    title="Which settings give the lowest loss on a text, at equal tokens and at equal time?",
    arms=ARMS,
    sets=("bundled:moby-dick",),
    claims=CLAIMS,
    seeds=SEEDS,
    quick=QUICK,
    quick_seeds=1,
    outcomes=outcomes,
    tables=tables,
    translations={"ja": JAPANESE},
)
