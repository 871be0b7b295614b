"""`newllm serve`: HTTP in the formats of OpenAI, in front of a process a model. Imports no torch."""
