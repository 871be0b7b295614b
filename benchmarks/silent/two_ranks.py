"""Runs a function in two processes that can talk to each other."""

import datetime
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist


def _in_rank(rank: int, meeting: str, function: Callable[..., Any], arguments: tuple) -> Any:
    torch.set_num_threads(1)
    limit = datetime.timedelta(seconds=300)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2, timeout=limit)
    try:
        return function(*arguments)
    finally:
        dist.destroy_process_group()


def in_two_ranks(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What the function returns in each rank. It must stand in a file that can be imported."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2, mp_context=spawn) as pool:
        meeting = str(Path(folder) / "meeting")
        waiting = [pool.submit(_in_rank, rank, meeting, function, arguments) for rank in range(2)]
        return [future.result() for future in waiting]
