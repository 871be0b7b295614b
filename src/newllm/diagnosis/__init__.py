"""What is wrong in a run, from its signals alone: plain arrays in, plain data out."""

from newllm.diagnosis.spike import Spike, find_spikes

__all__ = ["Spike", "find_spikes"]
