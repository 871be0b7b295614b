"""A seeded campaign of faults against the commands of newllm; `benchmarks/faults.py` runs it."""
