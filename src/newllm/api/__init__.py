"""The Python interface: wires the rooms together. The command line mirrors it."""

from newllm.api.loaded import LoadedRun, build, load
from newllm.api.trained import TrainedRun, resume, train

__all__ = ["LoadedRun", "TrainedRun", "build", "load", "resume", "train"]
