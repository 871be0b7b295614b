"""Language models whose whole memory is one context vector, and the laboratory around them.

    newllm.train("my-text.txt")              train, by the same rules as the command line
    newllm.load("runs/my-text").generate()   a trained run
    newllm.build("seed-baseline")            an untrained model of a preset

Names are resolved when first used, so that `import newllm` costs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newllm.api import Budget, LoadedRun, TrainedRun, build, load, resume, train
    from newllm.errors import UserError

__version__ = "0.1.0"
__all__ = ["Budget", "LoadedRun", "TrainedRun", "UserError", "build", "load", "resume", "train"]

_PLACES = {"UserError": "newllm.errors"} | {name: "newllm.api" for name in __all__ if name != "UserError"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'newllm' has no attribute '{name}'")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
