"""What tells whether the ranks of a training hold the same: fingerprints of weights and moments, a file a rank.

Beside them stands one of what the model was given (`rank_inputs`), which should not be the same.

Each rank writes by itself, at the start and after sampled steps, into `ranks` of the one recording; whoever reads the
recording compares (`newllm.diagnosis.ranks`). Nothing is sent: a collective would wait for a rank that has ended or
does not record, and would come between those of the training.

Ranks other than the first write nothing before the first has begun its recording in the same directory.

Of a DTensor that several ranks hold the same piece of (HSDP) these are compared.

Limits: other parameters that are sharded, split or kept by each rank on purpose are named, not compared; ranks on
machines without a common directory are not seen; buffers, which differ as a rule, are left out.
"""

import json
import time
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor, nn

from newllm.diagnosis.ranks import FOLDER, INPUTS, MOMENTS, PIECES, SECONDS, WEIGHTS
from newllm.recorder.bits import bits, has_numbers
from newllm.recorder.layers import stacked
from newllm.recorder.layout import Layout, own_name
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import FLUSH_SECONDS
from newllm.recorder.rank_inputs import RankInputs

MOST_WAITING = 1_000_000  # numbers that wait for the first rank's recording: they lie on the device
_SHARDING = ("FullyShardedDataParallel", "DeepSpeedZeroModule")
_PATIENCE = 5.0  # seconds
_WORD = 2**32
_SHORT = (",", ":")


class RankWatch:
    """Fingerprints of one rank.

    Args:
        layout: the model's.
        optimizers: its optimizers.
        out: directory of the recording.
        known_by: a file in it that the first rank writes when it begins.
        resumed_at: step that the training goes on from; fingerprints of later ones are dropped. None: it begins.

    Attributes:
        inputs: fingerprints of what the model is given, where each rank is to read rows of its own.
    """

    def __init__(
        self,
        layout: Layout,
        optimizers: Optimizers,
        out: Path,
        known_by: str,
        resumed_at: int | None = None,
    ) -> None:
        self._layout, self._optimizers, self._out, self._known_by = layout, optimizers, out, known_by
        self._resumed_at = resumed_at
        self._rank, self._world = torch.distributed.get_rank(), torch.distributed.get_world_size()
        self._file: TextIO | None = None
        self._rows: list[tuple[int, float | None, list[int], bool, Tensor]] = []
        self.inputs = RankInputs(layout.root)
        self._flushed = time.monotonic()
        self._names = {id(one): own_name(name) for name, one in layout.inner.named_parameters()}
        self._compared: list[tuple[nn.Parameter, int | None]] = []  # with the piece of them that this rank holds
        if _is_replicated(layout.root):
            pieces = [(one, _piece(one, self._world)) for one in layout.parameters]
            self._compared = [(one, piece) for one, piece in pieces if piece is not None or _is_whole(one)]

    def put(self, step: int, seconds: float | None = None) -> None:
        """Take the fingerprints after a step; nothing is read from the device or written within a second.

        Args:
            step: that is done.
            seconds: that this rank computed for in it, waiting for no other; None where nobody knows.
        """
        if self._compared and 2 * len(self._compared) * len(self._rows) < MOST_WAITING:
            self._rows.append((step, seconds, *self._taken()))
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits, once there is a recording."""
        self._flushed = time.monotonic()
        if self._file is None:
            if not (self._out / self._known_by).is_file():
                return
            folder = self._out / FOLDER
            folder.mkdir(exist_ok=True)
            self._file = self._opened(folder)
        rows, self._rows = self._rows, []
        for step, seconds, with_moments, has_inputs, sums in rows:
            words = [int(one) % _WORD for one in sums.tolist()]
            read = words.pop() if has_inputs else None
            count = len(self._compared)
            moments = dict(zip(with_moments, words[count:], strict=True))
            listed = [moments.get(index) for index in range(count)]
            timed = {} if seconds is None else {SECONDS: round(seconds, 6)}
            self._write({"step": step, WEIGHTS: words[:count], MOMENTS: listed, INPUTS: read, **timed})
        self._file.flush()

    def _opened(self, folder: Path) -> TextIO:
        """Return the open file of this rank; of a training that goes on, with what it wrote up to its step."""
        path, described = folder / f"rank-{self._rank:05}.jsonl", json.dumps(self._described(), separators=_SHORT)
        rows: list[str] = []
        if self._resumed_at is not None and path.exists():
            head, *rows = path.read_text(encoding="utf-8").split("\n")[:-1] or [""]
            rows = [row for row in rows if json.loads(row)["step"] <= self._resumed_at] if head == described else []
            path.unlink()
        for other in folder.glob("rank-*.jsonl") if self._resumed_at is not None and self._rank == 0 else ():
            if int(other.stem.partition("-")[2]) >= self._world:
                other.unlink()  # of a rank that is no more
        file = path.open("x", encoding="utf-8")
        file.write("".join(f"{line}\n" for line in (described, *rows)))
        return file

    def close(self) -> None:
        """Write the rest. A rank that is done before the first has begun its recording waits for it, a few seconds."""
        self.inputs.close()
        ends = time.monotonic() + _PATIENCE
        while self._rows and not (self._out / self._known_by).is_file() and time.monotonic() < ends:
            time.sleep(0.05)
        self.flush()
        if self._file is not None:
            self._file.close()

    def _described(self) -> dict[str, Any]:
        pieces = [piece for _, piece in self._compared]
        return {
            "schema": 1,
            "rank": self._rank,
            "ranks": self._world,
            "wrapped": isinstance(self._layout.root, nn.parallel.DistributedDataParallel),
            "parameters": [self._names[id(one)] for one, _ in self._compared],
            **({} if pieces.count(None) == len(pieces) else {PIECES: pieces}),
            "left_out": len(self._layout.parameters) - len(pieces),
        }

    def _write(self, row: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(row, separators=_SHORT) + "\n")

    @torch.no_grad()
    def _taken(self) -> tuple[list[int], bool, Tensor]:
        """Return the indices of the parameters that have moments, and whether there were inputs.

        And one number a parameter and a set of moments, and last that of the inputs.
        """
        with_moments, moments = [], []
        for index, (parameter, _) in enumerate(self._compared):
            state = self._optimizers.state(parameter).values()
            own = [_held(one) for one in state if isinstance(one, Tensor) and one.shape == parameter.shape]
            own = [one for one in own if has_numbers(one)]
            if own:
                with_moments.append(index)
                moments.append(sum((place + 2) * bits(one) for place, one in enumerate(own[1:])) + bits(own[0]))
        read = self.inputs.taken()
        sums = [*(bits(_held(one.detach())) for one, _ in self._compared), *moments, *([] if read is None else [read])]
        return with_moments, read is not None, stacked(sums)


def _is_replicated(model: nn.Module) -> bool:
    """Whether no part of a model is wrapped in what shards it."""
    return not any(kind.__name__ in _SHARDING for module in model.modules() for kind in type(module).__mro__)


def _piece(parameter: Any, world: int) -> int | None:
    """Return which piece of a DTensor this rank holds, where other ranks hold the same; else None."""
    mesh = getattr(parameter, "device_mesh", None)
    coordinate = None if mesh is None else mesh.get_coordinate()
    if mesh is None or coordinate is None:
        return None
    piece, pieces = 0, 1
    for size, at, placement in zip(mesh.shape, coordinate, parameter.placements, strict=True):
        if not placement.is_replicate():
            piece, pieces = piece * size + at, pieces * size
    return piece if pieces < world else None


def _held(tensor: Any) -> Tensor:
    """Return what this rank holds of a tensor."""
    return tensor.to_local() if hasattr(tensor, "device_mesh") else tensor


def _is_whole(parameter: nn.Parameter) -> bool:
    """Whether every rank holds all of a parameter, as far as it says: some frameworks mark those that it does not."""
    return (
        has_numbers(parameter)
        and not hasattr(parameter, "ds_id")  # DeepSpeed's ZeRO 3
        and not getattr(parameter, "tensor_model_parallel", False)  # Megatron's split layers
        and getattr(parameter, "allreduce", True) is not False  # experts of DeepSpeed's MoE
    )
