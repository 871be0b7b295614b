"""Where a rank is while no step comes: its last collectives, by torch's flight recorder, and its place in the code.

A thread of each rank writes RUN/ranks/flight-00001.json once no step was recorded for long: NEWLLM_HANG_SECONDS, else
60 s, or 20 times the usual step (up to 300 s) where that is longer; again whenever that time has doubled. Evaluations
and snapshots are slow too: the next step removes the file. At the end of its recording a rank leaves one that says so,
after an error with its collectives. `newllm.diagnosis.ranks.stalls` reads the files of all.

A healthy step costs a timestamp. A dump of the flight recorder costs up to 0.4 s, so there is none in a healthy
training but in its slowest moments.

Limits: torch records no send and no receive over gloo, and torch 2.10 nothing unless TORCH_FR_BUFFER_SIZE is set when
the process group is made. NCCL's recorder is read the same way (not run yet). A rank that is stopped, or that holds
Python's lock in a call, writes nothing.
"""

import contextlib
import json
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from newllm.diagnosis.ranks.stalls import ENDED, FAILED, STALLED, flight_file
from newllm.files import to_json, write_bytes
from newllm.launcher import hang_seconds

_PATIENCE, _USUAL, _LONGEST = 60.0, 20, 300.0  # seconds; usual steps, and at most so many seconds of them
_POLL = 1.0  # seconds
_KEPT = 25  # collectives that are done, and as many that are not
_TENSORS = 4  # of a collective
_DUMPS = ("_dump_fr_trace_json", "_dump_nccl_trace_json")  # JSON; torch's other dumps are pickled
_TORCH, _NEWLLM = (str(Path(file).parent) for file in (torch.__file__, str(Path(__file__).parent)))
_STDLIB = sysconfig.get_paths()["stdlib"]


class FlightWatch:
    """The thread of one rank.

    Args:
        out: directory of the recording.
        known_by: a file in it that the first rank writes when it begins; before that nothing is written.
    """

    def __init__(self, out: Path, known_by: str) -> None:
        self._rank, self._size = torch.distributed.get_rank(), torch.distributed.get_world_size()
        self._known_by, self._path = out / known_by, flight_file(out, self._rank)
        self._at, self._first, self._steps, self._longest = (0, 0.0), 0.0, 0, 0.0
        self._patience, self._main = _PATIENCE, 0
        self._written: int | None = None  # step after which the file was
        self._ended, self._thread = threading.Event(), threading.Thread(target=self._watch, daemon=True)

    def begin(self, step: int) -> None:
        """Begin to watch the thread that calls this, after `step`. The first rank removes the files of earlier times.

        Raises:
            UserError: NEWLLM_HANG_SECONDS is no number above 0.
        """
        self._patience, self._main = hang_seconds(_PATIENCE), threading.get_ident()
        self._at = (step, time.monotonic())
        for old in self._path.parent.glob("flight-*.json") if self._rank == 0 else ():
            old.unlink(missing_ok=True)
        self._thread.name = "newllm-flight"
        self._thread.start()

    def stepped(self, step: int) -> None:
        """Note that a step is done."""
        now = time.monotonic()
        if self._steps:
            self._longest = max(self._longest, now - self._at[1])
        else:
            self._first = now
        self._at, self._steps = (step, now), self._steps + 1

    def close(self, error: BaseException | None) -> None:
        """End the thread; say that the recording is over. What was written of a wait that ends with an error stays."""
        if not self._thread.is_alive():
            return
        self._ended.set()
        self._thread.join(2 * _POLL)
        if error is None:
            self._write(ENDED, [], {})
        elif isinstance(error, Exception | SystemExit) and self._written != self._at[0]:
            frames = [*traceback.walk_tb(error.__traceback__)][::-1]
            self._write(FAILED, frames, _collectives(), type(error).__name__)

    def _watch(self) -> None:
        waited = 0.0  # when the file was written
        while not self._ended.wait(min(_POLL, self._patience / 4)):
            # Nobody can mend here what fails, and a warning from a thread would come between the lines of the training.
            with contextlib.suppress(Exception):
                step, since = self._at
                if self._written not in (None, step):
                    self._written, waited = None, 0.0
                    self._path.unlink(missing_ok=True)
                seconds = time.monotonic() - since
                if seconds >= max(self._enough(), 2 * waited):
                    waited = seconds
                    frames = traceback.walk_stack(sys._current_frames()[self._main])
                    if self._write(STALLED, frames, _collectives()):
                        self._written = step

    def _enough(self) -> float:
        usual = (self._at[1] - self._first) / max(1, self._steps - 1) if self._steps else 0.0
        return max(self._patience, min(_USUAL * usual, _LONGEST))

    def _write(
        self, state: str, frames: Iterable[tuple[FrameType, int]], collectives: Mapping[str, Any], error: str = ""
    ) -> bool:
        if not self._known_by.is_file():
            return False
        self._path.parent.mkdir(exist_ok=True)
        step, since = self._at
        about = {"schema": 1, "rank": self._rank, "ranks": self._size, "step": step, "state": state, "error": error}
        times = {"seconds": round(time.monotonic() - since, 3), "longest": round(self._longest, 3)}
        content = to_json({**about, **times, "place": _place(frames), **collectives})
        write_bytes(self._path, content.encode(), durable=False)
        return True


def _place(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Return the innermost place outside torch, newllm and Python's own library, else the innermost; "" without one."""
    places = [(frame.f_code, line) for frame, line in frames]
    code, line = next((one for one in places if _is_users(one[0].co_filename)), places[0] if places else (None, 0))
    return "" if code is None else f"{Path(code.co_filename).name}:{line} in {code.co_name}"


def _is_users(file: str) -> bool:
    own = file.startswith((f"{_TORCH}/", f"{_NEWLLM}/", "<frozen"))
    return not own and (not file.startswith(f"{_STDLIB}/") or "site-packages" in file)


def _collectives() -> dict[str, Any]:
    """Return the last collectives that are done, the first that are not, and of each group the last and its ranks."""
    try:
        entries = [one for one in _dumped() if not one["is_p2p"]]
    except Exception:  # what it dumps is no interface of torch: another version must not cost the place in the code
        return {"groups": {}, "collectives": []}
    done = [one for one in entries if _is_done(one)]
    kept = sorted(
        done[-_KEPT:] + [one for one in entries if not _is_done(one)][:_KEPT], key=lambda one: one["time_created_ns"]
    )
    ranks, now = _ranks_of_groups(), time.time_ns()
    groups = {
        one["process_group"][0]: {
            "about": one["process_group"][1],
            "reached": one["collective_seq_id"],
            "ranks": ranks.get(one["process_group"][0]),
        }
        for one in entries
    }
    return {"groups": groups, "collectives": [_short(one, now) for one in kept]}


def _short(entry: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {
        "group": entry["process_group"][0],
        "number": entry["collective_seq_id"],
        "operation": entry["profiling_name"].rpartition(":")[2],
        "sizes": entry["input_sizes"][:_TENSORS],
        "dtypes": entry["input_dtypes"][:_TENSORS],
        "done": _is_done(entry),
        "age": round((now - entry["time_created_ns"]) / 1e9, 3),
    }


def _is_done(entry: Mapping[str, Any]) -> bool:
    return entry["retired"] or entry["state"] == "completed"


def _dumped() -> Iterator[Mapping[str, Any]]:
    """Yield what the flight recorders of this process have, if this torch has any and they are on."""
    c10d = getattr(torch._C, "_distributed_c10d", None)
    for name in _DUMPS:
        if hasattr(c10d, name):
            yield from json.loads(getattr(c10d, name)()).get("entries", ())


def _ranks_of_groups() -> Mapping[str, Sequence[int] | None]:
    """Return the ranks of each group by its name, None where it is all; torch has no public name for a group."""
    world = getattr(torch.distributed.distributed_c10d, "_world", None)
    names, ranks = getattr(world, "pg_names", {}), getattr(world, "pg_group_ranks", {})
    size = torch.distributed.get_world_size()
    found = {str(name): sorted(ranks[group]) for group, name in names.items() if group in ranks}
    return {name: None if len(own) == size else own for name, own in found.items()}
