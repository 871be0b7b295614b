"""Takes a run back to before a spike and replays it with one thing changed. `newllm.replay` is the function."""
