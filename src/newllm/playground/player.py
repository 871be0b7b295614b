"""What a playground's worker does with its model: texts in branches, read and written token by token.

A branch is a `Memory` and what its last tokens wrote into matrices, which are never changed in place: to branch is to
give them a second name. What is read and written is what `newllm generate` reads and writes, to the bit; what is drawn
is looked at beside it.

Shapes: T tokens, V vocabulary, L layers, C channels.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from newllm.api.loaded import LoadedRun
from newllm.errors import UserError
from newllm.generation import Engine, Memory, Sampling, TextStream, fingerprint
from newllm.model.bodies import State
from newllm.playground.motion import motion, packed_rows
from newllm.playground.recall import Written
from newllm.playground.saved_contexts import SavedContexts, check_name
from newllm.playground.surprisal import Surprise
from newllm.playground.surprisal_of_text import surprise_of_text
from newllm.playground.task import Task
from newllm.recorder import ContextView, Passage

MOST_BRANCHES = 32
MOST_TOKENS = 2000
"""Of one `write`."""

SHOWN = 2048
"""Of a text that is read, so many of its last tokens are described; all are read."""

_SAMPLING = {
    "temperature": float, "top_k": int, "top_p": float, "min_p": float, "repetition_penalty": float
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Branch:
    """A text.

    Attributes:
        memory: all that the model remembers of it.
        written: what its last tokens wrote into the model's matrices.
    """

    memory: Memory
    written: Written


class Player:
    """Answers requests about one loaded model.

    Args:
        loaded: the run.

    Attributes:
        verbs: what it can be asked, by name; each returns the fields of its last event.
        engine: what reads and writes.
        view: what looks at the contexts.
        surprise: what describes tokens.
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self._loaded, self._saved, self._mark = loaded, SavedContexts(loaded.path), ""
        self.engine = Engine(loaded.model, loaded.tokenizer)
        self.view = ContextView(loaded.model)
        self.surprise = Surprise(loaded.tokenizer, self.engine.vocabulary)
        self._branches: dict[str, Branch] = {}
        self.verbs: dict[str, Callable[[Task], dict[str, Any]]] = {
            "branch": self._branch, "drop": self._drop, "read": self._read, "write": self._write,
            "save": self._save, "restore": self._restore, "contexts": self._contexts, "recall": self._recall,
            "surprise": lambda task: surprise_of_text(loaded, self.engine, self.surprise, task),
        }  # fmt: skip

    def _branch(self, task: Task) -> dict[str, Any]:
        """Give what a branch is a second name; without `from` begin an empty text."""
        name, origin = check_name(task.take("name", str), "branch"), task.take("from", str, None)
        task.check_all_taken()
        return self._keep(name, self._begin() if origin is None else self._known(origin))

    def _begin(self) -> Branch:
        """Return an empty text: the begin token alone, which stands before place 0."""
        state, begin = self._loaded.model.initial_state(1), self.engine.vocabulary.begin
        return Branch(self.engine.start(), _longer(Written(), 0, self._look([begin], state)))

    def _drop(self, task: Task) -> dict[str, Any]:
        name = task.take("branch", str)
        task.check_all_taken()
        self._known(name)
        del self._branches[name]
        return {"branches": sorted(self._branches)}

    def _read(self, task: Task) -> dict[str, Any]:
        """Read a text in chunks: `progress` after each, `tokens` for the last `SHOWN` of them."""
        name, text = task.take("branch", str), task.text()
        task.check_all_taken()
        chunks, stream = self.engine.cut(self._known(name).memory, text), TextStream()
        total, done, bits = sum(map(len, chunks)), 0, 0.0
        for ids in chunks:
            if task.stopped():
                break
            bits += self._read_chunk(task, name, ids, stream, skip=total - SHOWN - done)
            done += len(ids)
            task.emit("progress", {"tokens": done, "of": total})
        return {**self._memory_described(self._known(name).memory), "tokens": done, "of": total, "bits": bits}

    def _read_chunk(self, task: Task, name: str, ids: list[int], stream: TextStream, skip: int) -> float:
        """Read a chunk into a branch, describe it but for its first `skip` tokens, and return its bits."""
        branch = self._known(name)
        memory, written = branch.memory, branch.written
        predicted_TV, after = self._predicted(memory, ids)
        if skip < len(ids):
            passage = self._look(ids, memory.state)
            written = _longer(written, memory.tokens_read, passage)
            task.emit("tokens", self._described(memory, ids, predicted_TV, passage, stream, max(0, skip)))
        else:
            stream.feed(self._loaded.tokenizer.decode(ids))
        # Where the reading is stopped it may be inside a character.
        self._branches[name] = Branch(dataclasses.replace(after, undecoded=stream.undecoded), written)
        return float(self.surprise.bits(ids, predicted_TV).double().sum())

    def _write(self, task: Task) -> dict[str, Any]:
        """Write on, one `tokens` event a token. What has been written stays, wherever it is stopped.

        With `head`, as `recall` takes it, each event says which writes the read found that predicted its token.
        """
        name, tokens = task.take("branch", str), task.count("tokens", 200, MOST_TOKENS)
        seed, head = task.count("seed", 0, 2**63 - 1), task.count("head", -1, len(self.view.heads), least=-1)
        given = {field: task.take(field, kind, None) for field, kind in _SAMPLING.items()}
        task.check_all_taken()
        sampling = Sampling(**{field: value for field, value in given.items() if value is not None})
        branch = self._known(name)
        stream, written = self.engine.stream(branch.memory, tokens, sampling, seed), branch.written
        while stream.stopped_by is None and not task.stopped():
            before, count = stream.memory, len(stream.ids)
            stream.advance()
            if len(stream.ids) > count:
                passage = self._look(stream.ids[-1:], before.state)
                recall = {"recall": written.recall(written.end - 1, head)} if head >= 0 and written.pieces else {}
                written = _longer(written, before.tokens_read, passage)
                self._branches[name] = Branch(stream.memory, written)
                task.emit("tokens", {**self._one_described(before, stream.ids[-1:], passage, stream.memory), **recall})
        return {
            **self._memory_described(stream.memory),
            "tokens": len(stream.ids),
            "stopped_by": stream.stopped_by or "stop",
        }

    def _recall(self, task: Task) -> dict[str, Any]:
        """Say which writes the read of the token at a place found."""
        branch, place = self._known(task.take("branch", str)), task.take("place", int)
        head = task.count("head", 0, len(self.view.heads))
        task.check_all_taken()
        if not self.view.heads:
            raise UserError("this model keeps no matrices: it writes nothing that a read could find")
        return branch.written.recall(place, head)

    def _save(self, task: Task) -> dict[str, Any]:
        branch, name = task.take("branch", str), task.take("name", str)
        replace = task.take("replace", bool, False)
        task.check_all_taken()
        self._saved.save(name, self._known(branch).memory, self._fingerprint(), replace=replace)
        return {"contexts": self._saved.names()}

    def _restore(self, task: Task) -> dict[str, Any]:
        """Put a saved context into a branch; `tail` is the text of the last tokens that it knows of."""
        branch, name = check_name(task.take("branch", str), "branch"), task.take("name", str)
        task.check_all_taken()
        memory = self._saved.load(name, self._loaded.model, self._fingerprint())
        tail = self._loaded.tokenizer.decode(memory.recent).decode(errors="replace")
        return {**self._keep(branch, Branch(memory, Written())), "tail": tail, "tail_tokens": len(memory.recent)}

    def _contexts(self, task: Task) -> dict[str, Any]:
        task.check_all_taken()
        return {"contexts": self._saved.names()}

    def _keep(self, name: str, branch: Branch) -> dict[str, Any]:
        if name not in self._branches and len(self._branches) >= MOST_BRANCHES:
            raise UserError(f"branch '{name}' would be one too many, {MOST_BRANCHES} are held: drop one first")
        self._branches[name] = branch
        return self._memory_described(branch.memory)

    def _known(self, name: str) -> Branch:
        if name not in self._branches:
            known = ", ".join(sorted(self._branches)) or "none, the model has just been loaded"
            raise UserError(f"there is no branch '{name[:64]}'; known: {known}")
        return self._branches[name]

    def _memory_described(self, memory: Memory) -> dict[str, Any]:
        """Return what a page shows of a memory: its length, its size, and how long its contexts are."""
        norms = [float(torch.linalg.vector_norm(context.double())) for context in self.view.contexts(memory.state)]
        return {"tokens_read": memory.tokens_read, "state_bytes": memory.state_bytes, "norm": norms}

    def _predicted(self, memory: Memory, ids: list[int]) -> tuple[Tensor, Memory]:
        """Read a chunk; return what was predicted before each of its tokens, and the memory after it."""
        logits_TV, after = self.engine.read_ids(memory, ids)
        return torch.cat([memory.logits_V[None], logits_TV[:-1]]), after

    def _look(self, ids: list[int], before: State) -> Passage | None:
        """Look at what some tokens do to the contexts; None where there is nothing to see."""
        return self.view.look(ids, before) if self.view.layers or self.view.heads else None

    def _described(
        self,
        before: Memory,
        ids: list[int],
        predicted_TV: Tensor,
        passage: Passage | None,
        stream: TextStream,
        skip: int,
    ) -> dict[str, Any]:
        """Return the `tokens` event of a chunk but for its first `skip` tokens."""
        tokens = self.surprise.tokens(ids, predicted_TV, stream, first=before.tokens_read - 1)[skip:]
        if passage is None or not passage.contexts:
            return {"tokens": tokens}
        contexts_TLC, decays_TLC = _stacked(passage.contexts), _stacked(passage.decays)
        start_LC = contexts_TLC[skip - 1] if skip else _stacked(self.view.contexts(before.state))
        return _event(tokens, start_LC, contexts_TLC[skip:], decays_TLC[skip:])

    def _one_described(self, before: Memory, ids: list[int], passage: Passage | None, after: Memory) -> dict[str, Any]:
        """Return the `tokens` event of one written token; its contexts are those of the memory after it."""
        stream, place = TextStream(before.undecoded), before.tokens_read - 1
        tokens = self.surprise.tokens(ids, before.logits_V[None], stream, first=place)
        if passage is None or not passage.contexts:
            return {"tokens": tokens}
        decays = _stacked(passage.decays)
        start_LC, contexts_LC = (_stacked(self.view.contexts(memory.state)) for memory in (before, after))
        return _event(tokens, start_LC, contexts_LC[None], decays)

    def _fingerprint(self) -> str:
        self._mark = self._mark or fingerprint(self.engine.model)
        return self._mark


def _longer(written: Written, tokens_before: int, passage: Passage | None) -> Written:
    """Return what was written up to the end of a passage; so many tokens were read before it, the begin token too."""
    if passage is None or passage.writes is None:
        return written
    return written.after(tokens_before - 1, passage.writes)


def _stacked(layers: list[Tensor]) -> np.ndarray:
    """Return what is of each layer as one array, the layers' axis before the channels'."""
    return torch.stack(layers, dim=-2).float().cpu().numpy()


def _event(
    tokens: list[dict[str, Any]], start_LC: np.ndarray, contexts_TLC: np.ndarray, decays_TLC: np.ndarray
) -> dict[str, Any]:
    moved = motion(start_LC, contexts_TLC, decays_TLC)
    described = [{**token, **by_layer} for token, by_layer in zip(tokens, moved, strict=True)]
    return {"tokens": described, "channels": packed_rows(contexts_TLC)}
