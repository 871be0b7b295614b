"""The process behind `newllm serve`: it holds one model, and reads and writes many texts at once."""
