"""`Chain`: linear layers one after another, position after position, as one compiled call a position."""

from newllm.model.chain.chain import Chain, Stage, is_worth_chaining

__all__ = ["Chain", "Stage", "is_worth_chaining"]
