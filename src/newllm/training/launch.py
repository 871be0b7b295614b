"""How the processes that a launcher started come together, and what that changes in a run."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator
from datetime import timedelta

import torch

from newllm.errors import UserError
from newllm.launcher import hang_seconds, join_seconds, launched_rank, launched_size
from newllm.model.language_model import count_parameters
from newllm.training.config import NumericsConfig, RunConfig
from newllm.training.connections import watched
from newllm.training.parallel import chosen_parallel
from newllm.training.world import World

_TRAININGS = itertools.count()  # of this process: all processes begin the same ones


@contextlib.contextmanager
def joined(device: str | None = None) -> Iterator[World]:
    """Yield the processes that a launcher started as one world; alone without one.

    Args:
        device: what the person asked to train on; None (the run knows) and "auto" take CUDA where there is one.

    Raises:
        UserError: they cannot be connected, some did not come (`joining`), there are fewer GPUs here than processes,
            or they are not installed alike (`peers`).
    """
    if launched_size() == 1:
        yield World()
        return
    import torch.distributed as dist

    from newllm.training.joining import Gathering, Patience, heard, open_store
    from newllm.training.peers import describe_peer, meet
    from newllm.training.ranks import Ranks

    seconds, hangs_after = join_seconds(), hang_seconds()
    rank, size = launched_rank(), launched_size()
    on_gpus = device in (None, "auto", "cuda") and torch.cuda.is_available()
    if on_gpus and device is not None:
        check_gpu("cuda")
    has_own = on_gpus and _local() < torch.cuda.device_count()  # a run of processors goes on without, too
    if has_own:
        torch.cuda.set_device(_local())
    try:
        patience = Patience(rank, seconds)
        with watched():
            store = open_store(rank, size, patience)
        # torchrun keeps its store over a restart, and over several trainings of a script, with old addresses.
        restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"newllm-{restart}-{next(_TRAININGS)}", store)
        unlike = meet(Gathering(store, rank, size, patience), describe_peer(on_gpus=on_gpus))

        def connect() -> None:
            if has_own:
                torch.cuda.set_device(_local())  # a thread has a device of its own
            backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
            waits = timedelta(seconds=seconds)
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=waits)
            dist.barrier()  # now all are connected

        with watched():
            heard(connect)
        world = Ranks(unlike, hangs_after)
    except UserError:
        raise
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes cannot be connected: {str(error).splitlines()[0]}") from error
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
    parallel = dataclasses.replace(config.parallel, mode="ddp", shard=0)
    # Ranks that wait for one another, as those that share rows do, cannot gather parts of a model together.
    if world.size > 1 and parallel.sequence == 1:
        parameters = count_parameters(config.model)
        parallel = chosen_parallel(config.parallel, parameters, config.numerics.device, world.machines)
    return dataclasses.replace(config, parallel=parallel)


def _until(numerics: NumericsConfig, step: int) -> NumericsConfig:
    ranks, sequence = (tuple(row for row in rows if row[0] < step) for rows in (numerics.ranks, numerics.sequence))
    return dataclasses.replace(numerics, ranks=ranks, sequence=sequence)
