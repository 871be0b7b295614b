"""Composes what newllm says out of its data: findings, verdicts and studies, in any language of `newllm.messages`."""
