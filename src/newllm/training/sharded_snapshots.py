"""Snapshots that a sharded model goes on from: each rank reads its part, whoever wrote them (`snapshot_writer`)."""

from pathlib import Path

import torch
from torch import nn

from newllm.errors import UserError
from newllm.model.bodies import State
from newllm.training.optimizer import parameter_of
from newllm.training.sharding import is_sharded
from newllm.training.shards import read_parts, shapes_in
from newllm.training.snapshots import (
    CARRIED,
    check_file,
    check_fit,
    on_device,
    read_state,
    without_carried,
)
from newllm.training.world import World


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
