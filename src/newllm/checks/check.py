"""A check before training: one batch, a few updates, and everything put back."""

import contextlib
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from newllm.checks.bench import Bench
from newllm.checks.keeping import keep, not_kept
from newllm.checks.outcome import CannotCheck, Outcome, said, wrong
from newllm.checks.parts import Parts
from newllm.checks.probes import PROBES
from newllm.checks.probes.vocabulary import tokens_beyond
from newllm.checks.report import CheckReport
from newllm.checks.sharded import unseen
from newllm.checks.sources import parts_of
from newllm.checks.untouched import generator_restorer
from newllm.diagnosis.layer_names import name_layers
from newllm.errors import UserError
from newllm.files import make_directory
from newllm.messages import message

_COMPILED = "_orig_mod"  # torch.compile keeps the module that it wraps under this name
# Of a model on the device "meta", of lazy layers, or of which this process holds a part: what needs no pass.
_WITHOUT_NUMBERS = ("tied", "optimizer-holds", "settings", "half-precision", "order", "workers", "shards")


def check(
    model: Any,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Callable[[nn.Module, Any], Tensor] | None = None,
    batch: Any = None,
    *,
    loader: Any = None,
    tokenizer: Any = None,
    step: Callable[[Any], Any] | None = None,
    evaluate: Callable[[Any, Any], Any] | None = None,
    scheduler: Any = None,
    steps: int | None = None,
    seconds: float = 10.0,
    out: str | PathLike[str] | None = None,
) -> CheckReport:
    """Look for mistakes in a training before it runs. Nothing is changed: weights, moments, modes and chance come back.

        print(newllm.check(model, optimizer, loss=lambda model, batch: model(**batch).loss, batch=batch))

    With `out` what was found is kept as OUT/check.json, for the run's page and report. A check that stands there is
    replaced, unless a training in that directory has begun: it keeps the check that it began with, and a warning says
    so.

    Args:
        model: as it trains, in its training mode. Or, alone: a `newllm.Loop`, a Trainer of transformers or a
            LightningModule with a training data loader.
        optimizer: over its parameters.
        loss: from model and batch to a tensor of one number, as the training computes it. It is called some hundred
            times on copies of the batch; what it holds (a counter, a teacher, a generator) is put back, too.
        batch: of one update, whatever the loss takes.
        loader: that gives the batches; without `batch` its first is taken.
        tokenizer: that made its tokens, to be held against the embedding.
        step: one whole step of your loop, from a batch: clearing, backward pass, clipping, update, schedule. It is
            called a few times; what it closes over (a scheduler, a loss scale, counters) is put back, too.
        evaluate: from model and batch to the loss, as your evaluation computes it.
        scheduler: of the learning rate; one that `step` holds is found.
        steps: updates that the training will make, for which the schedule is tried.
        seconds: that all probes may take; what finds no time is "unchecked". A step that is slow may take longer.
        out: directory of the run that is to be trained, as `newllm.record` takes it; it is made if it is absent.

    Returns:
        An outcome for each probe: sound, wrong, or unchecked with the reason.

    Raises:
        UserError: something is missing, or is none of what it should be; there is no room for the file.
    """
    if not seconds > 0:
        raise UserError(f"seconds is {seconds!r}: give the seconds that the check may take, such as 10")
    kept_in = None if out is None else Path(out)
    if kept_in is not None and (why := not_kept(kept_in)):
        warnings.warn(f"newllm: {why}", stacklevel=2)
        kept_in = None
    with contextlib.ExitStack() as undo:
        undo.callback(generator_restorer())  # to build an optimizer and to read a batch may draw
        more = {"loader": loader, "tokenizer": tokenizer, "step": step, "evaluate": evaluate}
        parts = parts_of(model, optimizer, loss, batch, **more, scheduler=scheduler, steps=steps)
    is_compiled = any(hasattr(each, _COMPILED) or each._compiled_call_impl for each in parts.model.modules())
    parts = replace(parts, model=getattr(parts.model, _COMPILED, parts.model))
    if kept_in is not None:
        make_directory(kept_in)  # before the probes, which take seconds, so that a bad place is known at once
    report = _report(parts, seconds, is_compiled=is_compiled)
    if kept_in is not None:
        keep(kept_in, report, parts)
    return report


def _report(parts: Parts, seconds: float, *, is_compiled: bool) -> CheckReport:
    """Ask all probes, of a compiled model without its compilation: that takes long, and hides what hooks look for."""
    began = time.monotonic()
    bench = Bench(parts, seconds)
    with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
        warnings.simplefilter("ignore")  # of torch, on trials that no training makes
        remarks = [Outcome("runs", "sound", message("check-runs.compiled"))] if is_compiled else []
        outcomes = _outcomes(bench, remarks)
    kinds = {name: type(module).__name__ for name, module in parts.model.named_modules()}
    named = (replace(outcome, sentence=name_layers(outcome.sentence, kinds)) for outcome in outcomes)
    return CheckReport(tuple(named), time.monotonic() - began)


def _outcomes(bench: Bench, remarks: list[Outcome]) -> list[Outcome]:
    """Ask all probes, or those that can be asked; what is remarked of a loss that can be computed comes first."""
    if reason := _no_pass(bench):
        asked = set(_WITHOUT_NUMBERS)
        if any(map(is_lazy, bench.model.parameters())):
            asked -= {"tied", "optimizer-holds"}
        asked -= unseen(bench.model, bench.optimizer)
        return [
            _outcome(bench, name, probe) if name in asked else _unchecked(name, reason)
            for name, probe in PROBES.items()
        ]
    first = _outcome(bench, "finite", PROBES["finite"])
    if first.status != "unchecked":
        rest = (_outcome(bench, name, probe) for name, probe in PROBES.items() if name != "finite")
        return [*remarks, first, *rest]
    # There is no loss, so that no probe can run: "runs" says why, and all probes are unchecked. Only ids beyond the
    # vocabulary are looked for, which may be what stopped the loss.
    beyond = _outcome(bench, "vocabulary", tokens_beyond)
    known = {"vocabulary": beyond} if beyond.status == "wrong" else {}
    rest = (known.get(name) or _unchecked(name, CannotCheck("no-loss")) for name in PROBES)
    return [wrong("runs", why=first.sentence), *rest]


def _no_pass(bench: Bench) -> CannotCheck | None:
    """Return the reason for which no pass of the model is tried, None where there is none."""
    if any(each.is_meta for each in bench.model.parameters()):
        return CannotCheck("meta")
    if any(map(is_lazy, bench.model.parameters())):
        return CannotCheck("lazy")
    return CannotCheck("sharded") if bench.is_sharded else None


def _outcome(bench: Bench, name: str, probe: Callable[[Bench], Outcome]) -> Outcome:
    if bench.left <= 0:
        return _unchecked(name, CannotCheck("no-time"))
    try:
        with bench.untouched(), torch.enable_grad():
            return probe(bench)
    except CannotCheck as reason:
        return _unchecked(name, reason)
    except Exception as error:  # a user's code on a trial: whatever it is, the other probes go on
        return _unchecked(name, CannotCheck("error", error=said(error)))


def _unchecked(name: str, reason: CannotCheck) -> Outcome:
    return Outcome(name, "unchecked", reason.message)
