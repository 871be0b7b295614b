"""The gradients of what a model returned for an update, each beside what is to be held against it."""

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from newllm.recorder.isolation import Protect


class OutputGradients:
    """Listens to the gradients of outputs until it is asked for them.

    Args:
        protect: keeps errors from the training.
    """

    def __init__(self, protect: Protect) -> None:
        self._protect = protect
        self._handles: list[RemovableHandle] = []
        self._found: list[tuple[Tensor, tuple[Tensor, ...]]] = []

    @property
    def is_listening(self) -> bool:
        """Whether it listens to an output of this update."""
        return bool(self._handles)

    def listen(self, output: Tensor, *beside: Tensor) -> None:
        """Keep the gradient of an output, once it comes, with copies of tensors that belong to it."""

        def arrived(gradient: Tensor | None) -> None:
            if gradient is not None:  # of an output that DistributedDataParallel hands on, and that is in no loss
                self._found.append((gradient.detach().clone(), beside))

        self._handles.append(output.register_hook(self._protect(arrived)))

    def take(self) -> list[tuple[Tensor, tuple[Tensor, ...]]]:
        """Return each gradient that came with what belongs to it, and listen no more."""
        found, self._found = self._found, []
        while self._handles:
            self._handles.pop().remove()
        return found
