"""Adaptive clippings, each a `newllm.training.step.Clip` with a memory of the norms that it saw."""

from newllm.replays.interventions.clipping.adagc import AdaGC
from newllm.replays.interventions.clipping.warm_up import updates_to_learn_from
from newllm.replays.interventions.clipping.zclip import ZClip

__all__ = ["AdaGC", "ZClip", "updates_to_learn_from"]
