"""What the matrices of an update hold where its rows end: how many directions, and how much.

Of matrices only those after a row's last position leave the model. Where padding follows some rows' last targets it
has changed them, so that a few rows are read once more, without it.

Shapes: B rows, T positions, H heads, K keys, V values.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from newllm.data import IGNORED
from newllm.model.bodies.body import State
from newllm.model.bodies.matrix_mixer import MatrixMixer, ZeroMatrixMixer
from newllm.model.context_summary import summed_up
from newllm.recorder.context_signals import effective_rank, end_signals
from newllm.recorder.hook import Hook
from newllm.recorder.layout import Layout
from newllm.recorder.pending import Row, read_rows
from newllm.recorder.read_error import ROWS
from newllm.recurrence import Steps, matrix_scan


class _Seen(NamedTuple):
    """What went on in a layer: of the first rows, but for the last matrices, which are there of all.

    Args:
        steps: what each position did.
        initial: matrices `[B, H, K, V]` before the first position.
        reset: True where a document started, `[B, T]`, or None.
        last: matrices after the last position.
    """

    steps: Steps
    initial: Tensor
    reset: Tensor | None
    last: Tensor


class MatrixSignals:
    """Measures the matrices of each layer that has some, but for the control's, in an update.

    Args:
        layout: of the model.
    """

    def __init__(self, layout: Layout) -> None:
        self._mixers = {
            name: module
            for name, module in layout.callable_modules()
            if isinstance(module, MatrixMixer) and not isinstance(module, ZeroMatrixMixer)
        }
        self._handles: list[RemovableHandle] = []
        self._steps: dict[str, Steps] = {}
        self._seen: dict[str, _Seen] = {}
        self._ranks: dict[str, Tensor] = {}
        self._sizes: Tensor | None = None

    def begin(self) -> None:
        """Look at the matrices of the next update."""
        for name, mixer in self._mixers.items():
            self._handles.append(mixer.rule.register_forward_hook(Hook(partial(self._keep, name))))
            self._handles.append(mixer.register_forward_hook(Hook(partial(self._see, name))))

    @torch.no_grad()
    def batch(self, targets_BT: Tensor) -> None:
        """Measure what was just read; of several batches of an update the last one counts.

        Args:
            targets_BT: -1 where nothing is to be predicted.
        """
        if not self._seen:
            return
        position_T = torch.arange(targets_BT.shape[1], device=targets_BT.device)
        end_B = torch.where(targets_BT != IGNORED, position_T, -1).amax(dim=1)
        end_B = torch.where(end_B < 0, targets_BT.shape[1] - 1, end_B)
        is_whole = bool((end_B == targets_BT.shape[1] - 1).all())
        held = {
            name: one.last if is_whole else _at_ends(one, end_B[:ROWS], self._mixers[name].scan_backend)
            for name, one in self._seen.items()
        }
        self._ranks = {name: effective_rank(matrices) for name, matrices in held.items()}
        self._sizes = summed_up(list(held.values()))
        self._seen.clear()

    def close(self) -> None:
        """Look at no further pass."""
        while self._handles:
            self._handles.pop().remove()
        self._steps.clear()
        self._seen.clear()

    def take(self, *, with_sizes: bool) -> dict[str, float]:
        """Return the signals of the last update if it was measured.

        Args:
            with_sizes: with mean, standard deviation and norm, which nobody has measured otherwise.
        """
        self.close()
        row = Row()
        for name, rank in self._ranks.items():
            row.put(f"context_rank/{name}", rank)
        if with_sizes and self._sizes is not None:
            row.put_all(self._sizes, end_signals)
        self._ranks, self._sizes = {}, None
        return read_rows([row])[0]

    def _keep(self, name: str, module: object, inputs: object, output: Steps) -> None:  # noqa: ARG002 (a hook's form)
        if not torch.compiler.is_compiling():
            self._steps[name] = Steps(*(tensor.detach()[:ROWS] for tensor in output))

    def _see(
        self,
        name: str,
        module: MatrixMixer,  # noqa: ARG002
        inputs: tuple[Tensor, State, Tensor, Tensor | None],
        output: tuple[Tensor, State],
    ) -> None:
        steps = self._steps.pop(name, None)
        if steps is not None and torch.is_grad_enabled():
            _, state, _, reset_BT = inputs
            initial_BHKV, last_BHKV = state["context"].detach()[:ROWS], output[1]["context"].detach()
            reset_BT = None if reset_BT is None else reset_BT[:ROWS]
            self._seen[name] = _Seen(steps, initial_BHKV, reset_BT, last_BHKV)


def _at_ends(seen: _Seen, end_B: Tensor, backend: str) -> Tensor:
    """Return the matrices `[B, H, K, V]` after each row's position `end_B`: what follows neither writes nor fades."""
    length = int(end_B.max()) + 1
    after_BT = torch.arange(length, device=end_B.device) > end_B[:, None]
    steps, nothing = Steps(*(tensor[:, :length] for tensor in seen.steps)), after_BT[:, :, None, None]
    steps = steps._replace(key=steps.key.masked_fill(nothing, 0.0), log_decay=steps.log_decay.masked_fill(nothing, 0.0))
    reset_BT = None if seen.reset is None else seen.reset[:, :length] & ~after_BT
    return matrix_scan(steps, seen.initial.to(steps.key), reset_BT, backend=backend)[1]
