"""A seeded campaign of faults against the commands of newllm; `benchmarks/faults/faults.py` runs it."""
