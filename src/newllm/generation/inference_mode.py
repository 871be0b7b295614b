"""A model that is read and not trained."""

import contextlib
from collections.abc import Iterator

import torch

from newllm.model.evaluation_mode import evaluation_mode
from newllm.model.language_model import LanguageModel


@contextlib.contextmanager
def reading(model: LanguageModel) -> Iterator[None]:
    """Have the model in evaluation mode, without gradients, and put every module's mode back.

    It is entered for each token, not around a stream: what runs between two pieces is the caller's.
    """
    with evaluation_mode(model) if model.training else contextlib.nullcontext(), torch.inference_mode():
        yield
