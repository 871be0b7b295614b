"""newllm inside other people's frameworks. Each integration imports its framework when it is used, and is an extra."""
