"""A loss that is 0 and pulls at nothing, since all of its margins are met: what it would train cannot be seen then."""

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck
from newllm.checks.seen import observed
from newllm.checks.trees import changed_at, leaves

_MOST = 8  # tensors of a batch


def must_not_be_met(bench: Bench) -> None:
    """Let what gets no gradient from a loss of 0 be wrong, where another batch would give it none either.

    The other batch is the same with the rows of one of its tensors exchanged: what lies within a margin does not then,
    and what is left out of the loss stays so.

    Raises:
        CannotCheck: the loss is 0 and has a gradient of 0, and the other batch gives another.
    """
    if bench.once(_is_met):
        raise CannotCheck("loss-met")


def _is_met(bench: Bench) -> bool:
    seen = bench.seen
    if seen.loss != 0 or not seen.gradients or any(bool(each.any()) for each in seen.gradients.values()):
        return False
    paths = [path for path, each in leaves(bench.batch) if each.ndim and len(each) > 1]
    for path in paths[:_MOST]:
        other = changed_at(bench.batch, path, lambda tensor: tensor.roll(1, 0))
        with bench.untouched():
            found = observed(bench.model, bench.optimizer, lambda other=other: bench.loss(other))
        if any(bool(each.any()) for each in found.gradients.values()):
            return True
    return False
