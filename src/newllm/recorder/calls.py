"""What is seen where a training calls its model as a whole: logits, and whether it evaluated in training mode."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.description import Description
from newllm.recorder.isolation import Part
from newllm.recorder.layout import Layout
from newllm.recorder.lyapunov_watch import LyapunovWatch
from newllm.recorder.outputs import embedding_size, find_logits, put_logits
from newllm.recorder.pending import Row
from newllm.recorder.sampled import SampledForward


class CallWatch:
    """Hooks the model as it is called.

    Args:
        layout: the model's.
        forward: is told when a sampled training pass begins and ends.
        lyapunov: is given the inputs of such a pass.
        part: what keeps the errors of each part from the training.
        about: knows the vocabulary, or is given what an embedding shows of it.
        found: called when that has happened.

    Attributes:
        is_updating: whether passes without gradients belong to an update.
        trained_while_evaluated: whether another one ran in training mode.
    """

    def __init__(
        self,
        layout: Layout,
        forward: SampledForward,
        lyapunov: LyapunovWatch,
        part: Part,
        about: Description,
        found: Callable[[], None],
    ) -> None:
        self._layout, self._forward, self._lyapunov, self._part = layout, forward, lyapunov, part
        self._about, self._found = about, found
        self._handles: list[RemovableHandle] = []
        self._row, self._sampled = Row(), False
        self.is_updating = self.trained_while_evaluated = False

    def open(self) -> None:
        """Hook the model."""
        root = self._layout.root
        self._handles.append(root.register_forward_pre_hook(self._called))
        self._handles.append(root.register_forward_hook(self._returned, always_call=True))

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()

    def begin(self, row: Row, *, sampled: bool) -> None:
        """Begin a step whose signals go into the row."""
        self._row, self._sampled = row, sampled

    def _called(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        if torch.compiler.is_compiling():
            return
        if not torch.is_grad_enabled():
            self.trained_while_evaluated |= model.training and not self.is_updating
        elif self._sampled:
            self._part("layers")(self._forward.enter)()
            self._part("lyapunov")(self._lyapunov.keep)(inputs)

    def _returned(self, model: nn.Module, inputs: object, output: Any) -> None:  # noqa: ARG002 (a hook's form)
        if torch.compiler.is_compiling() or not self._sampled or not torch.is_grad_enabled():
            return
        self._forward.leave()
        self._part("outputs")(self._put_logits)(output)

    def _put_logits(self, output: Any) -> None:
        logits = find_logits(self._layout.inner, output, self._about.vocabulary)
        if logits is None:
            return
        put_logits(logits, self._row)
        size = embedding_size(self._layout.inner, logits.shape[-1])
        if self._about.vocabulary is None and size is not None:
            self._about.vocabulary = size
            self._found()
