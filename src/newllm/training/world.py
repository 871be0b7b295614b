"""The processes that train one run together: what the loop and the stepper know of them.

A run of R ranks cuts each batch into R parts. A part is computed by itself (its own rows, its own dropout), and the
gradients are added in the order of the parts: ((g0 + g1) + g2) and so on. R processes compute a part each
(`newllm.training.ranks`), one process all of them in turn, to the same bits: so a run of several processes can be
replayed, and gone on with, by one.

The process with rank 0 leads: it alone reads and writes the run, evaluates and decides, and tells the others what to
do. What it tells them goes through this protocol too; alone there is nobody to tell.
"""

import contextlib
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor, nn

from newllm.errors import UserError
from newllm.messages import Message
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel

if TYPE_CHECKING:
    from newllm.training.peers import Unlike


_I = TypeVar("_I")
_O = TypeVar("_O")


class LostError(UserError):
    """Another process of this training is gone.

    Args:
        why: in a line.
        at: the exchange in which this process saw it, None where none.
        tells: whether this process is the one that says it, where it does not lead.
    """

    def __init__(self, why: Message, *, at: Message | None = None, tells: bool = False) -> None:
        super().__init__(str(why))
        self.why, self.at, self.tells = why, at, tells


class HungError(LostError):
    """Another process does not come to where all wait for it."""


class World:
    """A process that trains alone; the base of what does not.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        machines: of each process, by rank.
        asked_to_stop: name of the signal that one of the others received ("SIGTERM"), None without one.
        unlike: in what some round otherwise than the first.
        sharded: whether each process holds a part of the model (`shard`).
        keeps: whether what this process holds belongs into snapshots; another copy's rank writes the same, else.
        has_written: this process has written its part of a snapshot; the next update tells the others.
        cannot_write: it could not; likewise.
        writing_is_over: by the last update every process had written its part, or one could not.
    """

    rank = 0
    size = 1
    machines: Sequence[str] = ("",)
    asked_to_stop: str | None = None
    unlike: "tuple[Unlike, ...]" = ()
    sharded = False
    keeps = True
    has_written = False
    cannot_write = False
    writing_is_over = False

    def __init__(self) -> None:
        self._sent: defaultdict[tuple[int, int], deque[Tensor]] = defaultdict(deque)

    def parts(self, ranks: int) -> range:
        """Return which of the parts of a batch this process computes: all."""
        return range(ranks)

    def begins(self, run: Path, what: Any) -> None:
        """Tell the others that the training of a run directory begins, and what it is: `api.begin.Begin`."""

    def send(self, tensor: Tensor, source: int, target: int) -> None:
        """Send a tensor from one part of a batch, computed here, to another; it is not written over any more."""
        self._sent[source, target].append(tensor)

    def receive(self, like: Tensor, source: int, target: int) -> Tensor:  # noqa: ARG002 (an interface)
        """Return the next tensor that one part sent to another, computed here; its shape and dtype are those of `like`.

        What `like` holds is written over.
        """
        return self._sent[source, target].popleft()

    def delivered(self) -> None:
        """Wait until all that was sent is received."""

    def shard(self, model: LanguageModel, size: int) -> None:
        """Keep of a model, which may be an outline, what is this process's part; all of it, if alone.

        Args:
            model: whole, or an outline.
            size: so many processes hold a copy together; 0: all.
        """

    def meeting(self, what: str) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002 (an interface)
        """Return what wraps a computation that all take part in where the model is sharded."""
        return contextlib.nullcontext()

    def waited(self) -> float:
        """Return the seconds that this process has spent where all come together."""
        return 0.0

    def writes(self, states: Sequence[tuple[int, Path]]) -> None:
        """Tell the others to begin to write their parts of states: the step of each, now or held, and its directory."""

    def written(self) -> None:
        """Tell the others that their digests of what they wrote are collected now."""

    def collect(self, what: str, own: _O) -> list[_O]:  # noqa: ARG002 (an interface)
        """Return what every process gives, by rank; `what` is of `diagnosis.ranks.hangs.EXCHANGES`."""
        return [own]

    def holds(self) -> None:
        """Tell the others to hold their parts of the present state in memory."""

    def busy(self) -> None:
        """Tell the others now and then that there is nothing for them to do yet."""

    def updates(self, step: int, rate: float) -> None:
        """Tell the others that the update from `step` to `step + 1` begins, and its learning rate."""

    def lost(self) -> LostError | None:
        """Ask all whether they are there still, once a signal has come; return why not."""
        return None

    def ends(self, result: Any) -> None:
        """Tell the others that all is done, and how it ended: a `TrainedRun`."""

    def evaluates(self) -> None:
        """Tell the others that an evaluation begins."""

    def each(self, items: Iterable[_I], compute: Callable[[_I], _O]) -> Iterator[_O]:
        """Yield what comes of each item to the leader, in their order; every process computes its share of them."""
        return map(compute, items)

    def share(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the leader's tensors, on every rank."""
        return tensors

    def gather(self, numbers: Sequence[float]) -> list[list[float]]:
        """Return the numbers of every process, by rank; each has as many."""
        return [list(numbers)]

    def own_gradient_norm(self, parameters: Iterable[nn.Parameter]) -> float:  # noqa: ARG002 (an interface)
        """Return the norm of what this process alone computed, after its backward pass; NaN if it computes all."""
        return math.nan

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients of the parameters by their sums over all processes, added in the order of ranks."""

    def level(self, tensors: Iterable[Tensor]) -> None:
        """Write the leader's numbers over those of the others, which round otherwise."""

    def rows_of_all(self, state: State | None) -> State | None:
        """Return a carried state with the rows of all processes, in their order, to the leader."""
        return state


def add_up(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> None:
    """Add the gradients of the parts before to those of this part, in place, and make the sums the gradients.

    Args:
        gradients: of the parts before, None where a parameter has none; written over.
        parameters: with the gradients of this part.
    """
    for before, parameter in zip(gradients, parameters, strict=True):
        if before is not None:
            parameter.grad = before if parameter.grad is None else before.add_(parameter.grad)
