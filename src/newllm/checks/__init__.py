"""A check of a training before it runs: one batch, seconds on a CPU, everything put back as it was.

Each probe asks one question and answers it sound, wrong or unchecked, with what it saw. `check.py` runs them on a
`bench.py`, which `sources.py` finds the `parts.py` for; `untouched.py` and `reached.py` put back what they moved.
`seen.py` is one observed pass, `targets.py` reads off its gradient which targets the loss really has, `updates.py` does
three updates, `loop.py` watches the user's own step, `feed.py` looks at a data loader; `probes/` holds the probes by
subject. What is found is data of `newllm.trace.check`; `keeping.py` keeps it with the run.
"""

from newllm.checks.check import check
from newllm.checks.probes import PROBES
from newllm.checks.report import CheckReport
from newllm.trace.check import Outcome

__all__ = ["PROBES", "CheckReport", "Outcome", "check"]
