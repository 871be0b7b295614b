"""Where a text can be gone on from."""

import dataclasses
from collections.abc import Sequence

from newllm.model.bodies import State


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A state, and what stands after it in the text but has not been read: so no prediction need be kept.

    Args:
        state: of one row.
        tokens_read: how many tokens it has read, the begin token included.
        recent: the last of them without the begin token, for the repetition penalty; at most `LONGEST_WINDOW`.
        pending: the tokens that are to be read next, one at least.
        together: whether they are read as one text, as the end of a prompt is; tokens that were chosen are read
            one by one.
        undecoded: bytes of a character that was not whole at the end of the text.
        rest: what the text has after `pending`, the beginning of a token that a stop string cut; it is read in front
            of the next prompt.
    """

    state: State
    tokens_read: int
    recent: Sequence[int]
    pending: Sequence[int]
    together: bool
    undecoded: bytes = b""
    rest: bytes = b""

    @property
    def texts(self) -> list[list[int]]:
        """What is pending, as it is read."""
        return [list(self.pending)] if self.together else [[token] for token in self.pending]
