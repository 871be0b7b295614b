"""Rows that several ranks share: each reads a piece of every row, and hands the context of each layer to the next.

A run of R ranks with N pieces cuts a batch into R / N parts of rows, and their positions into N pieces: rank r has the
piece r % N of the part r // N. Around each layer (a block; the whole body of a cell or LSTM) stand two autograd
functions: `_Receive` waits for the state that the rank before had after its piece of this layer (context or matrices,
and the convolution's tail), `_Send` hands on the own one. In the backward pass their gradients go the other way. Both
pass the sequence itself through, so that each is reached in every backward pass, also where the layer did not use the
state: else the other rank would wait for ever. Nothing is cut off: the gradient is that of the whole row.

Ranks are in different layers at the same time, so that of L layers a pass takes the time of L + N - 1 pieces and not
of L * N. One process computes the pieces in turn, forwards from the first, backwards from the last, through the same
functions, and adds their gradients up in the order of ranks: the same bits. The whole row in one piece is equal to
rounding, as sums over positions are then in another order.

With `numerics.handover` "parallel" no rank waits for the scan of another in layers whose context is a vector: all scan
their pieces at once and give the others what they came to (`recurrence.scan.pieces`), beside the convolution's tail. A
layer of matrices hands on as above.

Limits of "serial": layers hand on one after another, batches too: ranks are idle for N - 1 of L + N - 1 turns, and
accumulated batches fill none of them. A cell has one layer, so that its ranks take turns: they share memory, not time.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from newllm.data import Batch, piece_of
from newllm.model.bodies import Handover, State
from newllm.model.bodies.block import Mixer
from newllm.model.bodies.stack import ContextMixer
from newllm.model.language_model import EMBEDDED, LanguageModel, fresh_rows
from newllm.recurrence import Pieces
from newllm.training.world import World, add_up


class SharedRows:
    """Some rows, and those of their pieces that this process computes.

    Args:
        world: the processes.
        model: the model.
        parts: the numbers of the pieces among all parts of a batch: one, or all of these rows.
        pieces: in how many each row is cut.
        handover: `numerics.handover`.
    """

    def __init__(self, world: World, model: LanguageModel, parts: range, pieces: int, handover: str) -> None:
        self._world, self._model, self._pieces = world, model, pieces
        self._at_once = _linear_mixers(model) if handover == "parallel" else {}
        self._parameters = list(model.parameters())
        self._gradients: dict[int, list[Tensor | None]] = {part: [None] * len(self._parameters) for part in parts}

    @contextlib.contextmanager
    def reading(self, part: int, batch: Batch, state: State | None) -> Iterator[tuple[Batch, State | None]]:
        """Yield a piece of a batch and the state that the model is to read it from; its layers hand theirs on.

        Args:
            part: whose piece it is.
            batch: whole rows.
            state: that they go on from, used by the first piece; None where they begin anew.
        """
        own = piece_of(batch, part % self._pieces, self._pieces)
        piece = _Piece(self._world, part, self._pieces, self._model.head.weight, frozenset(self._at_once))
        state = self._from_before(piece, own, state)
        self._model.body.handover = piece
        for mixer in self._at_once.values():
            mixer.pieces = piece
        try:
            yield own, state
        finally:
            del self._model.body.handover
            for mixer in self._at_once.values():
                mixer.pieces = None

    def _from_before(self, piece: "_Piece", own: Batch, state: State | None) -> State | None:
        """Return the state before a piece, without what its layers will receive; hand on what the embedding counts."""
        device, start = self._model.device, self._model.initial_state(len(own.inputs))
        if piece.before is not None:
            state = {**start, **{name: piece.receive_tensor(start[name]) for name in EMBEDDED if name in start}}
        before = {name: (start if state is None else state)[name] for name in EMBEDDED if name in start}
        if own.fresh is not None:
            before = fresh_rows(before, torch.from_numpy(own.fresh).to(device))
        inputs = torch.from_numpy(own.inputs).to(device)
        reset = None if own.reset is None else torch.from_numpy(own.reset).to(device)
        for value in self._model.follow(inputs, before, reset)[2].values():
            piece.send_tensor(value.contiguous())
        return state

    @contextlib.contextmanager
    def gradients_of(self, part: int) -> Iterator[None]:
        """Have the gradients of a backward pass added to those of a piece."""
        self._put(part)
        yield
        self._gradients[part] = [parameter.grad for parameter in self._parameters]

    def add_up(self, before: Sequence[Tensor | None]) -> None:
        """Make the sum of the gradients of parts before and those of the pieces the gradients, in their order."""
        for part in self._gradients:
            self._put(part)
            add_up(before, self._parameters)
            before = [parameter.grad for parameter in self._parameters]

    def _put(self, part: int) -> None:
        for parameter, gradient in zip(self._parameters, self._gradients[part], strict=True):
            parameter.grad = gradient

    def carried(self, after: State) -> State:
        """Return the state that the next batch goes on from, after the last piece; no rows where another begins it.

        Args:
            after: after the last of the pieces that this process computes.
        """
        first, last = min(self._gradients), max(self._gradients)
        rows = len(after["position"])
        like = self._model.initial_state(rows)
        start = last - last % self._pieces
        if last % self._pieces == self._pieces - 1:
            for name in like:
                self._world.send(after[name].to(like[name].dtype).contiguous(), last, start)
        if first != start:
            return {name: value[:0] for name, value in like.items()}
        end = start + self._pieces - 1
        return {name: self._world.receive(value, end, start) for name, value in like.items()}


class _Piece(Handover, Pieces):
    """The piece of a part, between those of its neighbours.

    Args:
        world: the processes.
        part: its number among all parts.
        pieces: of a row.
        like: of the kind that states are sent as.
        at_once: layers whose contexts are exchanged within them.
    """

    def __init__(self, world: World, part: int, pieces: int, like: Tensor, at_once: frozenset[int]) -> None:
        self._world, self._part, self._dtype, self._at_once = world, part, like.dtype, at_once
        first = part - part % pieces
        self._earlier, self._later = range(first, part), range(part + 1, first + pieces)
        self.is_first, self.is_last = not self._earlier, not self._later
        self.before = None if self.is_first else part - 1
        self.after = None if self.is_last else part + 1
        # What is received has a gradient, whatever else of the model is trained.
        self._anchor = torch.zeros((), dtype=like.dtype, device=like.device, requires_grad=True)

    def receive_tensor(self, into: Tensor) -> Tensor:
        """Return what the piece before sent."""
        return into if self.before is None else self._world.receive(into, self.before, self._part)

    def send_tensor(self, tensor: Tensor) -> None:
        """Send to the piece after this one, if there is one."""
        if self.after is not None:
            self._world.send(tensor, self._part, self.after)

    def receive(self, layer: int, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        if self.before is None or layer in self._at_once:
            return x_BTD, state
        names = _names(state)
        x_BTD, *values = _Receive.apply(self, self._anchor, x_BTD, *(state[name] for name in names))
        return x_BTD, {**state, **dict(zip(names, values, strict=True))}

    def send(self, layer: int, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        if self.after is None or layer in self._at_once:
            return x_BTD, state
        return _Send.apply(self, x_BTD, *(state[name] for name in _names(state))), state

    def to_later(self, own: Tensor) -> list[Tensor]:
        return self._exchanged(own, self._later, self._earlier)

    def to_earlier(self, own: Tensor) -> list[Tensor]:
        return self._exchanged(own, self._earlier, self._later)

    def _exchanged(self, own: Tensor, targets: range, sources: range) -> list[Tensor]:
        for target in targets:
            self._world.send(own, self._part, target)
        return [self._world.receive(torch.empty_like(own), source, self._part) for source in sources]

    def tails(self, x_BTD: Tensor, tail_BKD: Tensor) -> tuple[Tensor, Tensor]:
        return _Tails.apply(self, x_BTD, tail_BKD)

    def flat(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensor.reshape(-1).to(self._dtype) for tensor in tensors])

    def back(self, gradients: Sequence[Tensor]) -> None:
        """Send gradients to the piece before this one."""
        assert self.before is not None, "it gave a state"
        self._world.send(self.flat(gradients), self._part, self.before)

    def from_after(self, count: int) -> Tensor:
        """Return so many numbers of gradients from the piece after this one."""
        assert self.after is not None, "it was given a state"
        return self._world.receive(self._anchor.new_empty(count), self.after, self._part)


class _Tails(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, piece: _Piece, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        ctx.piece = piece
        piece.send_tensor(piece.flat([x[:, -tail.shape[1] :]]))
        return x.view_as(x), piece.receive_tensor(piece.flat([tail])).view_as(tail)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_x: Tensor, d_tail: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        piece, count = ctx.piece, d_tail.shape[1]
        if not piece.is_first:
            piece.back([d_tail])
        if not piece.is_last:
            given = piece.from_after(d_tail.numel()).view_as(d_tail).to(d_x.dtype)
            d_x = d_x.clone()
            d_x[:, -count:] += given
        return None, d_x, None


class _Receive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, piece: _Piece, anchor: Tensor, x: Tensor, *like: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG004
        ctx.piece = piece
        flat = piece.receive_tensor(piece.flat(like))
        parts = flat.split([one.numel() for one in like])
        values = [part.view_as(one).to(one.dtype) for part, one in zip(parts, like, strict=True)]
        return x.view_as(x), *values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_x: Tensor, *d_state: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        ctx.piece.back(d_state)
        return None, None, d_x, *[None] * len(d_state)


class _Send(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, piece: _Piece, x: Tensor, *state: Tensor) -> Tensor:
        ctx.piece, ctx.like = piece, [(one.shape, one.dtype) for one in state]
        piece.send_tensor(piece.flat(state))
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_x: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        sizes = [shape.numel() for shape, _ in ctx.like]
        parts = ctx.piece.from_after(sum(sizes)).split(sizes)
        return None, d_x, *(part.view(shape).to(dtype) for part, (shape, dtype) in zip(parts, ctx.like, strict=True))


def _linear_mixers(model: LanguageModel) -> dict[int, ContextMixer]:
    """Return by layer the mixers whose context is a vector and whose gradient goes back through time."""
    mixers = (one for one in model.modules() if isinstance(one, Mixer))
    return {
        layer: mixer for layer, mixer in enumerate(mixers) if isinstance(mixer, ContextMixer) and mixer.through_time
    }


def _names(state: State) -> list[str]:
    """Return what a layer remembers, in one order; what the embedding counts is handed on before."""
    return sorted(name for name in state if name not in EMBEDDED)
