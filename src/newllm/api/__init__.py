"""The Python interface: wires the rooms together. The command line mirrors it."""

from newllm.api.loaded import LoadedRun, build, load
from newllm.api.trained import TrainedRun, resume, train
from newllm.training.budget import Budget

__all__ = ["Budget", "LoadedRun", "TrainedRun", "build", "load", "resume", "train"]
