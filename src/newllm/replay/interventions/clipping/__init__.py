"""Adaptive clippings, each a `newllm.training.step.Clip` with a memory of the norms that it saw."""

from newllm.replay.interventions.clipping.adagc import AdaGC
from newllm.replay.interventions.clipping.warm_up import updates_to_learn_from
from newllm.replay.interventions.clipping.zclip import ZClip

__all__ = ["AdaGC", "ZClip", "updates_to_learn_from"]
