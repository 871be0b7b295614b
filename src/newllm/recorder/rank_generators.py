"""What tells whether the ranks of a data-parallel training draw the same random numbers: the states of the generators.

Only where a wrapper averages the gradients of all ranks (DistributedDataParallel), as in `rank_inputs`: parts of a
split model draw the same on purpose. And only in the steps that are compared. A state is kept of a generator that was
drawn from: by the model in its pass (dropout, noise), or by the loop since the step before (augmentation).

Limits: what workers of a data loader draw is not seen, nor a generator that the loop made itself.
"""

import random
import sys
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.diagnosis.ranks.files import BY_LOOP, BY_MODEL
from newllm.recorder.hook import Hook
from newllm.recorder.isolation import Protect, unprotected

_WORD = 2**32


class RankGenerators:
    """States of this process's generators.

    Args:
        root: the model as it is called; of one without the wrapper nothing is looked at.
        protect: keeps errors of the hooks from the training.
    """

    def __init__(self, root: nn.Module, protect: Protect = unprotected) -> None:
        self._device = next((one.device for one in root.parameters()), torch.device("cpu"))
        self._before: dict[str, int] | None = None
        self._called: dict[str, int] | None = None
        self._found: dict[str, list[int]] = {}
        self._handles: list[RemovableHandle] = []
        if isinstance(root, nn.parallel.DistributedDataParallel):
            self._handles.append(root.register_forward_pre_hook(Hook(protect(self._begins))))
            self._handles.append(root.register_forward_hook(Hook(protect(self._ends))))

    def close(self) -> None:
        """Take the hooks away."""
        while self._handles:
            self._handles.pop().remove()

    def begin(self, *, is_wanted: bool) -> None:
        """Begin a step; look at its first pass if that is wanted."""
        self._before = self._states() if is_wanted and self._handles else None
        self._called = None

    def taken(self) -> dict[str, list[int]] | None:
        """Return the state of each generator that was drawn from, as the model was called, and by whom; None of none.

        By whom is a sum of `BY_LOOP` and `BY_MODEL`.
        """
        found, self._found = self._found, {}
        return found or None

    def _begins(self, model: nn.Module, inputs: Any) -> None:  # noqa: ARG002 (a hook's form)
        if self._before is None or torch.compiler.is_compiling() or not (model.training and torch.is_grad_enabled()):
            return
        before, self._before, self._called = self._before, None, self._states()
        self._see(BY_LOOP, before, self._called, self._called)

    def _ends(self, model: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG002 (a hook's form)
        if self._called is not None and not torch.compiler.is_compiling():
            called, self._called = self._called, None
            self._see(BY_MODEL, called, self._states(), called)

    def _see(self, by: int, before: dict[str, int], after: dict[str, int], at_call: dict[str, int]) -> None:
        for name, state in after.items():
            if before.get(name, state) != state:
                self._found.setdefault(name, [at_call[name], 0])[1] += by

    def _states(self) -> dict[str, int]:
        """Return 32 bits of each generator's state. None of them is read from the device: a GPU's is a count here."""
        found = {"torch": _bits(torch.get_rng_state()), "random": hash(random.getstate()[1]) % _WORD}
        if self._device.type == "cuda" and not torch.cuda.is_current_stream_capturing():
            found["cuda"] = _bits(torch.cuda.get_rng_state(self._device))
        if "numpy.random" in sys.modules:
            _, state, place, *_ = sys.modules["numpy.random"].get_state()
            found["numpy"] = crc32(state.tobytes(), place)
        return found


def _bits(state: Tensor) -> int:
    return crc32(state.numpy().tobytes())
