"""Adam's moments: how fast the second one forgets, and both thrown away."""

from newllm.errors import UserError
from newllm.replays.replica.replica import Replica

_LONGER = 0.999  # what a shorter memory becomes when a long one is injected
_LONGEST = 0.9999
_SECOND = {"exp_avg_sq", "max_exp_avg_sq"}


def set_beta2(replica: Replica, beta2: float) -> None:
    """Set beta2, and scale the second moment so that its bias-corrected value is what it was.

    Adam divides v by 1 - beta2^t. After t updates with another beta2 that would scale all updates at once, by 3 from
    0.999 to 0.95 at t = 100: a second change beside that of the memory.
    """
    for group in replica.optimizer.param_groups:
        beta1, before = group["betas"]
        for parameter in group["params"]:
            state = replica.optimizer.state.get(parameter, {})
            step = float(state.get("step", 0))
            for name in _SECOND & state.keys() if step > 0 else ():
                state[name].mul_((1 - beta2**step) / (1 - before**step))
        group["betas"] = (beta1, beta2)


def longer_memory(replica: Replica) -> None:
    """Let the second moment lag: beta2 0.999 where it is lower, else 0.9999.

    Raises:
        UserError: the optimizer has no second moment, or forgets no faster already.
    """
    betas = [group["betas"][1] for group in replica.optimizer.param_groups if "betas" in group]
    if not betas or max(betas) >= _LONGEST:
        has = f"beta2 is {max(betas)}" if betas else f"{type(replica.optimizer).__name__} has no beta2"
        raise UserError(f"a longer memory of the second moment cannot be injected: {has}")
    set_beta2(replica, _LONGER if max(betas) < _LONGER else _LONGEST)


def reset_moments(replica: Replica) -> None:
    """Forget all that the optimizer has gathered: moments, momentum, and the count for their correction."""
    replica.optimizer.state.clear()
