"""The Python interface: connects the packages. The command line mirrors it.

Names are resolved when first used: a diagnosis needs no torch and does not wait for it.
"""

from typing import TYPE_CHECKING, Any

from newllm.extras import check_training, imported

if TYPE_CHECKING:
    from newllm.api.bisected import bisect
    from newllm.api.diagnosed import doctor, doctor_each, keep_notes, write_findings
    from newllm.api.diagnosis import Diagnosis
    from newllm.api.loaded import LoadedRun, build, load
    from newllm.api.replayed import replay
    from newllm.api.rerunning import rerun
    from newllm.api.resumed import resume
    from newllm.api.shown import show
    from newllm.api.trained import train
    from newllm.api.training_session import TrainedRun
    from newllm.training.budget import Budget

__all__ = [
    "Budget",
    "Diagnosis",
    "LoadedRun",
    "TrainedRun",
    "bisect",
    "build",
    "doctor",
    "doctor_each",
    "keep_notes",
    "load",
    "replay",
    "rerun",
    "resume",
    "show",
    "train",
    "write_findings",
]

_PLACES = {
    "Diagnosis": "newllm.api.diagnosis",
    **dict.fromkeys(("doctor", "doctor_each", "keep_notes", "write_findings"), "newllm.api.diagnosed"),
    **dict.fromkeys(("LoadedRun", "build", "load"), "newllm.api.loaded"),
    "bisect": "newllm.api.bisected",
    "replay": "newllm.api.replayed",
    "rerun": "newllm.api.rerunning",
    "resume": "newllm.api.resumed",
    "show": "newllm.api.shown",
    "train": "newllm.api.trained",
    "TrainedRun": "newllm.api.training_session",
    "Budget": "newllm.training.budget",
}
_OF_INCLUDED_MODELS = {"LoadedRun", "TrainedRun", "build", "load", "resume", "train"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'newllm.api' has no attribute '{name}'")
    if name in _OF_INCLUDED_MODELS:
        check_training()
    return getattr(imported(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
