"""One text that is being written."""

import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from newllm.generation import TextStream
from newllm.generation.sampling import LONGEST_WINDOW
from newllm.inference.held_text import HeldText
from newllm.inference.reading import Reading
from newllm.inference.request import Request
from newllm.inference.snapshot import Snapshot
from newllm.inference.tokens import Tokens
from newllm.model.bodies import State


class Choice:
    """One of the texts that a request asks for.

    A token is chosen from the prediction after the state; it is read with the next step of the batch, if there is one.

    Args:
        reading: the prompt, read.
        index: which choice it is.
        tokens: of the model.
        positions: how many the model has learned; 0 for no limit.

    Attributes:
        seed: of its chance.
        state: after all tokens but the one that was chosen last.
        tokens_read: by it.
        ids: the tokens chosen so far, without the end token.
        finish: why it has ended: "length", "stop", "end" or "positions"; empty while it goes on.
        unsaid: how many tokens no event has told.
        text: what can be shown of them.
        entries: the logprobs of those tokens, where they are wanted.
    """

    def __init__(self, reading: Reading, index: int, tokens: Tokens, positions: int) -> None:
        self.request, self.index, self.seed = reading.request, index, reading.request.seed + index
        self.state, self.tokens_read = reading.state, reading.tokens_read
        self.ids, self.finish, self.unsaid, self.text = list[int](), "", 0, ""
        self._tokens, self._positions = tokens, positions
        self._prompt_end, self._recent, self._before = reading.before_last, reading.recent, self.state
        undecoded = _undecoded(self.request, tokens)
        self._stream, self._is_open = TextStream(undecoded), bool(undecoded)
        self._held = HeldText(self.request.stop, undecoded) if self.request.stop else None
        self._said = f'{{"id":{self.request.number},"choice":{index},"text":'
        self.entries, self._told = list[dict[str, Any]](), 0

    def check_first(self) -> bool:
        """Say whether a first token is to be chosen; if not, `finish` says why."""
        if self.request.max_tokens == 0:
            self.finish = "length"
        elif 0 < self._positions <= self.tokens_read:
            self.finish = "positions"
        return not self.finish

    def has_read(self, state: State) -> None:
        """Take note that the token chosen last has been read."""
        self._before, self.state = self.state, state
        self.tokens_read += 1

    def recent(self, most: int) -> list[int]:
        """Return the last tokens of the text."""
        if len(self.ids) >= most:
            return self.ids[len(self.ids) - most :]
        return [*self._recent[len(self.ids) - most :], *self.ids]

    def take(self, token: int) -> None:
        """Go on by a token that was chosen."""
        if token == self._tokens.end:
            self.finish = "end"
            self.text += "" if self._held is None else self._held.rest()
            return
        self.ids.append(token)
        self.unsaid += 1
        text = self._whole(token)
        if self._held is not None:
            text = self._held.feed(text, self.ids, self.state, self._stream.undecoded)
            if self._held.found:
                self.finish = "stop"
        self.text += text
        if self.finish:
            return
        if len(self.ids) == self.request.max_tokens:
            self.finish = "length"
        elif self.tokens_read + 1 == self._positions:
            self.finish = "positions"
        if self.finish and self._held is not None:
            self.text += self._held.rest()

    def said(self) -> str | None:
        """Return as JSON what an event says of the tokens that none has told; None where there is nothing to say."""
        entries = self._shown_entries() if self.entries else []
        if not self.text and not entries and not (self.finish and self.unsaid):
            return None
        # By hand: of 64 texts json.dumps takes four times as long.
        said = f'{self._said}{encode_basestring_ascii(self.text)},"tokens":{self.unsaid}'
        self.unsaid, self.text = 0, ""
        if self.request.logprobs is None:
            return f"{said}}}"
        return f'{said},"logprobs":{json.dumps(entries, allow_nan=False)}}}'

    def _shown_entries(self) -> list[dict[str, Any]]:
        """Take those logprobs whose tokens are shown: nothing of a stop string shall be told."""
        if self._held is None or self.finish not in ("", "stop"):
            count = len(self.ids)
        else:
            count = self._held.begun if self.finish else self._held.whole
        entries, self.entries = self.entries[: count - self._told], self.entries[count - self._told :]
        self._told += len(entries)
        return entries

    def _whole(self, token: int) -> str:
        """Return the text that is whole with a token."""
        is_first = self.tokens_read == 1
        if not self._is_open and not is_first and (plain := self._tokens.plain[token]) is not None:
            return plain
        text = self._stream.feed(self._tokens.bytes_of(token, first=is_first))
        self._is_open = bool(self._stream.undecoded)
        return text

    @property
    def is_whole(self) -> bool:
        """Whether the text does not end inside a character."""
        return self.finish == "stop" or not self._stream.undecoded

    def snapshot(self) -> Snapshot:
        """Return where the text can be gone on from, once it has ended."""
        if self.finish == "stop":
            return self._cut()
        undecoded = self._stream.undecoded
        if not self.ids:
            return self._at_prompt(undecoded)
        # The end token is not read: what was read last is pending again.
        state, tokens_read = (
            (self._before, self.tokens_read - 1) if self.finish == "end" else (self.state, self.tokens_read)
        )
        return Snapshot(state, tokens_read, self._before_id(len(self.ids) - 1), self.ids[-1:], False, undecoded)

    def _cut(self) -> Snapshot:
        """Return the snapshot after the last token that lies wholly in the text before a stop string."""
        assert self._held is not None
        first = self.tokens_read - (len(self.ids) - 1) == 1
        pieces = [self._tokens.bytes_of(token, first=first and at == 0) for at, token in enumerate(self.ids)]
        count, rest, shows_any = self._held.cut(pieces)
        if not count:
            before = self._at_prompt(b"" if shows_any else self._held.undecoded)
            return Snapshot(
                before.state, before.tokens_read, before.recent, before.pending, True, before.undecoded, rest
            )
        at, state = self._held.state_before(count - 1)
        tokens_read = self.tokens_read - (len(self.ids) - 1 - at)
        return Snapshot(state, tokens_read, self._before_id(at), self.ids[at:count], False, b"", rest)

    def _at_prompt(self, undecoded: bytes) -> Snapshot:
        end = self._prompt_end
        return Snapshot(end.state, end.tokens_read, end.recent, end.pending, True, undecoded)

    def _before_id(self, index: int) -> Sequence[int]:
        """Return the last tokens of the text before its `index`-th chosen one."""
        return [*self._recent, *self.ids[max(0, index - LONGEST_WINDOW) : index]][-LONGEST_WINDOW:]


def _undecoded(request: Request, tokens: Tokens) -> bytes:
    """Return the bytes of a character that is not whole at the end of a prompt. A text is whole."""
    if request.text is not None and len(request.prompt):
        return b""
    stream = TextStream(request.start.undecoded)
    for token in request.prompt[-8:].tolist():  # each has a byte at least, and a character has four at most
        stream.feed(tokens.bytes_of(token, first=False))
    return stream.undecoded
