"""How much of its training a log has come to, where it says how long that is to be.

A column that is constant says it (`max_steps`, `num_train_epochs`), Hugging Face's trainer_state.json does, and a
console that counts "step 300/1000" or "Epoch 3/30".
"""

import re
from collections.abc import Iterator, Mapping

from newllm.trace.epochs import epochs_done
from newllm.trace.readers.axes import axis_rank
from newllm.trace.readers.naming import words
from newllm.trace.series import Trace

_COLUMNS = {
    **dict.fromkeys(("max steps", "total steps", "max iters", "total iters", "total iterations", "max iterations",
                     "num training steps", "total training steps", "total optimization steps"), "step"),
    **dict.fromkeys(("max epochs", "total epochs", "num train epochs", "num training epochs"), "epoch"),
}  # fmt: skip
_OF = re.compile(r"(?<![\w.@/-])([^\W\d]\w{0,60})[ :=\[#]{0,4}\d{1,15} ?/ ?(\d{1,15})(?![\w./]|,\d)")
_OF_TRAINER = re.compile(r'"max_steps"\s*:\s*(\d{1,15})\b')
_CONTRADICTS = 1.01  # of the whole: a log that goes on behind it counts something else


def totals_of(line: str) -> Iterator[tuple[str, int]]:
    """Yield what a line counts ("step", "epoch"), and up to what."""
    if "/" not in line:
        return
    for name, total in _OF.findall(line):
        rank = axis_rank(name)
        if rank and rank[0] != "time":
            yield rank[0], int(total)


def total_of_trainer(text: str) -> int | None:
    """Return how many steps Hugging Face's trainer_state.json says there will be, by what stands behind its rows."""
    found = _OF_TRAINER.search(text)
    return int(found[1]) if found else None


def share_done(trace: Trace, said: Mapping[str, set[int]]) -> float | None:
    """Return the share of a training that its log has come to; None where the log does not say how long it is to be.

    "Epoch 1/30, step 60/60" has come to the end of an epoch: of the shares of steps and of epochs the smaller holds,
    and where lines tell epochs without their number, their steps may be those of one.

    Args:
        trace: of the log.
        said: totals that the log says beside its columns, by what it counts, "run" for the steps of the whole run: of
            several totals none is the training's.
    """
    totals = {kind: set(values) for kind, values in said.items()}
    if "epoch" not in totals and trace.epochs is not None:
        totals.pop("step", None)
    totals["step"] = totals.get("step", set()) | totals.get("run", set())
    for name, series in trace.signals.items():
        kind = _COLUMNS.get(" ".join(words(name))) or _COLUMNS.get(" ".join(words(name)[1:]))
        if kind and len(series.value):
            totals.setdefault(kind, set()).update(series.value.tolist())
    shares = []
    for kind, last in (("step", _last_step(trace)), ("epoch", epochs_done(trace))):
        total = totals.get(kind, set())
        if last is not None and len(total) == 1 and last <= _CONTRADICTS * (whole := float(total.pop())) and whole > 0:
            shares.append(last / whole)
    return min(shares, default=None)


def _last_step(trace: Trace) -> float | None:
    counted = any(remark.sentence.id in ("remark-no-steps", "remark-epochs-place-nothing") for remark in trace.remarks)
    return None if trace.axis == "epoch" or counted else trace.last_step
