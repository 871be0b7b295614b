"""A newllm model as a transformers model: `newllm.hf` registers it; `folder` writes and reads its files.

`folder` and `tokenizer` need no transformers; the rest is imported by its module's name.
"""
