"""What the local page and `newllm serve` have in common: the socket, connections that end in time, child processes."""
