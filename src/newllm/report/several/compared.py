"""What a comparison takes of a run: its settings, its signals, and the numbers that it came to."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.against.places import neutral_word, words_of_place
from newllm.diagnosis.against.program import options_of
from newllm.diagnosis.against.written import changes_nothing
from newllm.diagnosis.run_settings import flat
from newllm.report.several.arms import SEED, Member
from newllm.report.several.units import unit_of
from newllm.report.source import Source
from newllm.report.source.numbers import number_in
from newllm.trace.program import known_program
from newllm.words.plain import plain

NUMBERS = ("bits_per_byte", "best_validation", "last_validation", "last_training", "steps", "tokens_per_second")
_NAME = 60  # characters
_DIGEST = 8  # of a checksum that a person tells apart


def member_of(source: Source) -> Member:
    """Return a run as it is compared; what its files do not tell is taken from its trace, where that has it."""
    summary, numbers = source.summary, _from_trace(source)
    told = {
        "bits_per_byte": number_in(summary, "best_validation", "bits_per_byte"),
        "best_validation": number_in(summary, "best_validation", "loss"),
        "last_validation": number_in(summary, "last_validation", "loss"),
        "steps": number_in(summary, "step"),
        "tokens_per_second": number_in(summary, "tokens_per_second"),
        "parameters": number_in(summary, "parameters"),
    }
    known = {name: value for name, value in told.items() if value is not None}
    return Member(
        plain(source.name, _NAME),
        flat(source.config) if source.config else _recorded_settings(source),
        source.trace.signals,
        numbers | known,
        _per_step(summary) or _seconds(source),
        unit_of(source),
        source.facts.vocabulary,
    )


def _recorded_settings(source: Source) -> dict[str, Any]:
    """Return the settings of a recording of any program, with a checksum of its code; empty where that was not kept.

    Without the code two runs with the same settings may be different trainings. What a run is called, where it writes
    and what it prints is left out.
    """
    program = known_program(source.path) if source.own else None
    if program is None:
        return {}
    arguments = [neutral_word(one, words_of_place(program)) for one in program.arguments]
    settings: dict[str, Any] = dict(source.facts.settings)
    known = {name.rpartition(".")[2] for name in settings}
    for option, given in options_of(arguments).items():
        name = option.lstrip("-").replace("-", "_")
        if name not in known and given != source.path.name:  # a run that is called by a number, by "--run 3"
            settings[name] = given
    seeds = [value for name, value in settings.items() if name.rpartition(".")[2] == SEED]
    kept = {name: value for name, value in settings.items() if not changes_nothing(name)}
    code = json.dumps([sorted(program.files.items()), program.nth])
    seed = {SEED: int(seeds[-1])} if seeds and str(seeds[-1]).isdecimal() else {}
    return kept | seed | {"program": hashlib.sha256(code.encode()).hexdigest()[:_DIGEST]}


def _from_trace(source: Source) -> dict[str, float | None]:
    """Return the same numbers as signals and recorder have them; those of a loss that ended as NaN are not finite."""
    loss, validation = source.trace.series("loss"), source.trace.series("validation_loss")
    bits = source.trace.series("validation_bits_per_byte")
    ends = [float(series.step[-1]) for series in source.trace.signals.values() if len(series.step)]
    return {
        "bits_per_byte": _lowest(bits.value),
        "best_validation": _lowest(validation.value),
        "last_validation": _last(validation.value),
        "last_training": _last(loss.value),
        "steps": max(ends, default=None),
        "tokens_per_second": None,
        "parameters": source.facts.parameters,
    }


def _lowest(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.min()) if len(finite) else None


def _last(values: np.ndarray) -> float | None:
    return float(values[-1]) if len(values) else None


def _seconds(source: Source) -> dict[str, float]:
    """Return the mean seconds of a step, as the recorder measured them."""
    measured = source.trace.series("step_seconds").value
    known = measured[np.isfinite(measured)]
    return {"seconds": float(known.mean())} if len(known) else {}


def _per_step(summary: Mapping[str, Any]) -> dict[str, float]:
    step = number_in(summary, "step")
    totals = {name: number_in(summary, name) for name in ("tokens", "seconds")}
    return {name: total / step for name, total in totals.items() if total and step} if step else {}
