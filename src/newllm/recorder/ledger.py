"""What changes weights or moments between two updates, where only the optimizers should.

After an optimizer's step the bits of each of its tensors are added up, whole numbers that wrap around; before its next
step they are added up again. A single changed bit gives another sum. Frozen parameters are held against the sums that
they had when they were last seen: an update may not change them either. So a checkpoint that is loaded in the middle,
moments that are lost, a clamp or a bit that flips shows at the update before which it happened.

The sums of all tensors cost about as much as copying them. Where that is more than `SHARE` of a step, each update looks
at the next ones in turn, at moments last: they are lost or loaded all at once. Then a frozen tensor or one that is
damaged again and again is found within one turn, and what happens to one tensor once is found with the probability
that `ledger_share` says. What torch counts as a write to a weight is seen at every update (`written`). No number is
read from the device here.

Buffers, which a forward pass may change, are followed in `buffers`. Those of a frozen layer in training mode, such as
the statistics of its batch norm, are held against what they were, as frozen parameters are.

Limits: tensors that two processes share, and parameters that no optimizer that is recorded was given but
that are not frozen (another one may train them), are left out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from newllm.recorder.bits import bits, counted, has_numbers
from newllm.recorder.buffers import BufferWatch
from newllm.recorder.closures import after_closure
from newllm.recorder.isolation import Part, no_isolation
from newllm.recorder.layers import stacked
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import Row
from newllm.recorder.written import WriteWatch

T = TypeVar("T")
SHARE = 0.002  # of a step's time, as measured: what the sums push out of the caches costs several times as much
_SLOWER = 0.5  # smoothing of what the sums cost
WEIGHTS, MOMENTS, FROZEN, STATISTICS = "weights_changed", "moments_changed", "frozen_changed", "statistics_changed"


@dataclass(frozen=True)
class Entry:
    """One tensor of the ledger.

    Attributes:
        signal: that tells of its change.
        index: of the parameter that it is or belongs to; of statistics, of the buffer.
        key: of a moment in the optimizer's state; "" of a parameter.
    """

    signal: str
    index: int
    key: str = ""


class Ledger:
    """Watches the optimizers' steps.

    Args:
        layout: the model's.
        optimizers: its optimizers.
        part: what keeps the errors of each part from the training.
        share: of a step's time that it may take, `SHARE` without one; infinity looks at every tensor each time.
    """

    def __init__(
        self,
        layout: Layout,
        optimizers: Optimizers,
        part: Part = no_isolation,
        *,
        share: float | None = None,
    ) -> None:
        self._layout, self._optimizers, self._protect, self._share = layout, optimizers, part("ledger"), share
        self._of_buffers = part("buffers")
        self._buffers = BufferWatch(layout, self._of_buffers)
        self._owner = {id(one): name for name, own in layout.layers.items() for one in own}
        self._writes = WriteWatch(self._owner)
        self._row, self._sampled = Row(), False
        self._marked: dict[Entry, Tensor] = {}
        self._frozen: dict[Entry, Tensor] = {}
        self._turns: WeakKeyDictionary[torch.optim.Optimizer, int] = WeakKeyDictionary()
        self._part = 1.0
        self._ended = time.thread_time()
        self._spent = 0.0

    def open(self) -> None:
        """Hook the optimizers, and what has buffers."""
        self._of_buffers(self._buffers.open)()
        self._optimizers.hook(self._protect(self._begins), self._protect(self._ends))

    def close(self) -> None:
        """Take the hooks away."""
        self._buffers.close()

    def begin(self, row: Row, *, sampled: bool) -> None:
        """Begin a step whose signals go into the row."""
        self._row, self._sampled = row, sampled
        now = time.thread_time()
        self._adjust(now - self._ended)
        self._ended, self._spent = now, 0.0

    @torch.no_grad()
    def _begins(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        began = time.thread_time()
        self._writes.begins(optimizer, self._row)
        own = self._take(optimizer)
        marked = {entry: mark for entry, mark in own.items() if self._is_due(entry)}
        if marked:
            entries, before = list(marked), list(marked.values())
            now = [bits(tensor) if (tensor := self._tensor(entry)) is not None else None for entry in entries]
            # What is not there any more has changed: any other number than before says so.
            marks = [one + 1 if mark is None else mark for one, mark in zip(before, now, strict=True)]
            flags = stacked(marks) != stacked(before)
            self._row.put_all(flags.float(), self._protect(partial(self._signals, entries)))
            self._frozen |= {entry: mark for entry, mark in zip(entries, marks, strict=True) if entry in self._frozen}
        put = self._of_buffers(partial(self._buffers.put, self._row))
        with_closure = after_closure(args, kwargs, put)  # the forward pass that looks at the buffers may be in there
        if with_closure is None:
            put()
        self._spent += time.thread_time() - began + self._buffers.spent
        return with_closure

    @torch.no_grad()
    def _ends(self, optimizer: torch.optim.Optimizer, args: object, kwargs: object) -> None:  # noqa: ARG002 (a hook's form)
        began = time.thread_time()
        weights, moments = self._entries(optimizer)
        if self._frozen:  # what is trained for a while may change meanwhile
            still = set(weights)
            self._frozen = {entry: mark for entry, mark in self._frozen.items() if entry in still}
        count = max(1, round(self._part * (len(weights) + len(moments))))
        turn = partial(_turn, self._turns.get(optimizer, 0))
        for entry in [*turn(weights, count), *turn(moments, max(1, count - len(weights)))]:
            mark = self._frozen.get(entry)
            if mark is None and (tensor := self._tensor(entry)) is not None:
                mark = bits(tensor)
                if entry.signal in (FROZEN, STATISTICS):
                    self._frozen[entry] = mark
            if mark is not None:
                self._marked[entry] = mark
        buffers = self._buffers.buffers
        self._of_buffers(self._buffers.mark)(turn(buffers, max(1, round(self._part * len(buffers)))))
        self._turns[optimizer] = self._turns.get(optimizer, 0) + 1
        if self._sampled and weights:
            self._row.put("ledger_share", min(1.0, count / len(weights)))
        self._writes.ends(optimizer)
        self._spent += time.thread_time() - began

    def _adjust(self, step: float) -> None:
        """Look at more or fewer tensors from now on, so that the sums take their share of a step."""
        if self._spent > 0:
            share = SHARE if self._share is None else self._share
            fits = min(1.0, self._part * share * step / self._spent)
            self._part = min(1.0, _SLOWER * self._part + (1 - _SLOWER) * fits)

    def _take(self, optimizer: torch.optim.Optimizer) -> dict[Entry, Tensor]:
        """Return the marks of what an optimizer was given, and of what is frozen: its step is about to change them."""
        marked, self._marked = self._marked, {}
        if len(self._optimizers.each) > 1:
            held = self._optimizers.held(optimizer)
            own = [one for one in marked if one.signal == STATISTICS or self._is_own(one, held)]
            self._marked = {one: mark for one, mark in marked.items() if one not in own}
            marked = {one: marked[one] for one in own}
        if optimizer not in self._turns:  # it has just taken another one's place, and has no moments yet
            marked = {one: mark for one, mark in marked.items() if one.signal != MOMENTS}
        return marked

    def _is_own(self, entry: Entry, held: set[int]) -> bool:
        return entry.signal == FROZEN or id(self._layout.parameters[entry.index]) in held

    def _entries(self, optimizer: torch.optim.Optimizer) -> tuple[list[Entry], list[Entry]]:
        """Return the weights that are watched, those of an optimizer and frozen ones, and its moments."""
        weights: list[Entry] = []
        moments: list[Entry] = []
        held = self._optimizers.held(optimizer)
        for index, parameter in enumerate(self._layout.parameters):
            if not parameter.requires_grad:
                weights.append(Entry(FROZEN, index))
            elif id(parameter) in held:
                weights.append(Entry(WEIGHTS, index))
                state = self._optimizers.state(parameter)
                moments += [
                    Entry(MOMENTS, index, str(key)) for key, value in state.items() if _is_like(value, parameter)
                ]
        frozen = {entry.index for entry in weights if entry.signal == FROZEN}
        if frozen:
            weights += [
                Entry(STATISTICS, index)
                for index, buffer in enumerate(self._buffers.buffers)
                if buffer.module.training and frozen.issuperset(buffer.parameters) and buffer.is_measured
            ]
        return weights, moments

    def _is_due(self, entry: Entry) -> bool:
        """Whether an entry is to be held against what it was: statistics only if their layer is frozen still."""
        if entry.signal != STATISTICS:
            return True
        around = self._buffers.buffers[entry.index].parameters
        return not any(self._layout.parameters[index].requires_grad for index in around)

    def _tensor(self, entry: Entry) -> Tensor | None:
        """Return an entry's tensor as it is now, None where there is none any more, or none with numbers here."""
        if entry.signal == STATISTICS:
            return self._buffers.buffers[entry.index].tensor()
        parameter = self._layout.parameters[entry.index]
        found = self._optimizers.state(parameter).get(entry.key) if entry.key else parameter
        return found.detach() if has_numbers(found) else None

    def _signals(self, entries: Sequence[Entry], flags: Sequence[float]) -> list[tuple[str, float]]:
        return counted(map(self._name, entries), flags)

    def _name(self, entry: Entry) -> str:
        """Return the signal of an entry's change."""
        if entry.signal == STATISTICS:
            return f"{STATISTICS}/{self._buffers.buffers[entry.index].layer}"
        return f"{entry.signal}/{self._owner[id(self._layout.parameters[entry.index])]}"


def _turn(turns: int, entries: Sequence[T], count: int) -> Sequence[T]:
    """Return so many of the entries, at each update the next ones."""
    first = turns * count % max(1, len(entries))
    return [*entries[first:], *entries[:first]][:count]


def _is_like(value: object, parameter: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == parameter.shape
