"""What tells whether the ranks of a training hold the same: fingerprints of weights and moments, a file a rank.

Beside them stand what the model was given (`rank_inputs`) and what was drawn (`rank_generators`), which should not be
the same, or the batches that all ranks cut up (`newllm train`), which should be, and of every step the numbers that are
a rank's own: its loss, the seconds that it computed for, and the norm of its gradient before the reduction.

Each rank writes by itself, at the start and after sampled steps, into `ranks` of the one recording; whoever reads the
recording compares (`newllm.diagnosis.ranks`). Nothing is sent: a collective would wait for a rank that has ended or
does not record, and would come between those of the training.

Ranks other than the first write nothing before the first has begun its recording in the same directory.

Of a DTensor that several ranks hold the same piece of (HSDP) these are compared.

Limits: other parameters that are sharded, split or kept by each rank on purpose are named, not compared; ranks on
machines without a common directory are not seen; buffers, which differ as a rule, are left out.
"""

import contextlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsFloat, TextIO
from zlib import crc32

import torch
from torch import Tensor, nn

from newllm.diagnosis.ranks.files import (
    BATCHES,
    FOLDER,
    GENERATORS,
    GRADIENT_NORM,
    INPUTS,
    LOSS,
    MOMENTS,
    NUMBERS,
    OWN_ROWS,
    PIECES,
    SECONDS,
    WEIGHTS,
)
from newllm.errors import UserError
from newllm.files import writing
from newllm.recorder.bits import bits, has_numbers
from newllm.recorder.evaluations import number
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import stacked
from newllm.recorder.layout import Layout, own_name
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.pending import FLUSH_SECONDS, Row, read_rows
from newllm.recorder.rank_generators import RankGenerators
from newllm.recorder.rank_gradients import RankGradients
from newllm.recorder.rank_inputs import RankInputs
from newllm.recorder.rank_seconds import RankSeconds
from newllm.trace.rows import encode_number

MOST_WAITING = 1_000_000  # numbers that wait for the first rank's recording: they lie on the device
_SHARDING = ("FullyShardedDataParallel", "DeepSpeedZeroModule")
_PATIENCE = 5.0  # seconds
_WORD = 2**32
_SHORT = (",", ":")
_Taken = tuple[list[int], bool, Tensor]
_Drawn = int | None
_Generators = dict[str, list[int]] | None


class RankWatch:
    """Fingerprints of one rank.

    Args:
        layout: the model's.
        optimizers: its optimizers.
        out: directory of the recording.
        known_by: a file in it that the first rank writes when it begins.
        resumed_at: step that the training goes on from; fingerprints of later ones are dropped. None: it begins.
        own_rows: whether each rank reads rows of its own, so that their numbers can be compared; None: where a wrapper
            says so (DistributedDataParallel, FSDP2 over all ranks).
        records: whether this rank records, which takes time too.
        protect: keeps errors of hooks from the training.

    Attributes:
        inputs: fingerprints of what the model is given, where each rank is to read rows of its own.
        generators: states of what it draws from, likewise.
        gradients: norms of what it computes itself, likewise.
        seconds: that it needs before it waits for others, likewise.
    """

    def __init__(
        self,
        layout: Layout,
        optimizers: Optimizers,
        out: Path,
        known_by: str,
        resumed_at: int | None = None,
        *,
        own_rows: bool | None = None,
        records: bool = False,
        protect: Protect = unprotected,
    ) -> None:
        self._layout, self._optimizers, self._out, self._known_by = layout, optimizers, out, known_by
        self._resumed_at = resumed_at
        self._rank, self._world = torch.distributed.get_rank(), torch.distributed.get_world_size()
        self._name = f"rank-{self._rank:05}.jsonl"
        self._file: TextIO | None = None
        self._rows: list[tuple[int, list[Row], _Taken | None, _Drawn, _Generators]] = []
        self._since: list[Row] = []  # of the steps after the last of those
        self._last, self._waiting = 0, 0
        self._drawn: _Drawn = None
        self.inputs = RankInputs(layout.root, protect)
        self.generators = RankGenerators(layout.root, protect)
        self.gradients = RankGradients(layout.root, layout.parameters, protect)
        self.seconds = RankSeconds(layout.root)
        self._flushed = time.monotonic()
        self._names = {id(one): own_name(name) for name, one in layout.inner.named_parameters()}
        self._compared: list[tuple[nn.Parameter, int | None]] = []  # with the piece of them that this rank holds
        if _is_replicated(layout.root):
            pieces = [(one, _piece(one, self._world)) for one in layout.parameters]
            self._compared = [(one, piece) for one, piece in pieces if piece is not None or _is_whole(one)]
        self._own_rows = _has_own_rows(layout.root, self._world) if own_rows is None else own_rows
        self._records = records

    def stepped(
        self, step: int, loss: SupportsFloat | Tensor | None, *, first: int, every: int, is_measured: bool
    ) -> None:
        """Take the numbers of a step, and fingerprints at the start and after sampled ones.

        Args:
            step: that is done; the one before `first` as the training begins.
            loss: as the loop gives it; None without one. What is no number the first rank refuses.
            first: step of this training.
            every: how many steps lie between sampled ones.
            is_measured: whether signals were taken in this step, which takes time, so that its seconds do not count.
        """
        seconds, norm, own = self.seconds.taken(), self.gradients.taken(), None
        with contextlib.suppress(UserError):
            own = None if loss is None else number("loss", loss)
        if step >= first:
            known = {LOSS: own, GRADIENT_NORM: norm, SECONDS: None if is_measured else seconds}
            self.note(step, {name: one for name, one in known.items() if one is not None})
        if step <= first or step % every == 0:
            self.put(step)
        self.seconds.begin()
        self.inputs.is_wanted = self.gradients.is_wanted = step < first or (step + 1) % every == 0
        self.generators.begin(is_wanted=self.inputs.is_wanted)

    def note(self, step: int, numbers: Mapping[str, float | Tensor], drawn: _Drawn = None) -> None:
        """Keep numbers of a step that are this rank's own; nothing is read from the device within a second.

        Args:
            step: that is done, one after the step before.
            numbers: of `diagnosis.ranks.files.NUMBERS`, those that are known; a tensor must not change any more.
            drawn: 32 bits that say which batches it drew, where all ranks are to draw the same.
        """
        if self._waiting < MOST_WAITING:
            row = Row()
            for name, value in numbers.items():
                row.put(name, value)
            self._since.append(row)
            self._waiting += len(NUMBERS)
            self._last = step
        elif self._since:
            self._end_row()
        if drawn is not None:
            self._drawn = crc32(drawn.to_bytes(4, "little"), self._drawn or 0)
        self._flush_in_time()

    def put(self, step: int) -> None:
        """Take the fingerprints after a step; nothing is read from the device or written within a second."""
        if (self._compared or self._drawn is not None) and self._waiting < MOST_WAITING:
            taken, drawn = self._taken() if self._compared else None, self.generators.taken()
            self._rows.append((step, self._since, taken, self._drawn, drawn))
            self._since, self._waiting = [], self._waiting + 2 * len(self._compared)
        self._drawn = None
        self._flush_in_time()

    def _flush_in_time(self) -> None:
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits, once there is a recording.

        Raises:
            UserError: there is no room, or it may not be written.
        """
        self._flushed = time.monotonic()
        if self._file is not None or (self._out / self._known_by).is_file():
            with writing(self._out / FOLDER / self._name):
                self._write_rows()

    def _write_rows(self) -> None:
        if self._file is None:
            folder = self._out / FOLDER
            folder.mkdir(exist_ok=True)
            self._file = self._opened(folder)
        self._end_row()
        rows, self._rows, self._waiting = self._rows, [], 0
        numbers = iter(read_rows([row for _, since, *_ in rows for row in since]))
        for step, since, taken, drawn, states in rows:
            own = [next(numbers) for _ in since]
            names = [name for name in NUMBERS if any(name in one for one in own)]
            listed = {name: [_short(one.get(name)) for one in own] for name in names}
            read = {} if drawn is None else {BATCHES: drawn}
            words = {} if taken is None else self._words(*taken) | ({} if states is None else {GENERATORS: states})
            if known := {**words, **read, **listed}:
                self._write({"step": step, **known})
        self._file.flush()

    def _end_row(self) -> None:
        """Let the numbers that wait be a row of their own."""
        if self._since:
            self._rows.append((self._last, self._since, None, None, None))
            self._since = []

    def _words(self, with_moments: Sequence[int], has_inputs: bool, sums: Tensor) -> dict[str, Any]:
        words = [int(one) % _WORD for one in sums.tolist()]
        read = words.pop() if has_inputs else None
        count = len(self._compared)
        moments = dict(zip(with_moments, words[count:], strict=True))
        return {WEIGHTS: words[:count], MOMENTS: [moments.get(index) for index in range(count)], INPUTS: read}

    def _opened(self, folder: Path) -> TextIO:
        """Return the open file of this rank; of a training that goes on, with what it wrote up to its step."""
        path, described = folder / self._name, json.dumps(self._described(), separators=_SHORT)
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
        for watched in (self.inputs, self.generators, self.gradients, self.seconds):
            watched.close()
        ends = time.monotonic() + _PATIENCE
        while (self._rows or self._since) and not (self._out / self._known_by).is_file() and time.monotonic() < ends:
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
            OWN_ROWS: self._own_rows,
            "records": self._records,
            "parameters": [self._names[id(one)] for one, _ in self._compared],
            **({} if pieces.count(None) == len(pieces) else {PIECES: pieces}),
            "left_out": len(self._layout.parameters) - len(pieces),
        }

    def _write(self, row: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(row, separators=_SHORT) + "\n")

    @torch.no_grad()
    def _taken(self) -> "_Taken":
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


def _short(value: float | None) -> float | str | None:
    """Return a number in the digits that a float32 has; what is no number as a trace writes it."""
    if value is None or not math.isfinite(value):
        return None if value is None else encode_number(value)
    return float(f"{value:.7g}")


def _has_own_rows(model: nn.Module, world: int) -> bool:
    """Whether a wrapper adds up what each rank computes of rows of its own."""
    if isinstance(model, nn.parallel.DistributedDataParallel):
        return True
    meshes = [one.device_mesh for one in model.parameters() if hasattr(one, "device_mesh")]
    return bool(meshes) and all(mesh.ndim == 1 and mesh.size() == world for mesh in meshes)


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
