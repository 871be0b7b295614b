"""Every layer's output in the forward pass, its gradient, weight and update around the optimizer's step, on demand.

Of a model that is sharded over ranks every rank measures its part, and all take part in the norms of the whole: they
are those of one process, to the bit.
"""

from collections.abc import Iterable, Sequence

from torch import Tensor
from torch.optim import Optimizer

from newllm.recorder.gradients import Norms, euclidean, gradient_norms
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import Row, read_rows
from newllm.recorder.sampled import SampledForward
from newllm.recorder.tensors import TENSORS, Tensors
from newllm.recorder.weights import WeightWatch
from newllm.training.sharding import is_sharded, norms, own_part


class _Sharded(Tensors):
    """Tensors that are shared out over the ranks."""

    def own(self, tensor: Tensor) -> Tensor:
        return own_part(tensor)

    def norms(self, values: Sequence[Tensor], of: Sequence[Tensor]) -> Tensor:
        return norms(values, of)

    def norms_in_turn(self, values: Iterable[Tensor], of: Sequence[Tensor]) -> Tensor:
        return norms(list(values), of)


class LayerSignals:
    """Measures each layer in an update, by hooks on the model and the optimizer.

    Args:
        layout: of the model; where it is sharded, every rank measures the same updates.
        optimizer: hooked for as long as it lives.
    """

    def __init__(self, layout: Layout, optimizer: Optimizer) -> None:
        self._layout = layout
        self._tensors = _Sharded() if any(map(is_sharded, layout.parameters)) else TENSORS
        self._forward = SampledForward(layout)
        self._weights = WeightWatch(layout, Optimizers([optimizer]), tensors=self._tensors)
        self._clipped: Norms | None = None
        self._row = Row()
        self._measuring = self._with_outputs = False
        optimizer.register_step_pre_hook(lambda *_: self._before())
        optimizer.register_step_post_hook(lambda *_: self._after())

    def begin(self, *, outputs: bool = True) -> None:
        """Measure the next update.

        Args:
            outputs: measure its forward pass and second moments too, which cost the most.
        """
        self._measuring, self._with_outputs = True, outputs
        if outputs:
            self._forward.open(self._row)

    def end_outputs(self) -> None:
        """Measure no further forward pass of this update."""
        self._forward.close()

    def take(self, gradient_norm: float) -> dict[str, float]:
        """Return the signals of the last update if it was measured; the outputs alone if it changed no weight.

        Args:
            gradient_norm: of the whole model before clipping; the layers' gradients are seen after it.
        """
        self._forward.close()
        self._measuring = False
        row, clipped = self._row, self._clipped
        self._row, self._clipped = Row(), None
        signals = {} if clipped is None else self._gradients(clipped, gradient_norm)
        return signals | read_rows([row])[0]

    def _gradients(self, clipped: Norms, whole: float) -> dict[str, float]:
        each = dict(zip(clipped.present, clipped.each.tolist(), strict=True))
        after = euclidean(list(each.values()))
        stretch = whole / after if after > 0 else 1.0
        return {f"gradient_norm/{name}": euclidean(own) * stretch for name, own in self._layout.group(each)}

    def _before(self) -> None:
        if self._measuring:
            self._clipped = gradient_norms(self._layout.parameters, self._tensors)
            self._weights.before()

    def _after(self) -> None:
        if self._measuring:
            self._weights.after(self._row, moments=self._with_outputs)
