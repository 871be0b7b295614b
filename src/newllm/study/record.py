"""A cell's record: its trace by epoch, in the form in which outcomes read it."""

import math
from collections.abc import Iterable
from typing import Any

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.recorder.token_classes import CLASSES
from newllm.study.cell_recording import OWN
from newllm.study.design import Record
from newllm.study.rounding import rounded
from newllm.trace import Summary, Trace, read_trace
from newllm.training.run import RunDirectory

_DIGITS = 6
_POSITION = "probe_context_norm/position-"


def read_record(run: RunDirectory, seconds: float) -> Record:
    """Return the record of a cell that was trained to its end.

    Args:
        run: the cell.
        seconds: that it took.

    Returns:
        Series with one value an epoch, that is, a measurement (`training.evaluate_every` updates): "epoch" from 0 on,
        "train" (of the updates since the last measurement the largest, of the loss the mean over their targets),
        "probe", "validation", "lyapunov", and of the study's own "signals". None stands for what is not there or not
        finite. A run that is no longer finite ends there, and "diverged" is its epoch. Of the whole run "parameters",
        "words" (of the tokenizer) and "targets" by part.

    Raises:
        UserError: the run is no cell, or damaged.
        OSError, ValueError, LookupError: likewise.
    """
    config, summary = run.load_config(), Summary.load(run.summary)
    epochs, data = _Epochs(read_trace(run.trace), config.training.evaluate_every), read_checked(run.data)
    if epochs.reached < summary.step or not epochs.targets("probe_loss"):
        raise UserError(f"'{run.trace}' is not the whole trace of a cell: run the study again")
    diverged = epochs.last if summary.status == "diverged" else None
    record = {
        "epoch": list(range(epochs.last + 1)),
        "diverged": diverged,
        "train": _train(epochs, clips=config.optimizer.clip > 0),
        "probe": _probe(epochs),
        "validation": _validation(epochs),
        "lyapunov": epochs.measured("lyapunov"),
        "signals": epochs.targets(OWN),
        "parameters": summary.parameters,
        "words": data["tokenizer"]["vocab_size"],
        "targets": {part: data["counts"][f"{part}_targets"] for part in ("train", "validation")},
    }
    return rounded({**record, "seconds": seconds}, _DIGITS)


class _Epochs:
    """A trace, cut into epochs.

    Args:
        trace: of a run.
        every: updates of an epoch.

    Attributes:
        reached: the last update.
        last: the last epoch, which may not be whole.
    """

    def __init__(self, trace: Trace, every: int) -> None:
        self._every = every
        self._values = {
            name: dict(zip(series.step.tolist(), series.value.tolist(), strict=True))
            for name, series in trace.signals.items()
        }
        self.reached = max(self._values.get("loss", {}), default=0)
        self.last = math.ceil(self.reached / every)

    def targets(self, prefix: str) -> dict[str, list[float | None]]:
        """Return what was measured of each target (a layer, a position) of a statistic."""
        found = (name for name in self._values if name.startswith(prefix))
        return {name.removeprefix(prefix): self.measured(name) for name in found}

    def measured(self, name: str) -> list[float | None]:
        """Return a signal of the evaluations."""
        values = self._values.get(name, {})
        return [_known(values.get(epoch * self._every)) for epoch in range(self.last + 1)]

    def updates(self, name: str, epoch: int) -> list[float]:
        """Return a signal of the updates of an epoch."""
        values = self._values.get(name, {})
        steps = range((epoch - 1) * self._every + 1, epoch * self._every + 1)
        return [values[step] for step in steps if step in values]

    def largest(self, name: str) -> list[float | None]:
        """Return the largest of each epoch's updates."""
        return [_largest(self.updates(name, epoch)) for epoch in range(self.last + 1)]

    def layers(self, statistic: str) -> list[dict[str, float | None] | None]:
        """Return the largest of each epoch's updates by layer; None for the time before the first update."""
        names = [name for name in self._values if name.startswith(f"{statistic}/")]
        epochs = range(1, self.last + 1)
        return [None, *({n.partition("/")[2]: _largest(self.updates(n, epoch)) for n in names} for epoch in epochs)]


def _train(epochs: _Epochs, *, clips: bool) -> dict[str, Any]:
    losses: list[float | None] = [None]
    for epoch in range(1, epochs.last + 1):
        tokens = epochs.updates("tokens", epoch)
        nats = sum(loss * count for loss, count in zip(epochs.updates("loss", epoch), tokens, strict=True))
        losses.append(_known(nats / sum(tokens)))
    return {
        "loss": losses,
        "gradient": epochs.largest("gradient_norm"),
        "gradient_clipped": epochs.largest("gradient_norm_clipped" if clips else "gradient_norm"),
        "layer_gradient": epochs.layers("gradient_norm"),
        "layer_update": epochs.layers("update_ratio"),
    }


def _probe(epochs: _Epochs) -> dict[str, Any]:
    """Return the probe's series; "context_norm" after 1, 2, 4 ... positions, and after the last."""
    activations = epochs.targets("probe_activation_rms/")
    positions = epochs.targets(_POSITION)
    courses = [*(positions[key] for key in sorted(positions, key=int)), epochs.measured("probe_context_norm")]
    norms = [list(norms) if norms[-1] is not None else None for norms in zip(*courses, strict=True)]
    return {
        "loss": epochs.measured("probe_loss"),
        "activation": [dict(zip(activations, row, strict=True)) for row in _by_epoch(activations.values(), epochs)],
        "context_norm": norms,
        "context_growth": epochs.measured("probe_context_growth"),
    }


def _by_epoch(series: Iterable[list[float | None]], epochs: _Epochs) -> list[tuple[float | None, ...]]:
    return list(zip(*series, strict=True)) or [()] * (epochs.last + 1)


def _validation(epochs: _Epochs) -> dict[str, Any]:
    found: dict[str, Any] = {"loss": _validation_loss(epochs), "correct": _counts(epochs, "validation_correct")}
    for name in CLASSES:
        found[name] = epochs.measured(f"validation_loss/{name}")
        tokens = _counts(epochs, f"validation_count/{name}")
        found[f"{name}_tokens"] = [tokens[0]] * len(tokens)  # the same targets every time
        found[f"{name}_correct"] = _counts(epochs, f"validation_correct/{name}")
    return found


def _validation_loss(epochs: _Epochs) -> list[float | None]:
    """Return the mean over the targets of all classes: to more digits than the evaluation's own sum, a float32."""
    losses = [epochs.measured(f"validation_loss/{name}") for name in CLASSES]
    counts = [epochs.measured(f"validation_count/{name}") for name in CLASSES]
    found = epochs.measured("validation_loss")
    for epoch, parts in enumerate(zip(zip(*losses, strict=True), zip(*counts, strict=True), strict=True)):
        known = [(loss, count) for loss, count in zip(*parts, strict=True) if loss is not None and count]
        if found[epoch] is not None and known:
            found[epoch] = sum(loss * count for loss, count in known) / sum(count for _, count in known)
    return found


def _counts(epochs: _Epochs, name: str) -> list[int]:
    return [0 if value is None else int(value) for value in epochs.measured(name)]


def _largest(values: list[float]) -> float | None:
    return max(filter(math.isfinite, values), default=None)


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
