"""A newllm model in EleutherAI's lm-evaluation-harness: `newllm.lm_eval` registers it and runs the harness.

`prefixes` and `reading` need no lm_eval; `model` is imported by its name.
"""
