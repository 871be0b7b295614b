"""Trainings of Lightning: recorded by a callback (`newllm.lightning`)."""
