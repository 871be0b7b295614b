"""Whether a launcher such as torchrun started this process as one of several."""

import os
import socket

from newllm.errors import UserError

_SET = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # by torchrun and its like, all of them


class SaidError(UserError):
    """Why one of several processes ends, said already: written down by this one, or printed by the first."""


def launched_size() -> int:
    """Return how many processes a launcher started, 1 without one.

    Raises:
        UserError: what the environment says is no number.
    """
    return max(1, _number("WORLD_SIZE")) if all(name in os.environ for name in _SET) else 1


def launched_rank() -> int:
    """Return the rank that a launcher gave this process, 0 where it is the only one."""
    return _number("RANK") if launched_size() > 1 else 0


def of_rank(rank: int, why: str) -> str:
    """Return an error line that says which process it is of."""
    return f"rank {rank}: {why}"


def launched_again() -> bool:
    """Whether torchrun started all processes anew after one of them failed (`--max-restarts`)."""
    return launched_size() > 1 and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def launch_name() -> str:
    """Return what tells the processes of one call of torchrun from all others, over its restarts."""
    run = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return f"{socket.gethostname()} {os.getppid()} {run} {os.environ['MASTER_ADDR']} {os.environ['MASTER_PORT']}"


def machine_name() -> str:
    """Return what tells this process's machine from the others of a training; torchrun counts them."""
    return f"{socket.gethostname()} {os.environ.get('GROUP_RANK', '')}".strip()


def _number(name: str) -> int:
    try:
        return int(os.environ[name])
    except ValueError:
        raise UserError(f"{name} is '{os.environ[name]}' in the environment: it must be a whole number") from None
