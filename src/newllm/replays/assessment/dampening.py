"""How much an intervention takes from a spike that it has nothing to do with: the control spike.

In a healthy segment of the run the gradient of a few updates is turned round, and the weights climb the loss by steps
of their usual length. No batch, learning rate, moment or initialisation is wrong there. Whatever makes this spike
smaller, as a lower learning rate does, makes any spike smaller: that it removes the run's own says little of its cause.
"""

from collections.abc import Sequence

import numpy as np
from torch.optim import Optimizer

from newllm.replays.assessment.assessment import Assessment
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup

CLIMBS = (4, 8, 16, 32)
"""Updates that climb, the fewest first: as many as it takes for a spike as high as the run's own."""
DAMPENER = 0.5
"""Of the control spike: what takes away so much dampens any spike."""


def climb(setup: Setup, updates: int) -> None:
    """Turn the gradient round in so many updates, the last before the onset first."""

    def attach(replica: Replica) -> None:
        done = setup.start

        def turn_round(optimizer: Optimizer, *_: object) -> None:
            nonlocal done
            if setup.onset - 1 <= done < setup.onset - 1 + updates:
                for group in optimizer.param_groups:
                    for parameter in group["params"]:
                        if parameter.grad is not None:
                            parameter.grad.neg_()
            done += 1

        replica.optimizer.register_step_pre_hook(turn_round)

    setup.at_start.append(attach)


def dampening(control: Sequence[Assessment], changed: Sequence[Assessment]) -> float | None:
    """Return the share of the control spike that an intervention takes away, at least 0; None without a control spike.

    Args:
        control: replays of it without the intervention.
        changed: with it, on the same random numbers.
    """
    whole = float(np.mean([one.severity.above for one in control]))
    left = float(np.mean([one.severity.above for one in changed]))
    return max(0.0, 1.0 - left / whole) if whole > 0 else None
