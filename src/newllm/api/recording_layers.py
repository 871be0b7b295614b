"""Gradient, weight and update of every layer around an optimizer's step, where they are asked for."""

from torch.optim import Optimizer

from newllm.recorder.gradients import Norms, euclidean, gradient_norms
from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row
from newllm.recorder.weights import WeightWatch


class LayerSignals:
    """Measures each layer around an update, by hooks on the optimizer.

    Args:
        layout: of the model.
        optimizer: hooked for as long as it lives.

    Attributes:
        measuring: whether the next update is measured.
    """

    def __init__(self, layout: Layout, optimizer: Optimizer) -> None:
        self.measuring = False
        self._layout = layout
        self._weights = WeightWatch(layout, optimizer)
        self._clipped: Norms | None = None
        self._row = Row()
        optimizer.register_step_pre_hook(lambda *_: self._before())
        optimizer.register_step_post_hook(lambda *_: self._after())

    def take(self, gradient_norm: float) -> dict[str, float]:
        """Return the signals of the last update, none if it was not measured or changed no weight.

        Args:
            gradient_norm: of the whole model before clipping; the layers' gradients are seen after it.
        """
        row, clipped = self._row, self._clipped
        self._row, self._clipped = Row(), None
        signals = {} if clipped is None else self._gradients(clipped, gradient_norm)
        for vector, decode in row.vectors:
            signals |= decode(vector.reshape(-1).tolist())
        return signals

    def _gradients(self, clipped: Norms, whole: float) -> dict[str, float]:
        each = dict(zip(clipped.present, clipped.each.tolist(), strict=True))
        after = euclidean(list(each.values()))
        stretch = whole / after if after > 0 else 1.0
        return {f"gradient_norm/{name}": euclidean(own) * stretch for name, own in self._layout.group(each)}

    def _before(self) -> None:
        if self.measuring:
            self._clipped = gradient_norms(self._layout.parameters)
            self._weights.before()

    def _after(self) -> None:
        if self.measuring:
            self._weights.after(self._row)
