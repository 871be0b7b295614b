"""RUN/summary.json: what a run is and how far it is, there from the first second.

Others poll this file while the run goes on: it is rewritten whole, and its heartbeat says that the
process still lives. A number that is not finite is null in it; the trace tells NaN from infinity.
"""

import math
import os
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, SupportsFloat, get_args

from newllm.checksum import read_checked, write_checked
from newllm.errors import UserError, quoted
from newllm.messages import Message, read_message

SCHEMA = 1
Status = Literal["running", "finished", "interrupted", "diverged", "failed"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Validation:
    """One measurement on the validation split.

    Attributes:
        step: the optimizer step after which it was made.
        loss: nats per token; None in a loaded summary where it was not finite.
        perplexity: exp(loss); likewise.
        bits_per_byte: None where the tokenizer loses bytes; likewise.
    """

    step: int
    loss: float | None
    perplexity: float | None
    bits_per_byte: float | None


@dataclass(frozen=True)
class Context:
    """The context vectors of one update, after each row's last real token; None in a loaded summary where not finite.

    Attributes:
        step: the update.
        norm: mean Euclidean norm over rows, of several layers the mean over layers.
        mean: over all channels and rows, likewise.
        std: standard deviation over the same.
    """

    step: int
    norm: float | None
    mean: float | None
    std: float | None


@dataclass(kw_only=True)
class Summary:
    """The state of one run. Set its fields as the run goes on, then `save`.

    Attributes:
        steps: optimizer steps planned in all; 0 while the run is prepared.
        parameters: trained numbers in the model; likewise.
        scan_backend: how the recurrence is computed: a backend, "sequential" where no scan can do it, or "none".
        precision: of the matrix products ("fp32", "bf16").
        device: "cpu" or "cuda:0".
        ranks: parts that each batch is cut into, computed by as many processes or by one.
        status: "running" until the run's end says which end it was.
        pid: the process that trains.
        started: ISO 8601, UTC, to the second.
        heartbeat: likewise; `save` sets it.
        step: optimizer steps done.
        tokens: training tokens seen.
        seconds: spent on training, in all sessions.
        tokens_per_second: of training, over the whole run; None in a loaded summary where it was not finite.
        last_validation: the latest, None before the first.
        best_validation: the one of lowest loss, None before the first finite one.
        last_context: of the latest update, None before the first and for a body without a context.
        findings: what detectors said, as plain data.
        recoveries: what a guard did, in short (RUN/recoveries.json has all of it).
        preparation: before the first update: the budget in seconds where the clock ends the run, seconds that getting
            ready took by part, and the timing of both precisions.
        message: one line that says why the run failed or diverged, else None.
        reason: that line as data, as `Message.as_dict` has it; None where it is an error's.
    """

    steps: int
    parameters: int
    scan_backend: str
    precision: str
    device: str
    ranks: int = 1
    status: Status = "running"
    pid: int = field(default_factory=os.getpid)
    started: str = field(default_factory=_now)
    heartbeat: str = field(default_factory=_now)
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    tokens_per_second: float | None = 0.0
    last_validation: Validation | None = None
    best_validation: Validation | None = None
    last_context: Context | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)
    recoveries: list[dict[str, Any]] = field(default_factory=list)
    preparation: dict[str, Any] = field(default_factory=dict)
    message: str | None = None
    reason: dict[str, Any] | None = None

    @property
    def why(self) -> Message:
        """Why the run failed, diverged or was interrupted, for any language; empty where `message` is None."""
        return read_message(self.reason, self.message)

    def ended(self, status: Status, why: Message | None) -> None:
        """Take in how the run ended, and why where that is no matter of course."""
        self.status = status
        self.message, self.reason = (None, None) if why is None else (str(why), why.as_dict())

    def validated(self, step: int, loss: SupportsFloat, bits_per_byte: SupportsFloat | None) -> None:
        """Take in a validation: it is the last, and the best if its loss is finite and the lowest so far.

        Args:
            step: the optimizer step after which it was made.
            loss: nats per token, may be NaN.
            bits_per_byte: None where the tokenizer loses bytes.
        """
        loss = float(loss)
        perplexity = math.exp(loss) if not loss > 700 else math.inf  # exp(710) is past the largest float
        bits = None if bits_per_byte is None else float(bits_per_byte)
        self.last_validation = Validation(int(step), loss, perplexity, bits)
        best = self.best_validation
        if math.isfinite(loss) and (best is None or best.loss is None or loss < best.loss):
            self.best_validation = self.last_validation

    def as_dict(self) -> dict[str, Any]:
        """Return the file's content as plain data; numbers that are not finite are still floats in it."""
        return {"schema": SCHEMA} | asdict(self)

    def save(self, path: Path) -> None:
        """Write the summary whole or not at all, with a new heartbeat.

        Only the last one, whose status is no longer "running", waits for the disk: the others are
        rewritten within a second.

        Raises:
            UserError: there is no room, or the place may not be written.
        """
        self.heartbeat = _now()
        write_checked(path, self.as_dict(), durable=self.status != "running")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a summary. Fields that this version does not know are passed over.

        Raises:
            UserError: there is no such file, or it is no summary of a run.
        """
        try:
            content = read_checked(path)
        except OSError as error:
            raise UserError(f"cannot read '{path}' ({error.strerror}): give the directory of a run") from error
        except ValueError as error:
            raise _foreign(path, f"no JSON ({error})") from error
        if isinstance(content, dict):
            content.setdefault("recoveries", [])  # runs from before there was a guard
            content.setdefault("preparation", {})  # runs from before it was measured
            content.setdefault("last_context", None)
            content.setdefault("ranks", 1)  # runs from before there could be several
            content.setdefault("reason", None)  # runs from before it was data
        problem = _problem(content)
        if problem:
            raise _foreign(path, problem)
        values = {item.name: content[item.name] for item in fields(cls)}
        for name in ("last_validation", "best_validation"):
            values[name] = values[name] and Validation(**{key: values[name][key] for key in _VALIDATION})
        context = values["last_context"]
        values["last_context"] = context and Context(**{key: context[key] for key in _CONTEXT})
        return cls(**values)


_NULLABLE = (int, float, type(None))
_VALIDATION = {"step": int, "loss": _NULLABLE, "perplexity": _NULLABLE, "bits_per_byte": _NULLABLE}
_CONTEXT = {"step": int, **dict.fromkeys(("norm", "mean", "std"), _NULLABLE)}
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("scan_backend", "precision", "device", "status", "started", "heartbeat"), str),
    **dict.fromkeys(("steps", "parameters", "ranks", "pid", "step", "tokens"), int),
    "seconds": (int, float),
    "tokens_per_second": _NULLABLE,
    **dict.fromkeys(("last_validation", "best_validation", "last_context"), (dict, type(None))),
    **dict.fromkeys(("findings", "recoveries"), list),
    "preparation": dict,
    "message": (str, type(None)),
    "reason": (dict, type(None)),
}


def _problem(content: Any) -> str | None:
    """Say what keeps `content` from being a summary, or None."""
    if not isinstance(content, dict) or "schema" not in content:
        return "no object with a schema"
    if content["schema"] != SCHEMA:
        return f"schema {quoted(content['schema'])} where this newllm knows {SCHEMA}"
    problem = _ill_typed(content, _KINDS)
    if problem:
        return problem
    if content["status"] not in get_args(Status):
        return f"status {quoted(content['status'])} is none of {', '.join(get_args(Status))}"
    parts = {"last_validation": _VALIDATION, "best_validation": _VALIDATION, "last_context": _CONTEXT}
    problems = (_ill_typed(content[name], kinds) for name, kinds in parts.items() if content[name] is not None)
    return next(filter(None, problems), None)


def _ill_typed(content: dict[str, Any], kinds: dict[str, Any]) -> str | None:
    for name, kind in kinds.items():
        if name not in content:
            return f"no '{name}'"
        if not isinstance(content[name], kind) or isinstance(content[name], bool):
            return f"'{name}' is {quoted(content[name])}"
    return None


def _foreign(path: Path, problem: str) -> UserError:
    return UserError(f"'{path}' is not the summary of a run: {problem}: give the directory of a run that newllm wrote")
