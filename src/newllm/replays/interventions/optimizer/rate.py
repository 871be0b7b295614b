"""The learning rate of a replica by a factor of the step, whether it has a schedule or the optimizer's own rates."""

from collections.abc import Callable

from newllm.replays.replica.replica import Replica, Update


def follow_rate(replica: Replica, factor: Callable[[int], float]) -> None:
    """Multiply the learning rate of each update by a factor of its step.

    Without a schedule the rates of the optimizer's groups stay apart: they are multiplied for the update alone.
    """
    own = replica.rate
    if own is not None:
        replica.rate = lambda step: factor(step) * own(step)
        return
    inner = replica.update

    def update(step: int) -> Update:
        groups = replica.optimizer.param_groups
        rates = [group["lr"] for group in groups]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * factor(step)
        try:
            return inner(step)
        finally:
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate

    replica.update = update  # type: ignore[method-assign]


def ramp(start: int, updates: int) -> Callable[[int], float]:
    """Return the factor that rises in equal steps from the first update to 1 after so many."""
    return lambda step: min(1.0, (step - start + 1) / updates)
