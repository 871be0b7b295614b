"""What a run directory says of its run beside the trace: vocabulary, parameters, layers, facts about the data.

Nothing here is needed for a diagnosis, so nothing here ends one: a file that is damaged is passed over, and said.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from newllm.checksum import read_checked
from newllm.diagnosis.facts import Facts, Layer, Selection, Singular
from newllm.diagnosis.notes import NOTES, planned_in
from newllm.diagnosis.ranks.fingerprints import read_ranks
from newllm.diagnosis.ranks.hangs import read_hangs
from newllm.diagnosis.ranks.stalls import read_stall
from newllm.diagnosis.run_settings import settings_of
from newllm.diagnosis.training_kind import KINDS
from newllm.errors import UserError
from newllm.files import read_toml
from newllm.messages import read_message
from newllm.trace.check import CHECK, KeptCheck, read_check
from newllm.trace.program import PROGRAM, Program, read_earlier_programs, read_program
from newllm.trace.remark import Remark, unread_file

_LARGEST = 64 * 2**20  # bytes of a file
_LARGEST_NUMBER = 2**53  # past it a float does not count any more
_SENTENCES = 20  # of a recorder that are passed on
# Files by which a directory is known: one of the first is in every run whose facts can be read; one of the second in
# every run, of `newllm train` or of a recorder, that has recorded something.
_OF_A_RUN = ("config.toml", "recording.json")
_RECORDED = ("recording.json", "trace.jsonl", "trace.blocks")
_NAMED = 4  # runs of a directory that an error names


def is_run(path: Path) -> bool:
    """Say whether a directory is a run that newllm wrote."""
    return any((path / name).is_file() for name in _OF_A_RUN)


def runs_in(directory: Path) -> list[Path]:
    """Return the runs of newllm right in a directory, by name, where it holds several and is none itself."""
    found = _runs_below(directory)
    return found if len(found) > 1 else []


def single_run(directory: Path) -> Path:
    """Return the run that stands right in a directory, where it is the only one and the directory is none itself."""
    found = _runs_below(directory)
    return found[0] if len(found) == 1 else directory


def _runs_below(directory: Path) -> list[Path]:
    try:
        found = sorted(Path(one.path) for one in os.scandir(directory) if _has_recorded(Path(one.path)))
    except (OSError, ValueError):  # no directory, or no path at all
        return []
    return [] if _has_recorded(directory) else found


def check_single_run(directory: Path) -> None:
    """Refuse a directory that holds several runs that newllm wrote: which one is meant is not ours to guess.

    Raises:
        UserError: there are two or more right in it.
    """
    found = runs_in(directory)
    if found:
        shown = ", ".join([*(one.name for one in found[:_NAMED]), *(["..."] if len(found) > _NAMED else [])])
        raise UserError(f"'{directory}' holds several runs ({shown}): name the one that is meant")


def _has_recorded(directory: Path) -> bool:
    return directory.is_dir() and any(os.path.lexists(directory / name) for name in _RECORDED)


def read_facts(run: Path) -> tuple[Facts, tuple[Remark, ...]]:
    """Read what a run directory says.

    Args:
        run: the directory.

    Returns:
        The facts, and a remark on everything that could not be read or, as the recorder says, recorded.
    """
    remarks: list[Remark] = []
    recording = _read(run / "recording.json", remarks)
    remarks += said_by(recording)
    summary = _read(run / "summary.json", remarks)
    config = _read(run / "config.toml", remarks)
    data, notes = _read(run / "data.json", remarks), _read(run / NOTES, remarks)
    facts = facts_of(recording, summary, config, data, notes)
    facts = replace(facts, check=_check(run, remarks), reprogrammed=_reprogrammed(run, facts, remarks))
    facts, of_ranks = with_ranks(facts, run)
    return facts, (*remarks, *of_ranks)


def with_ranks(facts: Facts, run: Path) -> tuple[Facts, tuple[Remark, ...]]:
    """Return facts with what the ranks of a run wrote, and a remark on everything of it that could not be read."""
    ranks, of_ranks = read_ranks(run)
    hangs, of_hangs = read_hangs(run)
    stall, of_stall = read_stall(run)
    return replace(facts, ranks=ranks, hangs=hangs, stall=stall), (*of_ranks, *of_hangs, *of_stall)


def kept_check(directory: Path) -> KeptCheck | None:
    """Return what was checked before the training of a directory, which may be another system's; None without one."""
    return _check(directory, [])


def _check(run: Path, remarks: list[Remark]) -> KeptCheck | None:
    """Return what was checked before the training, None where nothing was kept or the file is damaged."""
    content = _read(run / CHECK, remarks)
    try:
        return read_check(content) if content else None
    except ValueError as error:
        remarks.append(unread_file(CHECK, error))
        return None


def _reprogrammed(run: Path, facts: Facts, remarks: list[Remark]) -> tuple[tuple[int, Program, Program], ...]:
    """Return where a training was resumed by another program; nothing where a file of them is damaged."""
    if not facts.resumed:
        return ()
    try:
        earlier, latest = read_earlier_programs(run), read_program(run)
    except (OSError, ValueError) as error:
        remarks.append(unread_file(PROGRAM, error))
        return ()
    if not earlier or latest is None:
        return ()
    programs = [*earlier.values(), latest]
    return tuple(zip(earlier, programs, programs[1:], strict=False))


def facts_of(
    recording: Mapping[str, Any],
    summary: Mapping[str, Any],
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    notes: Mapping[str, Any] = MappingProxyType({}),
) -> Facts:
    """Return what the files of a run say, each empty where there is none; what is of another kind is passed over."""
    model, facts = config.get("model"), data.get("facts")
    configured = model.get("vocabulary") if isinstance(model, Mapping) else None
    return Facts(
        vocabulary=_whole(recording.get("vocabulary"), 2) or _whole(configured, 2),
        parameters=_whole(recording.get("parameters"), 1) or _whole(summary.get("parameters"), 1),
        layers=_layers(recording.get("layers")),
        data=facts if isinstance(facts, Mapping) else None,
        training_mode_matters=_yes_or_no(recording.get("training_mode_matters")),
        asks_for_mode=_yes_or_no(recording.get("asks_for_mode")),
        kind=kind if (kind := recording.get("kind")) in KINDS else None,
        planned=tuple(dict.fromkeys((*planned_in(recording), *planned_in(notes)))),
        resumed=_steps(recording.get("resumed")),
        optimizer=name if isinstance(name := recording.get("optimizer"), str) else "",
        betas=_betas(recording.get("optimizer_settings")),
        planned_rate=_planned_rate(recording.get("optimizer_settings")),
        dropout=min(1.0, _share(recording.get("dropout"))),
        half=half if isinstance(half := recording.get("half"), bool) else None,
        ended=recording.get("ended") is True,
        selections=_selections(recording.get("framework")),
        untrained=_share(recording["untrained"]) if "untrained" in recording else None,
        new_statistics=_yes_or_no(recording.get("new_statistics")),
        loss_function=name if isinstance(name := recording.get("loss_function"), str) else "",
        singular=_singular(recording.get("singular")),
        settings=settings_of(config, recording),
        origin="train" if config else "record" if recording else None,
    )


def _read(path: Path, remarks: list[Remark]) -> Mapping[str, Any]:
    """Return a file's content, empty where it is absent or damaged."""
    if not path.is_file():
        return {}
    try:
        content = (read_toml if path.suffix == ".toml" else read_checked)(path, _LARGEST)
        if not isinstance(content, dict):
            raise ValueError("no object")
    except (OSError, ValueError) as error:
        remarks.append(unread_file(path.name, error))
        return {}
    return content


def said_by(recording: Mapping[str, Any]) -> list[Remark]:
    """Return what a recorder says that it could not record."""
    sentences, messages = recording.get("left_out"), recording.get("remarks")
    if not isinstance(sentences, list):
        return []
    messages = messages if isinstance(messages, list) and len(messages) == len(sentences) else [None] * len(sentences)
    said = list(zip(messages, sentences, strict=True))[:_SENTENCES]
    return [Remark("note", read_message(data, line)) for data, line in said if isinstance(line, str)]


def _whole(value: Any, least: int) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and least <= value <= _LARGEST_NUMBER else None


def _yes_or_no(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _share(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < _LARGEST_NUMBER else 0.0


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _LARGEST_NUMBER else None


def _betas(settings: Any) -> tuple[float, float] | None:
    """Return the betas of a single optimizer."""
    if not _is_of_one(settings):
        return None
    first, second = _number(settings.get("beta1")), _number(settings.get("beta2"))
    return None if first is None or second is None else (first, second)


def _planned_rate(settings: Any) -> float | None:
    """Return the learning rate that the schedule of a single optimizer should reach."""
    return _number(settings.get("max_lr")) if _is_of_one(settings) else None


def _is_of_one(settings: Any) -> bool:
    """Whether settings are those of one optimizer; of several each has settings of its own."""
    return isinstance(settings, Mapping) and not any(isinstance(value, Mapping) for value in settings.values())


def _steps(listed: Any) -> tuple[int, ...]:
    if not isinstance(listed, list):
        return ()
    found = [_whole(item.get("step"), 0) for item in listed if isinstance(item, dict)]
    return tuple(step for step in found if step is not None)


def _selections(framework: Any) -> tuple[Selection, ...]:
    listed = framework.get("selections") if isinstance(framework, Mapping) else None
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return tuple(
        Selection(one["by"], one["metric"], one["signal"], one["higher"])
        for one in found
        if all(isinstance(one.get(name), str) for name in ("by", "metric", "signal"))
        if isinstance(one.get("higher"), bool)
    )


def _singular(listed: Any) -> tuple[Singular, ...]:
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return tuple(
        Singular(function, tuple(name for name in layers if isinstance(name, str)), one.get("hidden") is True)
        for one in found
        if isinstance(function := one.get("function"), str) and function.isidentifier()
        if isinstance(layers := one.get("layers"), list)
    )


def _layers(listed: Any) -> tuple[Layer, ...]:
    if not isinstance(listed, list):
        return ()
    return tuple(
        Layer(
            name=item["name"],
            kind=str(item.get("kind", "")),
            parameters=_whole(item.get("parameters"), 0) or 0,
            trained=item.get("trained") is not False,
            given=item.get("given") is not False,
            weight_decay=_share(item.get("weight_decay")),
            penalty=_share(item.get("penalty")),
            norm_momentum=_number(item.get("norm_momentum")),
        )
        for item in listed
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    )
