"""Copies of a model and what belongs to it: what cannot be copied, as an open file, is shared instead."""

import copy
from typing import Any

from torch import nn

from newllm.errors import UserError


def copied(whole: Any, model: nn.Module, instead: str) -> Any:
    """Return a deep copy.

    Args:
        whole: what is copied: a model, or several things that belong to each other, the model among them.
        model: whose attributes are shared with the copy where they cannot be copied.
        instead: what the user can do if that is not enough.

    Raises:
        UserError: it cannot be copied.
    """
    try:
        return copy.deepcopy(whole)
    except Exception:
        own = [(name, value) for one in model.modules() for name, value in vars(one).items()]
        shared = {id(value): value for name, value in own if not name.startswith("_") and not _can_be_copied(value)}
    try:
        return copy.deepcopy(whole, shared)
    except Exception as error:
        raise UserError(f"{type(model).__name__} cannot be copied ({error}): {instead}") from error


def _can_be_copied(value: Any) -> bool:
    try:
        copy.deepcopy(value)
    except Exception:
        return False
    return True
