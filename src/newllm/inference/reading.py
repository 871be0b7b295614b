"""A prompt that is being read, chunk by chunk.

Shapes: T tokens, V vocabulary.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from newllm.generation.sampling import LONGEST_WINDOW
from newllm.inference.echo import Echo
from newllm.inference.request import Request
from newllm.inference.snapshot import Snapshot
from newllm.model.bodies import State


class Reading:
    """What a request brings in front of its first chosen token: what is pending of its state, then the prompt.

    Args:
        request: the request.
        chunk: how many tokens of a prompt are read at once.
        freely: whether a text may be cut anywhere, so that what is pending need not be read by itself.
        echo: tells the prompt; None where nobody asks.

    Attributes:
        state: after what has been read.
        tokens_read: by it.
        recent: what the repetition penalty looks at.
        text: what is to be read next; None at the end.
        predicted_V: the prediction after it, where each is asked for.
        in_turn: how many chunks have been read of it since it last had to wait for others.
    """

    def __init__(self, request: Request, chunk: int, *, freely: bool, echo: Echo | None = None) -> None:
        start = request.start
        self.request, self.echo, self.in_turn = request, echo, 0
        self.state, self.tokens_read, self.recent = start.state, start.tokens_read, list(start.recent)
        self._parts = _parts(request, chunk, freely=freely and echo is None)
        self.text: list[int] | None = next(self._parts)
        self._before, self.predicted_V = start, torch.empty(0)

    @property
    def wants_all(self) -> bool:
        """Whether the prediction after each token is asked for, not only that after the last."""
        return self.echo is not None and self.request.logprobs is not None

    @property
    def is_in_prompt(self) -> bool:
        """Whether `text` is of the prompt, not what was pending."""
        return self.tokens_read >= self.request.start.tokens_read + len(self.request.start.pending)

    def echoed(self, logits_TV: Tensor | None) -> list[str]:
        """Return the events that tell `text`, where that is asked for and it is of the prompt.

        Args:
            logits_TV: the predictions after its tokens, where they are asked for.
        """
        if self.echo is None or not self.is_in_prompt:
            return []
        if logits_TV is None:
            return self.echo.chunk(self.text or [], self.tokens_read, None)
        before_TV = torch.cat([self.predicted_V[None], logits_TV[:-1]]).detach().cpu().numpy()
        return self.echo.chunk(self.text or [], self.tokens_read, before_TV)

    def advance(self, state: State) -> None:
        """Take note that `text` has been read."""
        text = self.text
        assert text is not None
        self._before = Snapshot(self.state, self.tokens_read, self.recent, text, together=True)
        own = text if self.tokens_read else text[1:]  # the begin token is no part of the text
        self.recent = [*self.recent, *own][-LONGEST_WINDOW:]
        self.state, self.tokens_read = state, self.tokens_read + len(text)
        self.text = next(self._parts, None)
        self.in_turn += 1

    def own_memory(self) -> None:
        """Copy the state out of the memory that it shares with others of one call: this text is to wait."""
        self.state = {name: value.clone() for name, value in self.state.items()}

    @property
    def before_last(self) -> Snapshot:
        """Where the text can be gone on from after all has been read: the last text is pending again."""
        return self._before


def _parts(request: Request, chunk: int, *, freely: bool) -> Iterator[list[int]]:
    """Yield the texts in which a request is read: of one token what was chosen, a prompt in chunks."""
    start, prompt = request.start, request.prompt
    pending = start.texts
    if freely:
        pending = [list(start.pending[first : first + chunk]) for first in range(0, len(start.pending), chunk)]
        room = chunk - len(pending[-1])
        pending[-1] += prompt[:room].tolist()
        prompt = prompt[room:]
    yield from pending
    for first in range(0, len(prompt), chunk):
        yield prompt[first : first + chunk].tolist()
