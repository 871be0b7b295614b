"""The injected faults: each takes one thing away from, or adds one thing to, its healthy twin. Sizes: fault_kinds.py.

Limits: a resume is injected as what it loses, in one process; the recorder is not closed and opened again.
"""

from fault_kinds import KINDS, RUNS_PER_KIND, Kind
from injection_data import DATA_FAULTS
from injection_model import MODEL_FAULTS
from injection_steps import STEP_FAULTS
from loop import Hooks
from models import MODELS, TASKS
from setups import Setup

INJECTED: dict[str, type[Hooks]] = {**STEP_FAULTS, **MODEL_FAULTS, **DATA_FAULTS}


def setup_of(kind: Kind, run: int) -> Setup:
    """Return the healthy twin's set-up of one run of a kind."""
    model = kind.models[run % len(kind.models)]
    task = {} if model in TASKS else {"task": ("letters", "words")[(run + MODELS.index(model)) % 2]}
    settings = {"log": kind.logs[run % len(kind.logs)], **task, **kind.settings}
    seed = 1000 * (1 + list(KINDS).index(kind.name)) + run
    if settings["log"] == "csv-epoch":
        settings["evaluate_every"] = Setup.epoch
    return Setup(name=f"{kind.name}-{run}", model=model, seed=seed, **settings)  # type: ignore[arg-type]


def hooks_of(kind: Kind, run: int) -> Hooks:
    """Return the fault of one run of a kind."""
    setup = setup_of(kind, run)
    return INJECTED[kind.name](setup, {"run": run, **kind.size})


def every_fault() -> list[tuple[Kind, int]]:
    """Return all runs with a fault."""
    return [(kind, run) for kind in KINDS.values() for run in range(RUNS_PER_KIND)]
