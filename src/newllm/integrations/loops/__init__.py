"""What a training of any framework is made into a `newllm.Loop` with: its chance, its batches, its schedule."""
