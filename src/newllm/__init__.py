"""Language models whose whole memory is one context vector, and the laboratory around them.

    newllm.train("my-text.txt")              train, by the same rules as the command line
    newllm.load("runs/my-text").generate()   a trained run
    newllm.build("founding-baseline")            an untrained model of a preset
    newllm.record(model, optimizer, out="RUN")   the signals of anyone's training loop
    newllm.check(model, optimizer, loss, batch)  what is wrong with a training before it runs
    newllm.doctor("log.csv").findings        what is wrong with a run, or with anyone's log of one
    newllm.bisect("runs/b", against="runs/a")    which change of the program made run b go wrong, proved by running it
    newllm.replay("runs/my-text").sentences  what becomes of a spike when one thing is changed, and what that shows
    newllm.rerun("runs/mine").cause          the same of a recording: its program is run again with one thing changed
    newllm.show("runs/a", "runs/b")          a run, or several side by side, as a notebook shows them
    newllm.guard(newllm.Loop(...))           anyone's training, taken back from its spikes with what was shown to help

Names are resolved when first used, so that `import newllm` costs no torch, and needs none.
"""

from typing import TYPE_CHECKING, Any

from newllm.extras import imported
from newllm.version import VERSION

if TYPE_CHECKING:
    from newllm.api import (
        Budget,
        Diagnosis,
        LoadedRun,
        TrainedRun,
        bisect,
        build,
        doctor,
        load,
        replay,
        rerun,
        resume,
        show,
        train,
    )
    from newllm.checks import check
    from newllm.errors import UserError
    from newllm.recorder import record
    from newllm.replays.guard.guarded import guard
    from newllm.replays.subjects.loop import Loop

__version__ = VERSION
__all__ = [
    "Budget",
    "Diagnosis",
    "LoadedRun",
    "Loop",
    "TrainedRun",
    "UserError",
    "bisect",
    "build",
    "check",
    "doctor",
    "guard",
    "load",
    "record",
    "replay",
    "rerun",
    "resume",
    "show",
    "train",
]

_ELSEWHERE = {
    "Loop": "newllm.replays.subjects.loop",
    "UserError": "newllm.errors",
    "check": "newllm.checks",
    "guard": "newllm.replays.guard.guarded",
    "record": "newllm.recorder",
}
_PLACES = dict.fromkeys(__all__, "newllm.api") | _ELSEWHERE


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'newllm' has no attribute '{name}'")
    return getattr(imported(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
