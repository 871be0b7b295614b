"""All that is remembered of a text: what is needed to go on with it, and nothing else."""

import dataclasses

from torch import Tensor

from newllm.model.bodies import State


@dataclasses.dataclass(frozen=True)
class Memory:
    """The memory after some tokens. It is never changed in place, so it can be kept and branched.

    Args:
        state: the model's state of one row: contexts, convolution tails, caches, position.
        logits_V: the prediction of the next token, `[vocabulary]`.
        tokens_read: how many tokens have been read, the begin token included.
        recent: the last tokens of the text, for the repetition penalty; at most `LONGEST_WINDOW`.
        undecoded: bytes of a character that was not whole at the end of the text.
    """

    state: State
    logits_V: Tensor  # noqa: N815 - a shape suffix
    tokens_read: int
    recent: tuple[int, ...] = ()
    undecoded: bytes = b""

    @property
    def state_bytes(self) -> int:
        """The state's size in bytes. It is constant; that of attention grows until its window is full."""
        return sum(value.numel() * value.element_size() for value in self.state.values())
