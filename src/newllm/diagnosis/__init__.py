"""What is wrong in a run, from its signals alone: plain arrays in, plain data out."""

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.spike import Spike, find_spikes

__all__ = ["Facts", "Layer", "Spike", "diagnose", "find_spikes"]
