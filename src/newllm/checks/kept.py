"""What functions and objects of the user hold, as it was: put back in place, to the bit, after a trial."""

import contextlib
import functools
import random
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.reached import NOTHING, Global, is_array, reached, slots_of, variables_of
from newllm.checks.untouched import (
    CONTAINERS,
    attribute_restorer,
    container_restorer,
    optimizer_restorer,
    tensor_restorer,
)

_LONGEST = 1_000_000  # items of a container that are put back
_LARGEST = 2**28  # bytes of an array of numpy that is put back
_UNCOMMON = 715_827_883  # added to a seed

Restorer = Callable[[], Any]
"""It says whether something had changed; None is yes."""


class Kept:
    """What some functions and objects hold, as it was when this was made.

    Args:
        roots: the functions and objects.
        besides: what somebody else puts back, before `restore`.

    Attributes:
        modules: of torch, that are held.
    """

    def __init__(self, roots: Iterable[Any], besides: Iterable[Any] = ()) -> None:
        held = reached(*roots, besides=besides)
        self.modules = [each for each in held if isinstance(each, nn.Module)]
        self._chance: list[tuple[Any, Restorer]] = []
        self._restorers: list[Restorer] = []
        self._moving: list[Restorer] = []  # those of what was found changed
        for each in held:
            back = None
            with contextlib.suppress(Exception):  # what cannot be copied cannot be put back
                back = _restorer_of(each)
            if back is None:
                continue
            if _is_chance(each):
                self._chance.append((each, back))
            else:
                self._restorers.append(back)

    def restore(self) -> None:
        """Put all of it back."""
        self._put_back(self._restorers)

    def rewind(self) -> None:
        """Put back what `restore` ever found changed, and all generators: a pass finds what the one before it found.

        Views of a model's weights are not among it: they were as before when the model had been put back.
        """
        self._put_back(list(self._moving))

    def _put_back(self, restorers: list[Restorer]) -> None:
        # A stack: whatever one comes to, all others are put back.
        with contextlib.ExitStack() as stack:
            for back in restorers:
                stack.callback(self._undo, back)
            stack.callback(self.rewind_chance)

    def _undo(self, back: Restorer) -> None:
        if back() is not False and back not in self._moving:
            self._moving.append(back)

    def rewind_chance(self) -> None:
        """Put the generators back."""
        for _, back in self._chance:
            back()

    def seed(self, seed: int) -> None:
        """Seed the generators, otherwise than users do: one that was seeded with 1 shall draw something else."""
        seed += _UNCOMMON
        for chance, _ in self._chance:
            if isinstance(chance, torch.Generator):
                chance.manual_seed(seed)
            elif hasattr(chance, "seed"):  # of Python, and the old ones of numpy
                chance.seed(seed)
            else:
                kept = getattr(chance, "bit_generator", chance)
                kept.state = type(kept)(seed).state


@contextlib.contextmanager
def put_back(*roots: Any, besides: Iterable[Any] = ()) -> Iterator[None]:
    """Put back, after a `with` block, whatever was done in it to what some functions and objects hold.

    Args:
        *roots: the functions and objects.
        besides: what somebody else puts back.
    """
    kept = Kept(roots, besides)
    try:
        yield
    finally:
        kept.restore()


def _restorer_of(held: Any) -> Restorer | None:
    """Return what puts an object back, None of one that does not change."""
    for kinds, keep in _KEEPERS:
        if isinstance(held, kinds):
            return keep(held)
    if _is_chance(held):
        if hasattr(held, "get_state"):
            return functools.partial(held.set_state, held.get_state())
        return _keep_state(getattr(held, "bit_generator", held))
    if is_array(held):
        return _keep_array(held) if held.flags.writeable and held.nbytes <= _LARGEST else None
    if type(held).__module__.startswith("numpy"):
        return None  # a SeedSequence cannot be written to
    if slots := slots_of(held):
        return _keep_slots(held, slots)
    return attribute_restorer(held) if hasattr(held, "__dict__") else None


def _is_chance(held: Any) -> bool:
    if isinstance(held, torch.Generator | random.Random):
        return True
    is_numpys = type(held).__module__.startswith("numpy.random")
    return is_numpys and any(hasattr(held, name) for name in ("get_state", "bit_generator", "random_raw"))


def _keep_state(chance: Any) -> Restorer:
    return functools.partial(setattr, chance, "state", chance.state)


def _keep_array(array: Any) -> Restorer:
    values = array.copy()

    def undo() -> bool:
        if array.tobytes() == values.tobytes():
            return False
        array[...] = values
        return True

    return undo


def _keep_slots(held: Any, slots: dict[str, Any]) -> Restorer:
    rest = attribute_restorer(held) if hasattr(held, "__dict__") else lambda: False

    def undo() -> bool:
        changed = [name for name, value in slots_of(held).items() if value is not slots[name]]
        for name in changed:
            if slots[name] is NOTHING:
                object.__delattr__(held, name)
            else:
                object.__setattr__(held, name, slots[name])
        return rest() or bool(changed)

    return undo


def _keep_class(kind: type) -> Restorer:
    variables = variables_of(kind)

    def undo() -> bool:
        now = variables_of(kind)
        changed = [name for name in now | variables if now.get(name, NOTHING) is not variables.get(name, NOTHING)]
        for name in changed:
            if name in variables:
                setattr(kind, name, variables[name])
            else:
                delattr(kind, name)
        return bool(changed)

    return undo


def _keep_cell(cell: types.CellType) -> Restorer:
    def content() -> Any:
        try:
            return cell.cell_contents
        except ValueError:  # an empty one
            return NOTHING

    value = content()

    def undo() -> bool:
        if content() is value:
            return False
        if value is NOTHING:
            del cell.cell_contents
        else:
            cell.cell_contents = value
        return True

    return undo


_KEEPERS: tuple[tuple[Any, Callable[[Any], Restorer | None]], ...] = (
    (Tensor, lambda each: tensor_restorer(each) if each.layout == torch.strided and not each.is_nested else None),
    (torch.optim.Optimizer, optimizer_restorer),
    (types.CellType, _keep_cell),
    (Global, lambda held: held.restore),
    (torch.Generator, lambda chance: functools.partial(chance.set_state, chance.get_state())),
    (random.Random, lambda chance: functools.partial(chance.setstate, chance.getstate())),
    (CONTAINERS, lambda held: container_restorer(held) if len(held) <= _LONGEST else None),
    (types.FunctionType, attribute_restorer),
    (type, _keep_class),
    ((types.MethodType, staticmethod, classmethod, property), lambda _: None),
)
