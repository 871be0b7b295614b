"""Sums over copies of a model that are shared out over ranks, held against sums in the order of ranks."""

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import json, os, sys
import torch
import torch.distributed as dist
from newllm.training import replicas

torch.set_num_threads(1)
replicas._CHUNK = 7
ranks, size, place = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
children = []
for rank in range(ranks):
    children.append(os.fork())
    if children[-1]:
        continue
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=ranks)
    made = replicas.Replicas(size, 60.0)
    own = torch.randn(23 * size, generator=torch.Generator().manual_seed(rank))
    everybody = [torch.empty_like(own) for _ in range(ranks)]
    dist.all_gather(everybody, own)
    piece = made.added_piece(own.clone())
    expected = everybody[0].clone()
    for other in everybody[1:]:
        expected += other
    expected = expected.view(size, -1)[rank % size]
    copies = torch.stack(everybody).view(ranks // size, size, -1).sum(1).sum(0).view(size, -1)[rank % size]
    good = torch.equal(piece, expected) and made.is_first == (rank < size)
    told = [good, torch.equal(copies, expected)]
    found = [None] * ranks
    dist.all_gather_object(found, told)
    if rank == 0:
        print(json.dumps(found))
        sys.stdout.flush()
    os._exit(0)
for child in children:
    os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "size"), [(4, 2), (6, 3), (6, 2), (3, 3), (3, 1)])
def test_the_numbers_of_all_ranks_are_added_in_the_order_of_ranks(ranks, size, tmp_path) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(ranks), str(size), str(tmp_path / "place")]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True).stdout)
    assert [good for good, _ in found] == [True] * ranks
    assert size in (1, ranks) or not all(same for _, same in found), "first within copies: the test tests nothing"
