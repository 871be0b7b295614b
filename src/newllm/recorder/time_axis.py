"""Which axis a recurrent layer, or one of attention, takes for time: its setting beside what it was given.

With `batch_first=False`, which is torch's default, the first axis is time. Where that axis has the length of the batch
and the second that of the texts, each row is read as a step of one text, and its output depends on other rows.

Shapes: B rows, T steps of a text.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.arguments import processes
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect
from newllm.recorder.layout import Layout
from newllm.recorder.outputs import main_output
from newllm.recorder.pending import Row

_LOOKS = 2  # sampled updates
_KINDS = (nn.RNNBase, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.MultiheadAttention)


class TimeAxisWatch:
    """Hooks the layers that take the first axis for time, for a step.

    Args:
        layout: the model's.
        protect: keeps errors from the training.
    """

    def __init__(self, layout: Layout, protect: Protect) -> None:
        self._layout, self._protect = layout, protect
        self._looks = 0
        self._handles: list[RemovableHandle] = []
        self._shapes: list[tuple[int, int]] = []

    def open(self) -> None:
        """Hook them for the step that begins."""
        if self._looks == _LOOKS or self._layout.compiled or processes() > 1:
            return
        self._looks += 1
        self._handles = [
            each.register_forward_hook(Hook(self._called))
            for each in self._layout.inner.modules()
            if isinstance(each, _KINDS) and not _is_batch_first(each)
        ]

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()
        self._shapes = []

    def _called(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG002 (a hook's form)
        given = inputs[0] if inputs else None
        if not torch.compiler.is_compiling() and isinstance(given, Tensor) and given.dim() == 3:
            self._shapes.append((given.shape[0], given.shape[1]))

    def returned(self, result: Any, inputs: list[Tensor], row: Row) -> None:
        """The model returned this for an update, made of these inputs `[B, T, ...]`.

        An output of one thing for each row tells that the first axis is the batch: texts may be given as `[T, B, ...]`
        all the way. Where each position has one, that is for the rows that come again to tell (`positions_as_time`).
        """
        shapes, output = self._shapes, main_output(result)
        self.close()
        given = next((one for one in inputs if one.dim() > 1), None)
        if not shapes or output is None or given is None or not 1 <= output.dim() <= 3 or len(output) != len(given):
            return
        batch, length = given.shape[:2]
        is_each = output.dim() == 3 and output.shape[1] == length
        if batch != length and output.shape != given.shape[:2] and (is_each or output.dim() < 3):
            row.put("positions_as_time" if is_each else "batch_as_time", float((batch, length) in shapes))


def _is_batch_first(module: nn.Module) -> bool:
    return bool(getattr(getattr(module, "self_attn", module), "batch_first", True))
