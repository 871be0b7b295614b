"""Copies of a model, a callback, and what belongs to it: what cannot be copied, as an open file, is shared instead."""

import copy
import gc
from collections.abc import Iterable
from typing import Any

from torch import nn

from newllm.errors import UserError

LARGE = 10_000_000  # parameters. Looking for dead copies takes longer than many updates of a smaller model


def free_copies(model: nn.Module) -> None:
    """Free the copies of a large model that nobody uses: with its twin each is a cycle, and waits for the collector."""
    if sum(one.numel() for one in model.parameters()) >= LARGE:
        gc.collect()


def copied(whole: Any, owners: Iterable[Any], name: str, instead: str, memo: dict[int, Any] | None = None) -> Any:
    """Return a deep copy.

    Args:
        whole: what is copied: one object, or several that belong to each other.
        owners: objects in it, whose attributes are shared with the copy where they cannot be copied.
        name: of it, for a person.
        instead: what the user can do if that is not enough.
        memo: what stands for what in the copy, by the id of the original.

    Raises:
        UserError: it cannot be copied.
    """
    memo = memo or {}
    try:
        return copy.deepcopy(whole, dict(memo))
    except Exception:
        own = [(key, value) for one in owners for key, value in vars(one).items()]
        memo |= {id(value): value for key, value in own if not key.startswith("_") and not _can_be_copied(value, memo)}
    try:
        return copy.deepcopy(whole, dict(memo))
    except Exception as error:
        raise UserError(f"{name} cannot be copied ({error}): {instead}") from error


def _can_be_copied(value: Any, memo: dict[int, Any]) -> bool:
    try:
        copy.deepcopy(value, dict(memo))
    except Exception:
        return False
    return True
