"""Snapshots of a training whose model may be sharded over ranks: written by all of them, and read by any number.

A whole model's are those of `snapshots`; of a sharded one each rank writes a file of either kind (`shards`), and the
directory gets its name once all have written theirs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from newllm.errors import UserError
from newllm.files import make_directory, new_directory
from newllm.model.bodies import State
from newllm.training.optimizer import parameter_of
from newllm.training.sharding import is_sharded
from newllm.training.shards import read_parts, shapes_in, write_part
from newllm.training.snapshots import (
    CARRIED,
    Progress,
    Tensors,
    check_file,
    check_fit,
    on_device,
    read_state,
    without_carried,
    write_snapshot,
    write_state,
)
from newllm.training.world import World


def save_state(
    world: World, directory: Path, tensors: Tensors, progress: Progress, pin: Mapping[str, Any] | None = None
) -> Path:
    """Write the snapshot of `progress.step`, whole or in shards; see `write_snapshot`."""
    if world.sharded:
        return _write_shards(world, directory, tensors, progress, pin)
    return write_snapshot(directory, tensors, progress, pin)


def _write_shards(
    world: World, directory: Path, tensors: Tensors, progress: Progress, pin: Mapping[str, Any] | None
) -> Path:
    """Write the snapshot of a sharded model, whole or not at all; the leader calls it, the others `write_own_shard`.

    Raises:
        UserError: as `write_snapshot`, on any rank.
    """
    make_directory(directory)
    snapshot = directory / f"step-{progress.step:08d}"
    with new_directory(snapshot) as temporary:
        world.writes(progress.step, temporary)
        write_state(temporary, write_own_shard(world, temporary, tensors), progress, pin)
    return snapshot


def write_own_shard(world: World, place: Path, tensors: Tensors) -> dict[str, str]:
    """Write this rank's part of a snapshot; return the digests of all ranks' files by name.

    Raises:
        UserError: as `write_snapshot`, on any rank.
    """
    with world.meeting("snapshot"):
        own = write_part(place, tensors, world.rank)
    return {name: digest for one in world.collect("snapshot", own) for name, digest in one.items()}


def load_shard(snapshot: Path, model: nn.Module, optimizer: torch.optim.Optimizer, world: World) -> State | None:
    """Put this rank's part of a snapshot, of any number of ranks, into a sharded model and its optimizer.

    Every rank calls it, compares some of the files with their digests, and hears what the others found.

    Returns:
        The carried context of all rows, if there is one.

    Raises:
        UserError: the snapshot is damaged, or belongs to another model.
    """
    files, damage = sorted(read_state(snapshot)["sha256"]), ""
    try:
        for name in files[world.rank :: world.size]:
            check_file(snapshot, name)
    except UserError as error:
        damage = str(error)
    if found := [one for one in world.collect("snapshot", damage) if one]:
        raise UserError(found[0])
    weights, shapes = dict(model.state_dict()), shapes_in(snapshot, files)
    moments, carried = without_carried({k: v for k, v in shapes.items() if k not in weights})
    check_fit(snapshot, weights, {name: shape for name, (shape, _) in shapes.items() if name in weights})
    parameters, state = dict(model.named_parameters()), {}
    for path, (shape, dtype) in moments.items():
        parameter = parameter_of(path, shape, parameters)
        alone = torch.empty(shape, dtype=dtype, device=parameter.device)
        state[path] = torch.zeros_like(parameter.detach()) if shape == parameter.shape else alone
    rows = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in carried.items()}
    read_parts(snapshot, {**weights, **state, **{f"{CARRIED}{name}": value for name, value in rows.items()}})
    optimizer.state.clear()
    for path, value in state.items():
        name, _, key = path.rpartition("/")
        optimizer.state[parameters[name]][key] = value
    return on_device(rows, model)


def restore_shard(
    snapshot: Path | None, model: nn.Module, optimizer: torch.optim.Optimizer, world: World
) -> State | None:
    """Put this rank's part of a snapshot, if there is one, into a sharded model that is about to be trained.

    What every rank holds whole is the leader's: ranks that round otherwise draw other weights.
    """
    carried = None if snapshot is None else load_shard(snapshot, model, optimizer, world)
    whole = {name: one.detach() for name, one in model.named_parameters() if not is_sharded(one)}
    for name, value in world.share(whole).items():
        whole[name].copy_(value)
    return carried
