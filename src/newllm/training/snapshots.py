"""Snapshots: a run at one step, written whole or not at all, without pickle.

    RUN/snapshots/step-00000123/   model.safetensors  optimizer.safetensors  state.json  [pin.json]

Of a model that is sharded over ranks each rank writes a file of either kind (`snapshot_writer`).
The optimizer's file also holds the context that is carried from window to window, if one is. There is
no state of chance to save: every stream is a function of the seed and the step. A snapshot
with a pin.json stays (see `pins`).
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from newllm.checksum import sealed
from newllm.errors import UserError
from newllm.files import make_directory, new_directory, read_bytes, read_json, remove_directory, to_json
from newllm.model.bodies import State
from newllm.model.config import ADDED_LATER
from newllm.training.config import RunConfig
from newllm.training.optimizer import optimizer_tensors, restore_optimizer
from newllm.training.shards import digest, parts_of, read_parts, shapes_in

_V = TypeVar("_V")
Tensors = dict[str, dict[str, Tensor]]  # by file and name

SCHEMA = 1
PIN = "pin.json"
CARRIED = "carried/"
_LARGEST = 1 << 40  # bytes of a file of tensors
_IN_FINGERPRINT = ("texts", "validation", "field", "errors")  # settings of which only the outcome matters
_NAME = re.compile(r"step-(\d{8,})")


@dataclasses.dataclass
class Progress:
    """What a run has come to, beside its tensors.

    Args:
        step: updates done.
        tokens: training targets seen.
        seconds: spent in training so far.
        best: the best evaluation until now, as in summary.json, or None.
        last: the last evaluation, likewise.
        identity: of the run, see `identity`.
        tokenizer: sha256 of the run's tokenizer.json; "" in snapshots from before it was written down.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    identity: str = ""
    tokenizer: str = ""


def identity(config: RunConfig, data: str) -> str:
    """Return what tells runs apart whose snapshots would fit each other: a digest of all that decides an update.

    Args:
        config: resolved. How long the run is, and how often it evaluates and saves, tells no runs apart.
        data: fingerprint of the tokens, which says more than the names of the texts.
    """
    batches = {name: value for name, value in vars(config.data).items() if name not in _IN_FINGERPRINT}
    model = {name: value for name, value in vars(config.model).items() if ADDED_LATER.get(name) != value}
    optimizer = {name: value for name, value in vars(config.optimizer).items() if name != "ngram_decay" or value}
    parts = [config.seed, model, optimizer, config.training.accumulate, batches, data]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def training_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, carried: State | None) -> Tensors:
    """Return what a snapshot holds, by file and name; the tensors are the model's and the optimizer's own."""
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    return snapshot_content(weights, optimizer_tensors(model, optimizer), carried or {})


def training_content(model: nn.Module, optimizer: torch.optim.Optimizer, carried: State | None) -> dict[str, Tensor]:
    """Return what a snapshot holds by `FILE/NAME`, as it is sent to other processes; `put_content` takes it."""
    tensors = training_tensors(model, optimizer, carried)
    return {f"{file}/{name}": value for file, content in tensors.items() for name, value in content.items()}


def put_content(content: dict[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> State | None:
    """Put what `training_content` gave into a model and its optimizer, and return the carried context of all rows."""
    parts: Tensors = {"model.safetensors": {}, "optimizer.safetensors": {}}
    for path, value in content.items():
        file, _, name = path.partition("/")
        parts[file][name] = value
    model.load_state_dict(parts["model.safetensors"])
    moments, carried = without_carried(parts["optimizer.safetensors"])
    restore_optimizer(model, optimizer, moments)
    return on_device(carried, model)


def snapshot_content(model: dict[str, Tensor], optimizer: dict[str, Tensor], carried: State) -> Tensors:
    """Return what a snapshot holds, by file and name; `snapshot_tensors` gives the three parts back."""
    extra = {f"{CARRIED}{name}": value for name, value in carried.items()}
    return {"model.safetensors": model, "optimizer.safetensors": {**optimizer, **extra}}


def write_snapshot(directory: Path, tensors: Tensors, progress: Progress, pin: Mapping[str, Any] | None = None) -> Path:
    """Write the snapshot of `progress.step` into `directory` and return its place.

    Args:
        directory: RUN/snapshots; made if it is absent.
        tensors: as `training_tensors` gives them.
        progress: of the step that the tensors are of.
        pin: content of pin.json; None writes none.

    Raises:
        UserError: there is no room, or the place may not be written. Earlier snapshots stay as they are.
    """
    make_directory(directory)
    snapshot = directory / snapshot_name(progress.step)
    with new_directory(snapshot) as temporary:
        digests = {}
        for name, content in tensors.items():
            data = safetensors.torch.save({key: value.detach().cpu().contiguous() for key, value in content.items()})
            digests[name] = hashlib.sha256(data).hexdigest()
            (temporary / name).write_bytes(data)
        write_state(temporary, digests, progress, pin)
    return snapshot


def write_state(place: Path, digests: Mapping[str, str], progress: Progress, pin: Mapping[str, Any] | None) -> None:
    """Write what makes the files in a directory a snapshot: its step, their digests, and pin.json if it is pinned."""
    state = {"schema": SCHEMA, **dataclasses.asdict(progress), "sha256": digests}
    state["sha256"] = {**digests, "state.json": _digest(state)}
    (place / "state.json").write_text(to_json(state, indent=2))
    if pin is not None:
        (place / PIN).write_bytes(sealed(pin, indent=2))


def snapshot_name(step: int) -> str:
    """Return the name of the directory of a snapshot."""
    return f"step-{step:08d}"


def list_snapshots(directory: Path) -> dict[int, Path]:
    """Return the places of all whole snapshots by step, in order."""
    found = {}
    for path in directory.glob("step-*"):
        if (match := _NAME.fullmatch(path.name)) and (path / "state.json").is_file():
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def refuse_broken(directory: Path) -> None:
    """Refuse a snapshot without its state.json that is newer than all whole ones: nobody must pass it over unseen.

    Raises:
        UserError: there is one. A snapshot is written whole or not at all, so that somebody took the file away.
    """
    broken = _broken(directory)
    newest = max(broken, default=-1)
    if newest > max(list_snapshots(directory), default=-1):
        raise _damaged(broken[newest], "state.json is missing")


def _broken(directory: Path) -> dict[int, Path]:
    """Return the places of snapshots without a state.json by step."""
    named = {int(match[1]): path for path in directory.glob("step-*") if (match := _NAME.fullmatch(path.name))}
    return {step: path for step, path in named.items() if not (path / "state.json").exists()}


def newest_snapshot(directory: Path, step: int) -> Path | None:
    """Return the place of the newest whole snapshot of this step or one before, None where there is none."""
    return next((snapshot for at, snapshot in reversed(list_snapshots(directory).items()) if at <= step), None)


def prune_snapshots(directory: Path, keep: int, best: int | None) -> None:
    """Remove all but the last `keep` snapshots, the best one, that of step 0 and those that are pinned (`PIN`)."""
    steps = list_snapshots(directory)
    plain = [step for step, snapshot in steps.items() if step > 0 and not (snapshot / PIN).exists()]
    for step in plain[:-keep]:
        if step != best:
            remove_directory(steps[step])


def choose_snapshot(directory: Path, wanted: str) -> Path:
    """Return the place of the snapshot that a user means.

    Args:
        directory: RUN/snapshots.
        wanted: "best", "last" or a step.

    Raises:
        UserError: there is none, none of that step, or its state.json is missing.
    """
    refuse_broken(directory)
    steps, broken = list_snapshots(directory), _broken(directory)
    if not steps:
        raise UserError(f"'{directory.parent}' has no snapshot yet: train longer, or choose another run")
    last = max(steps)
    if wanted == "last":
        return steps[last]
    if wanted == "best":
        best = load_progress(steps[last]).best
        if best and best["step"] in broken:
            raise UserError(
                f"the best snapshot '{broken[best['step']]}' is damaged (state.json is missing): "
                f"--snapshot last takes that of step {last}"
            )
        return steps.get(best["step"], steps[last]) if best else steps[last]
    if not wanted.isdecimal() or int(wanted) not in steps:
        known = ", ".join(str(step) for step in steps)
        raise UserError(f"--snapshot '{wanted}': this run has best, last and the steps {known}")
    return steps[int(wanted)]


def load_progress(snapshot: Path) -> Progress:
    """Read a snapshot's state.json.

    Raises:
        UserError: it is damaged or of another kind.
    """
    state = read_state(snapshot)
    return Progress(**{field.name: state.get(field.name, field.default) for field in dataclasses.fields(Progress)})


def load_model(snapshot: Path, model: nn.Module) -> None:
    """Put a snapshot's weights into a model.

    Raises:
        UserError: the snapshot is damaged, or belongs to another model.
    """
    tensors = _tensors(snapshot, "model.safetensors")
    check_fit(snapshot, model.state_dict(), {name: value.shape for name, value in tensors.items()})
    model.load_state_dict(tensors)


def check_fit(snapshot: Path, own: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> None:
    """Raise UserError unless a snapshot's tensors have the names and shapes of a model's own."""
    for name in own.keys() | shapes.keys():
        if name not in shapes or name not in own or shapes[name] != own[name].shape:
            raise UserError(f"'{snapshot}' belongs to another model: '{name}' does not fit RUN/config.toml")


def load_training_state(snapshot: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> State | None:
    """Put a snapshot's moments into an optimizer and return the carried context, if there is one.

    Raises:
        UserError: the snapshot is damaged, or belongs to another model.
    """
    moments, carried = _training_tensors(snapshot)
    restore_optimizer(model, optimizer, moments)
    return on_device(carried, model)


def on_device(carried: State, model: nn.Module) -> State | None:
    """Return a carried context where the model is, None for an empty one."""
    device = next(model.parameters()).device
    return {name: value.to(device) for name, value in carried.items()} or None


def snapshot_tensors(snapshot: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Read a snapshot whole: weights, the optimizer's state by `PARAMETER/KEY`, and the carried context.

    Raises:
        UserError: the snapshot is damaged.
    """
    return _tensors(snapshot, "model.safetensors"), *_training_tensors(snapshot)


def _training_tensors(snapshot: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return without_carried(_tensors(snapshot, "optimizer.safetensors"))


def without_carried(tensors: dict[str, _V]) -> tuple[dict[str, _V], dict[str, _V]]:
    """Return the optimizer's state and the carried context of one file."""
    carried = {k.removeprefix(CARRIED): v for k, v in tensors.items() if k.startswith(CARRIED)}
    return {name: value for name, value in tensors.items() if not name.startswith(CARRIED)}, carried


def _tensors(snapshot: Path, name: str) -> dict[str, Tensor]:
    """Read one file of tensors, or all that hold parts of them, after comparing them with their checksums."""
    digests = read_state(snapshot)["sha256"]
    if parts_of("model.safetensors", digests):
        return _whole_tensors(snapshot, parts_of(name, digests))
    try:
        data = read_bytes(snapshot / name, _LARGEST)
    except OSError as error:
        raise _damaged(snapshot, f"{name}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != digests.get(name):
        raise _damaged(snapshot, f"{name} is not what was written")
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError) as error:
        raise _damaged(snapshot, f"{name} holds no tensors") from error


def _whole_tensors(snapshot: Path, parts: Sequence[str]) -> dict[str, Tensor]:
    """Read the tensors of which these files hold parts."""
    for part in parts:
        check_file(snapshot, part)
    if not parts:  # of moments, before the first update
        return {}
    try:
        shapes = shapes_in(snapshot, parts)
        tensors = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in shapes.items()}
        read_parts(snapshot, tensors)
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise _damaged(snapshot, f"its files cannot be read: {str(error).splitlines()[0]}") from error
    return tensors


def check_file(snapshot: Path, name: str) -> None:
    """Compare a file with its checksum."""
    try:
        found = digest(snapshot / name)
    except OSError as error:
        raise _damaged(snapshot, f"{name}: {error.strerror}") from error
    if found != read_state(snapshot)["sha256"].get(name):
        raise _damaged(snapshot, f"{name} is not what was written")


def read_state(snapshot: Path) -> dict[str, Any]:
    """Return state.json; raise UserError where it is not what was written."""
    try:
        state = read_json(snapshot / "state.json")
    except (OSError, ValueError) as error:
        raise _damaged(snapshot, "state.json cannot be read") from error
    wanted = {"schema", "sha256", *(field.name for field in dataclasses.fields(Progress))} - {"tokenizer"}
    if not isinstance(state, dict) or not wanted <= state.keys() or state["schema"] != SCHEMA:
        raise _damaged(snapshot, "state.json is not of this version")
    digests = state["sha256"]
    if not isinstance(digests, dict) or digests.pop("state.json", None) != _digest(state):
        raise _damaged(snapshot, "state.json is not what was written")
    if snapshot.name != snapshot_name(state["step"]):
        raise _damaged(snapshot, f"it is of step {state['step']}")
    return state


def _digest(state: dict[str, Any]) -> str:
    """Return the checksum of state.json's own content, the other files' checksums included."""
    return hashlib.sha256(to_json(state).encode()).hexdigest()


def _damaged(snapshot: Path, what: str) -> UserError:
    return UserError(f"snapshot '{snapshot}' is damaged ({what}): remove it to go on from the one before it")
