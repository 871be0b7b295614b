"""Whether a launcher such as torchrun started this process as one of several."""

import os
import socket

from newllm.errors import UserError

JOIN_VARIABLE = "NEWLLM_JOIN_SECONDS"  # machines may start minutes apart, where none is long in an exchange
_HANG_VARIABLE = "NEWLLM_HANG_SECONDS"
_SECONDS = 600.0  # unless the variables say otherwise
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
    """Return the rank that a launcher gave this process, 0 where it is the only one.

    Raises:
        UserError: it is none of so many processes.
    """
    size = launched_size()
    rank = _number("RANK") if size > 1 else 0
    if not 0 <= rank < size:
        raise UserError(f"RANK is {rank} in the environment: with a WORLD_SIZE of {size} it must be 0 to {size - 1}")
    return rank


def hang_seconds(unless_set: float = _SECONDS) -> float:
    """Return after how many seconds a process that does not come counts as hung: NEWLLM_HANG_SECONDS, else as given.

    Raises:
        UserError: the variable is no number above 0.
    """
    return _seconds(_HANG_VARIABLE, unless_set)


def join_seconds() -> float:
    """Return for how many seconds one that is missing at the start is awaited: NEWLLM_JOIN_SECONDS, else 600.

    Raises:
        UserError: the variable is no number above 0.
    """
    return _seconds(JOIN_VARIABLE)


def _seconds(variable: str, unless_set: float = _SECONDS) -> float:
    said = os.environ.get(variable, "")
    try:
        seconds = float(said) if said else unless_set
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise UserError(f"{variable} is '{said}': it must be a number of seconds above 0, for example {unless_set:g}")
    return seconds


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
