"""A model that is read and not trained."""

import contextlib
from collections.abc import Iterator

import torch

from newllm.model.language_model import LanguageModel


@contextlib.contextmanager
def reading(model: LanguageModel) -> Iterator[None]:
    """Have the model in evaluation mode, without gradients, and put every module's mode back.

    It is entered for each token, not around a stream: what runs between two pieces is the caller's.
    """
    modes = [(module, module.training) for module in model.modules()] if model.training else []
    if modes:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training
