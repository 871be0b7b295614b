"""A copy of the model that is evaluated in its place, as an average of its weights: whether its statistics came along.

A loop that averages `parameters()` leaves out the running statistics of batch norms, which are buffers: the copy's stay
as they were made, 0 and 1, and it is evaluated with these. Copies are found among all objects, which takes some tens
of milliseconds; so twice at most, and only where an evaluation did not call the model itself.
"""

import gc
import weakref

import torch
from torch import Tensor, nn

from newllm.recorder.fresh_layers import norms_with_statistics, statistics_have_moved
from newllm.recorder.pending import Row

_MOST_NUMBERS = 1000  # of a weight that are kept, to see whether the copy follows the model


class CopyWatch:
    """Looks for copies of a model that keeps running statistics, at two evaluations.

    Args:
        model: that is trained.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._before: list[tuple[weakref.ref[nn.Module], Tensor]] | None = None
        self._is_done = False

    @torch.no_grad()
    def put_evaluation(self, row: Row) -> None:
        """Record, of an evaluation that did not call the model, whether a copy's statistics stand while its own move.

        Only of copies whose weights move between the two evaluations: 1 where no batch norm of such a copy has seen a
        batch, else 0.
        """
        if self._is_done or not statistics_have_moved(self._model):
            return
        if self._before is None:
            copies = [one for one in gc.get_objects() if type(one) is type(self._model) and one is not self._model]
            self._before = [(weakref.ref(one), _some(one)) for one in copies if norms_with_statistics(one)]
            self._is_done = not self._before
            return
        self._is_done = True
        alive = [(copy, some) for ref, some in self._before if (copy := ref()) is not None]
        following = [copy for copy, some in alive if not torch.equal(_some(copy), some)]
        if following:
            row.put("copy_statistics_fresh", float(not any(map(statistics_have_moved, following))))


def _some(model: nn.Module) -> Tensor:
    return torch.cat([one.detach().flatten()[:_MOST_NUMBERS].cpu() for one in model.parameters()])
