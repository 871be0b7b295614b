"""What a run leaves behind: its curves in memory, and the forms of a bare log that people have."""

import json
from dataclasses import dataclass, field

import numpy as np

from newllm.recorder import Recorder
from setups import Setup
from twins import Curve

# Names of columns in turn: of the step, the training loss, the validation loss and the learning rate.
_NAMES = (
    ("step", "loss", "val_loss", "lr"),
    ("step", "train_loss", "val_loss", "learning_rate"),
    ("step", "train/loss", "eval/loss", "train/learning_rate"),
)
SUFFIXES = {"csv-step": ".csv", "csv-epoch": ".csv", "jsonl": ".jsonl"}


@dataclass
class Curves:
    """The losses of a run, and the recorder that hears of them too, where there is one."""

    recorder: Recorder | None = None
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    evaluations: list[tuple[int, float, float]] = field(default_factory=list)  # step, loss, accuracy

    def step(self, step: int, loss: float, rate: float) -> None:  # noqa: ARG002 (a hook's form)
        """Keep one step; the recorder counts steps itself."""
        self.losses.append(loss)
        self.rates.append(rate)
        if self.recorder is not None:
            self.recorder.step(loss)

    def evaluation(self, step: int, loss: float, correct: int, count: int, predicted: int) -> None:
        """Keep one evaluation."""
        self.evaluations.append((step, loss, correct / count))
        if self.recorder is not None:
            self.recorder.validation(loss, correct=correct, count=count, predicted=predicted)

    @property
    def validation(self) -> list[float]:
        """The validation losses."""
        return [loss for _, loss, _ in self.evaluations]

    def by_series(self) -> dict[str, Curve]:
        """Return steps and losses of both series."""
        steps = list(range(1, len(self.losses) + 1))
        return {
            "loss": (steps, self.losses),
            "validation": ([step for step, _, _ in self.evaluations], self.validation),
        }


def bare_log(setup: Setup, curves: Curves) -> str:
    """Return the text of a run's bare log."""
    if setup.log == "csv-epoch":
        return _epochs(setup, curves)
    names = _NAMES[setup.seed % len(_NAMES)]
    return _lines(curves, names) if setup.log == "jsonl" else _table(curves, names)


def _table(curves: Curves, names: tuple[str, ...]) -> str:
    """Return a row a step; the validation loss stands where there was an evaluation."""
    step_name, loss_name, validation_name, rate_name = names
    found = {step: loss for step, loss, _ in curves.evaluations}
    columns = [step_name, loss_name, *([validation_name] if found else []), rate_name]
    rows = [",".join(columns)]
    for step, (loss, rate) in enumerate(zip(curves.losses, curves.rates, strict=True), start=1):
        validation = [f"{found[step]:.4f}" if step in found else ""] if found else []
        rows.append(",".join([str(step), f"{loss:.4f}", *validation, f"{rate:.6g}"]))
    return "\n".join(rows) + "\n"


def _lines(curves: Curves, names: tuple[str, ...]) -> str:
    """Return an object a step and one an evaluation, as a loop with a JSON logger writes them."""
    step_name, loss_name, validation_name, rate_name = names
    found = {step: loss for step, loss, _ in curves.evaluations}
    lines = []
    for step, (loss, rate) in enumerate(zip(curves.losses, curves.rates, strict=True), start=1):
        lines.append({step_name: step, loss_name: round(loss, 4), rate_name: float(f"{rate:.6g}")})
        if step in found:
            lines.append({step_name: step, validation_name: round(found[step], 4)})
    return "".join(json.dumps(line) + "\n" for line in lines)


def _epochs(setup: Setup, curves: Curves) -> str:
    """Return a row an epoch: the mean loss of its steps and the evaluation at its end."""
    means = np.asarray(curves.losses).reshape(-1, setup.epoch).mean(axis=1)
    rows = ["epoch,train_loss,val_loss,val_acc"]
    for epoch, (mean, (_, loss, accuracy)) in enumerate(zip(means, curves.evaluations, strict=True), start=1):
        rows.append(f"{epoch},{mean:.4f},{loss:.4f},{accuracy:.4f}")
    return "\n".join(rows) + "\n"
