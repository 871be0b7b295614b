"""Several processes on one directory, some of which are killed."""

import json
import random
import subprocess
import sys
import time

import pytest

from newllm.serve.store import Limits
from newllm.serve.store.directory import DirectoryStore

_PUTS = """
import random, sys
from pathlib import Path
from newllm.serve.store import Limits, new_response_id
from newllm.serve.store.directory import DirectoryStore
store, rng = DirectoryStore(Path(sys.argv[1]), Limits()), random.Random(int(sys.argv[2]))
while True:
    response, seed = new_response_id(), rng.getrandbits(32)
    store.put(response, {"seed": seed}, random.Random(seed).randbytes(16384), "anna")
    print(response, flush=True)
"""
_ANYTHING = """
import json, random, sys, time
from pathlib import Path
from newllm.serve.store import Limits, StoredResponse, new_response_id
from newllm.serve.store.directory import DirectoryStore
place, seed, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
store = DirectoryStore(place, Limits(bytes=600_000, owner_bytes=300_000, memory_bytes=200_000))
rng, counts, deleted = random.Random(seed), {"put": 0, "found": 0, "deleted": 0, "evicted": 0}, set()
end = time.monotonic() + seconds
while time.monotonic() < end:
    owner = rng.choice("abc")
    owned = [path.stem for path in place.glob("*/resp_*")]
    what = rng.random()
    if what < 0.4 or not owned:
        response, state = new_response_id(), rng.getrandbits(32)
        blob = random.Random(state).randbytes(rng.randrange(20_000))
        store.put(response, {"seed": state, "size": len(blob), "owner": owner}, blob, owner)
        counts["put"] += 1
    elif what < 0.9:
        found = store.get(rng.choice(owned), owner)
        if found:
            assert found.record["owner"] == owner
            assert found.blob == random.Random(found.record["seed"]).randbytes(found.record["size"])
            counts["found"] += 1
    elif what < 0.95:
        response = rng.choice(owned)
        if store.delete(response, owner):
            counts["deleted"] += 1
            deleted.add((response, owner))
    else:
        store.tidy()
    for one in rng.sample(sorted(deleted), min(3, len(deleted))):
        assert store.get(*one) is None
counts["evicted"] = store.stats().evicted
print(json.dumps(counts))
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_stored_when_a_server_is_killed_is_whole_and_there(tmp_path, seed) -> None:
    process = start(_PUTS, tmp_path / "store", seed)
    assert process.stdout is not None
    stored = [process.stdout.readline().strip() for _ in range(20)]
    time.sleep(random.Random(seed).random() / 2)
    process.kill()
    # `communicate` would lose the lines that came in the same read as the twentieth: it reads beside the buffer.
    stored += [line for line in process.stdout.read().splitlines() if len(line) == len(stored[0])]
    process.communicate()
    assert "" not in stored
    store = DirectoryStore(tmp_path / "store", Limits())
    for response in stored:
        found = store.get(response, "anna")
        assert found is not None
        assert found.blob == random.Random(found.record["seed"]).randbytes(16384)
    present = [path.stem for path in (tmp_path / "store").glob("*/resp_*")]
    assert set(stored) <= set(present)
    assert len(present) <= len(stored) + 1  # that whose put had not returned
    assert all(store.get(response, "anna") for response in present)
    store.close()


def test_two_servers_at_once_never_see_anything_but_what_was_put(tmp_path) -> None:
    servers = [start(_ANYTHING, tmp_path / "store", seed, 4) for seed in range(2)]
    counts = []
    for server in servers:
        out, error = server.communicate(timeout=120)
        assert server.returncode == 0, error
        counts.append(json.loads(out))
    for what in ("put", "found", "deleted", "evicted"):
        assert all(count[what] > 0 for count in counts), counts
    store = DirectoryStore(tmp_path / "store", Limits(bytes=600_000, owner_bytes=300_000))
    store.tidy()
    left = sum(path.stat().st_size for path in (tmp_path / "store").glob("*/*"))
    assert 0 < left <= 600_000
    store.close()
