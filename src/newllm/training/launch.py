"""How the processes that a launcher started come together, and what that changes in a run."""

import contextlib
import dataclasses
import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import torch

from newllm.errors import UserError
from newllm.launcher import launched_size
from newllm.model.language_model import count_parameters
from newllm.training.config import NumericsConfig, RunConfig
from newllm.training.sharding import chosen_mode
from newllm.training.world import World

_JOINING = timedelta(minutes=10)  # until the last process has started
_PATIENCE = timedelta(hours=24)  # until the leader has read the texts: what a hang is is known from then on
_CUT = 10  # seconds without an answer of the other machine after which a connection counts as lost


@contextlib.contextmanager
def joined(device: str | None = None) -> Iterator[World]:
    """Yield the processes that a launcher started as one world; alone without one.

    Args:
        device: what the person asked to train on; None (the run knows) and "auto" take CUDA where there is one.

    Raises:
        UserError: they cannot be connected, or there are fewer GPUs here than processes, or they are not installed
            alike (`peers`).
    """
    if launched_size() == 1:
        yield World()
        return
    import torch.distributed as dist

    from newllm.training.peers import describe_peer, meet
    from newllm.training.ranks import Ranks
    from newllm.training.whereabouts import hang_seconds

    patience = hang_seconds()
    on_gpus = device in (None, "auto", "cuda") and torch.cuda.is_available()
    if on_gpus and device is not None:
        check_gpu("cuda")
    if on_gpus and _local() < torch.cuda.device_count():
        torch.cuda.set_device(_local())
    others = _sockets()
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=_JOINING))
        # torchrun keeps its store over a restart, with the addresses of the processes that have ended.
        store = dist.PrefixStore(f"newllm-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        unlike = meet(store, rank, size, describe_peer(on_gpus=on_gpus))
        backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
        dist.barrier()  # now all are connected
        for number in _sockets() - others:
            with contextlib.suppress(OSError):  # closed by now, or one that listens
                _watch(number)
    except UserError:
        raise
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes cannot be connected: {str(error).splitlines()[0]}") from error
    world = Ranks(unlike, patience)
    try:
        yield world
        if not world.has_lost:  # else nobody comes here but those who know of it
            with contextlib.suppress(RuntimeError):
                dist.barrier()  # nobody ends while another still reads what it sent
    finally:
        world.close()
        dist.destroy_process_group()


def check_gpu(device: str) -> None:
    """Raise UserError where this process is to train on a GPU and there are fewer here than processes."""
    here = torch.cuda.device_count()
    if launched_size() > 1 and device == "cuda" and _local() >= here:
        raise UserError(f"process {_local()} has no GPU of its own: start {here} here, or give --device cpu")


def _local() -> int:
    return int(os.environ.get("LOCAL_RANK", os.environ["RANK"]))


def _sockets() -> set[int]:
    """Return the descriptors of the sockets of this process; none but on Linux."""
    found = set()
    folder = Path("/proc/self/fd")
    for one in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # closed by now
            if str(one.readlink()).startswith("socket:"):
                found.add(int(one.name))
    return found


def _watch(number: int) -> None:
    """Have the system end a connection whose other side does not answer: a network that is cut says nothing by itself.

    Where a process ends, its system says so at once, and one that computes for long still answers.
    """
    names = ("SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    if not all(hasattr(socket, name) for name in names):
        return
    with socket.socket(fileno=os.dup(number)) as one:
        if (
            one.family not in (socket.AF_INET, socket.AF_INET6)
            or one.type != socket.SOCK_STREAM
            or not one.getpeername()
        ):
            return
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _CUT // 3)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _CUT // 3)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * _CUT)


def with_ranks(config: RunConfig, step: int, size: int, unlike: int = 0) -> RunConfig:
    """Return the configuration of a run that goes on from a step with so many processes.

    One process computes a run of several ranks to the bits that they came to, so it changes nothing, unless some of
    them rounded otherwise.

    Args:
        config: of the run so far.
        step: that it goes on from.
        size: number of processes.
        unlike: how many of them compute on another kind of processor than the first.

    Raises:
        UserError: a batch has fewer rows than there are processes, or these cannot share rows as asked for.
    """
    numerics = config.numerics
    pieces = config.parallel.sequence
    if size > 1:
        if size % pieces:
            raise UserError(
                f"parallel.sequence {pieces} shares each row among {pieces} processes, and {size} train: start a "
                f"multiple of {pieces}, or --set parallel.sequence=1"
            )
        numerics = _until(numerics, step)
        if not step or numerics.ranks_at(step) != size:
            numerics = dataclasses.replace(numerics, ranks=(*numerics.ranks, (step, size)))
        if numerics.sequence_at(step) != pieces:
            numerics = dataclasses.replace(numerics, sequence=(*numerics.sequence, (step, pieces)))
    elif pieces > 1 and numerics.sequence_at(step) == 1:
        raise UserError(
            f"parallel.sequence {pieces} shares each row among {pieces} processes, and one trains: start "
            f"torchrun --nproc-per-node {pieces} -m newllm train ..., or --set parallel.sequence=1"
        )
    kept = tuple(row for row in numerics.unlike if row[0] < step)
    numerics = dataclasses.replace(numerics, unlike=kept)
    if numerics.unlike_at(step) != unlike:
        numerics = dataclasses.replace(numerics, unlike=(*kept, (step, unlike)))
    if numerics == config.numerics:
        return config
    config = dataclasses.replace(config, numerics=numerics)
    config.check()
    return config


def with_mode(config: RunConfig, world: World) -> RunConfig:
    """Return the configuration with its mode decided, which changes no bits: that of a process alone is "ddp".

    Args:
        config: resolved, the vocabulary's size at least.
        world: the processes that train together.
    """
    mode = "ddp"
    if world.size > 1:
        mode = chosen_mode(config.parallel.mode, count_parameters(config.model), config.numerics.device)
    if config.parallel.sequence > 1:  # ranks that wait for one another cannot gather parts of a model together
        mode = "ddp"
    return dataclasses.replace(config, parallel=dataclasses.replace(config.parallel, mode=mode))


def _until(numerics: NumericsConfig, step: int) -> NumericsConfig:
    ranks, sequence = (tuple(row for row in rows if row[0] < step) for rows in (numerics.ranks, numerics.sequence))
    return dataclasses.replace(numerics, ranks=ranks, sequence=sequence)
