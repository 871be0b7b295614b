"""What a replay takes otherwise than the framework's own training, said in one list before it begins."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from newllm.errors import UserError
from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.copies import copied
from newllm.integrations.loops.read_batches import ReadBatches
from newllm.messages import Message, message


def say(notices: Sequence[Message], call: str) -> None:
    """Warn once, of all of it.

    Args:
        notices: what is different.
        call: what trains in the framework, "Trainer.train".
    """
    if notices:
        lines = [str(message("notice-loop", call=call)), *(f"- {one}" for one in notices)]
        warnings.warn("\n".join(lines), stacklevel=4)


def of_data(batches: Batches, *, drawn: bool, call: str) -> list[Message]:
    """Return what is different about the data and the chance, after a first batch was read.

    Args:
        batches: of the training.
        drawn: whether the model drew random numbers in a forward pass.
        call: what trains in the framework.
    """
    made = [message("notice-loop-dropout", call=call)] if drawn else []
    if batches.draws:
        made.append(message("notice-loop-data"))
    if batches.from_process and (drawn or batches.draws):
        made.append(message("notice-loop-order"))
    return made + ([message("notice-loop-read")] if isinstance(batches, ReadBatches) else [])


def copies_of(chosen: Sequence[Any], callbacks: Sequence[Any], trainer: Any) -> list[Any]:
    """Return copies of callbacks that take part in a replay; what they hold of the trainer stays the trainer's.

    Raises:
        UserError: one is not among the trainer's callbacks, or cannot be copied.
    """
    for one in chosen:
        if not any(one is other for other in callbacks):
            raise UserError(f"callbacks: {type(one).__name__} is not among the trainer's callbacks: give what it has")
    names = ", ".join(type(one).__name__ for one in chosen)
    return copied(list(chosen), chosen, f"callbacks: {names}", "a replay calls copies", {id(trainer): trainer})


def of_callbacks(callbacks: Iterable[Any], own: tuple[str, ...], base: type, hooks: Sequence[str]) -> list[Message]:
    """Return which callbacks might change the training, and take no part.

    Args:
        callbacks: all of them.
        own: packages whose callbacks are known to change nothing.
        base: class of callbacks that do nothing.
        hooks: methods during which a callback can change the training.
    """
    found = [one for one in callbacks if type(one).__module__.partition(".")[0] not in own]
    named = {
        type(one).__name__: [name for name in hooks if getattr(type(one), name, None) is not getattr(base, name, None)]
        for one in found
    }
    names = [f"{name} ({', '.join(changed)})" for name, changed in named.items() if changed]
    return [message("notice-loop-callbacks", names=", ".join(names))] if names else []
