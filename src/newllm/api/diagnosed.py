"""Say what is wrong with a run, or with anyone's log of one. No torch."""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.api.diagnosis import Diagnosis
from newllm.api.held_against import held_against_earlier, held_against_given
from newllm.api.rank_logs import Paths, read_rank_logs, several
from newllm.api.run_end import has_ended
from newllm.checksum import write_checked
from newllm.demo import is_demo
from newllm.diagnosis.detectors.stalls import stall_sentence
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.intent import Intent
from newllm.diagnosis.notes import write_notes
from newllm.diagnosis.ranks.logs import joined_ranks
from newllm.diagnosis.ranks.stalls import read_stall
from newllm.diagnosis.replayed import proved_first
from newllm.diagnosis.roles import chosen_columns
from newllm.diagnosis.run_facts import check_single_run, is_run, kept_check, read_facts, runs_in, single_run
from newllm.diagnosis.training_kind import guess_remark
from newllm.errors import UserError
from newllm.messages import message
from newllm.report.source.files import RunFiles
from newllm.report.source.replays import newest_verdict
from newllm.trace import Remark, Summary, Trace, lost_steps
from newllm.trace.check import KeptCheck, has_begun
from newllm.trace.readers import Chosen, read_log

_NAMED = 4  # logs of a directory that an error names
_MOST_LOGS = 100  # or runs, of a directory


class NothingYetError(UserError):
    """A run of ours that goes on, or was checked and is to begin, and has not recorded a step."""


def doctor(
    path: Paths,
    *,
    vocabulary: int | None = None,
    loss: str | None = None,
    step: str | None = None,
    kind: str | None = None,
    roles: Mapping[str, str] | None = None,
    notes: Mapping[float, str] | None = None,
    ranks: bool = False,
    against: Paths | None = None,
) -> Diagnosis:
    """Read a run or a log and say what is wrong with it. Nothing is written.

    A run of `newllm.record` is held against the newest one beside it that the same program recorded and in which
    nothing is found: what differs from it is told, as an alarm where the run comes to less.

    Args:
        path: a run directory that `newllm.record` or `newllm train` wrote, or a folder with one in it and logs of the
            training beside it; or another system's log or directory of logs (see `newllm.trace.readers`); or the logs
            of all ranks of one training, or a directory that holds them.
        vocabulary: how many different tokens there are to predict; None takes what the run says of itself.
        loss: the column of a log that is its training loss, where its name does not say so.
        step: the column that its rows are placed by, likewise.
        kind: of training ("reinforcement", "adversarial", "fine-tune", ...; see `newllm.diagnosis.training_kind`):
            it changes what counts as an alarm. None takes what the run says of itself, or guesses by its columns.
        roles: columns by the role that they play ({"reward": "score", "learning_rate": "lr_used"}), where their names
            do not say so.
        notes: what was planned, by the step that it begins at ({2000: "curriculum"}): what follows it is a note.
        ranks: whether several logs are those of one training's ranks, where their names do not say so.
        against: a run or a log of the same program that is known to be sound, or several: what differs from all of them
            is told first, and what one of them has too is only a note (`newllm.diagnosis.against`). None chooses the
            run beside it, () none.

    Raises:
        NothingYetError: it is a run of newllm that goes on, or was only checked, and has not recorded a step.
        UserError: there is nothing to read, it is no log or several runs, it has no such column, there is no such
            kind or role, the vocabulary cannot be, or the sound run is the same, or shares no signal or step with it.
    """
    if against is None or against:
        known = {"vocabulary": vocabulary, "loss": loss, "step": step, "kind": kind, "roles": roles}
        own = doctor(path, notes=notes, ranks=ranks, against=(), **known)
        if against is None:
            return held_against_earlier(own, lambda one: doctor(one, against=(), **known))
        return held_against_given(own, [doctor(one, against=(), **known) for one in several(against)])
    if vocabulary is not None and vocabulary < 2:
        raise UserError(f"a vocabulary of {vocabulary}: it must be at least 2, the number of tokens to choose from")
    paths = several(path)
    chosen, others = chosen_columns(loss, step, roles or {})
    of_ranks = read_rank_logs(paths, chosen, said=ranks)
    if of_ranks is None or len(paths) == 1:
        source = single_run(paths[0])
        check_single_run(source)
    else:
        source = next(iter(of_ranks.paths.values()))
    joined = None if of_ranks is None else joined_ranks(of_ranks.traces)
    trace = _read(source, chosen) if joined is None else joined[0]
    facts, remarks = read_facts(source) if is_run(source) else (Facts(check=kept_check(source)), ())
    files = RunFiles(source)
    verdict = newest_verdict(files) if is_run(source) else None
    again = files.rerun() if is_run(source) else None
    remarks = (*_lost(source, trace), *remarks, *files.problems)
    if remarks:
        trace = dataclasses.replace(trace, remarks=(*trace.remarks, *remarks))
    if vocabulary is not None:
        facts = dataclasses.replace(facts, vocabulary=vocabulary)
    if joined is not None:
        facts = dataclasses.replace(facts, ranks=joined[1])
    facts = Intent(kind, others, notes or {}).added_to(facts)
    if guess := guess_remark(trace, facts):
        trace = dataclasses.replace(trace, remarks=(*trace.remarks, *guess))
    logs = {} if of_ranks is None else of_ranks.paths
    findings = list(proved_first(diagnose(trace, facts), verdict))
    return Diagnosis(source, trace, facts, findings, verdict, logs, rerun=again)


def doctor_each(path: Paths, **known: Any) -> tuple[list[Diagnosis], dict[str, str]]:
    """Diagnose each run or log of a directory that holds several, each by itself; of anything else what `doctor` does.

    Args:
        path: as for `doctor`, or a directory of several runs.
        **known: its other arguments.

    Returns:
        The diagnoses in the order of their names, and by name why others could not be read, or were not.

    Raises:
        UserError: as `doctor`, or none of several runs could be read.
    """
    paths = several(path)
    place = paths[0]
    each = {one.name: str(one) for one in runs_in(place)} if len(paths) == 1 else {}
    first = None
    if not each:
        first = doctor(paths, **known)
        if first.logs or len(first.trace.runs) < 2 or not place.is_dir():
            return [first], {}
        each = {name: f"{place}#{name}" for name in sorted(first.trace.runs)}
    against = several(known["against"]) if known.get("against") else []
    found, unread = [], {}
    for at, (name, source) in enumerate(each.items()):
        if at >= _MOST_LOGS:
            unread[name] = str(message("several-too_many", most=_MOST_LOGS))
            continue
        try:
            parts = [one / name if (one / name).is_dir() else one for one in against]  # of a game, each with its own
            found.append(doctor(source, **(known | {"against": parts})))  # with none by itself
        except UserError as error:  # no log, or one of another kind: the others are judged all the same
            unread[name] = " ".join(str(error).split())
    if not found and first is None:
        name, why = next(iter(unread.items()))
        raise UserError(f"'{place}' holds {len(each)} runs, and none can be judged; '{name}': {why}")
    return found or ([first] if first is not None else []), unread


def _read(source: Path, chosen: Chosen) -> Trace:
    """Read a log; of a run that has no step, say so instead of what a reader says."""
    problem: UserError | None = None
    try:
        trace = read_log(source, chosen)
        if trace.signals or not is_run(source):
            return trace
    except UserError as error:
        if not is_run(source) and (check := kept_check(source)) and not has_begun(source):
            raise NothingYetError(_not_trained(source, check)) from error
        own = source / "trace.jsonl"
        if chosen or not is_run(source) or (own.is_file() and own.stat().st_size):
            raise
        problem = error
    if has_ended(source):
        raise UserError(f"'{source}' ended before its first step: there is nothing to judge") from problem
    stall, _ = read_stall(source)
    if stall is not None:
        raise NothingYetError(f"'{source}' has not recorded a step: {stall_sentence(stall)}") from problem
    raise NothingYetError(f"'{source}' has not recorded a step yet: try again later, or --watch") from problem


def _not_trained(source: Path, check: KeptCheck) -> str:
    found = f"{len(check.wrong)} wrong" if check.wrong else "nothing wrong"
    return (
        f"'{source}' was checked ({found}) and has not been trained: newllm report shows the check, and "
        "newllm.record(model, optimizer, out) records a training into the same directory"
    )


def _lost(source: Path, trace: Trace) -> tuple[Remark, ...]:
    """Say which steps of a training of ours are missing in its trace."""
    if not (source / "config.toml").is_file():
        return ()
    come_to: int | None = None
    with contextlib.suppress(UserError):  # a damaged summary is told with the facts
        summary = Summary.load(source / "summary.json")
        come_to = None if summary.status == "running" else summary.step
    return lost_steps(trace.series("loss"), come_to)


def keep_notes(path: Path, notes: Mapping[float, str]) -> None:
    """Keep with a run of ours what a person says that was planned; of a log or a run of the demo nothing is written.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    if notes and is_run(path) and not is_demo(path):
        write_notes(path, notes)


def write_findings(diagnosis: Diagnosis) -> Path | None:
    """Write RUN/findings.json, whole or not at all, where what was read is a run directory of ours.

    Returns:
        The file; None for a log of another system, beside which nothing is written, for a run of the demo, and where
        the run was held against one that was given. findings.json holds what is said of a run by itself.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    if not is_run(diagnosis.path) or is_demo(diagnosis.path) or (diagnosis.against and not diagnosis.chosen):
        return None
    file = diagnosis.path / "findings.json"
    write_checked(file, (diagnosis.alone or diagnosis).as_dict())
    return file
