"""Everything that is known of one run, or of anyone's log of one, read so that no bad file takes the others with it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.intent import Intent
from newllm.diagnosis.notes import NOTES
from newllm.diagnosis.ranks.files import FOLDER
from newllm.diagnosis.replayed import proved_first
from newllm.diagnosis.run_facts import check_single_run, facts_of, kept_check, said_by, single_run, with_ranks
from newllm.diagnosis.training_kind import guess_remark
from newllm.errors import UserError
from newllm.report.source.files import RunFiles
from newllm.report.source.held import Held
from newllm.report.source.replays import Replayed, read_replays
from newllm.report.source.trace import own_trace
from newllm.reruns.result import Rerun
from newllm.trace import Finding, Remark, Trace, Verdict, lost_steps
from newllm.trace.check import CHECK
from newllm.trace.readers import Chosen, read_log
from newllm.trace.remark import left_out
from newllm.trace.samples import Sample, lost_samples, samples_of
from newllm.words.plain import plain

_OURS = ("recording.json", "trace.jsonl", "trace.blocks")  # any of them makes a run of ours
_LEFT_OF_OURS = ("config.toml", "summary.json", "data.json", "tokenizer.json", "snapshots", "replays")  # two of them
_LARGEST_CONFIG = 2**20
_LEFT_OUT = 20  # sentences of a reader


@dataclass(frozen=True, eq=False)
class Source:
    """What a report shows of one run.

    Attributes:
        path: as it was given.
        name: for a heading: the directory's or the file's.
        own: whether it is a run directory of newllm.
        trace: the signals; empty where there are none yet.
        facts: what is known beside them.
        findings: what the doctor says now, what matters most first.
        summary: RUN/summary.json as it stands there, empty without one. Nothing in it has been checked.
        config_text: RUN/config.toml, empty without one.
        config: the same, parsed; empty where it cannot be.
        data, recording: RUN/data.json and RUN/recording.json, likewise unchecked.
        recoveries: of RUN/recoveries.json, likewise.
        replays: of each spike that was replayed, the newest verdict first.
        samples: what the model wrote at evaluations, the oldest first.
        problems: what could not be read, or only in part.
        prefix: of every id that its sections use, so that several runs may stand on one page.
        judged: whether the doctor was asked; where nobody has, that there are no findings says nothing.
        rerun: what came of running the program of a recording again; None where nobody has.
        held: the sound run that its findings come of being held against; None where they are those of the run alone.
    """

    path: Path
    name: str
    own: bool = False
    trace: Trace = field(default_factory=Trace)
    facts: Facts = field(default_factory=Facts)
    findings: tuple[Finding, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    config_text: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    recording: Mapping[str, Any] = field(default_factory=dict)
    recoveries: tuple[Mapping[str, Any], ...] = ()
    replays: tuple[Replayed, ...] = ()
    samples: tuple[Sample, ...] = ()
    problems: tuple[Remark, ...] = ()
    prefix: str = ""
    judged: bool = True
    rerun: Rerun | None = None
    held: Held | None = None

    def id(self, name: str) -> str:
        """Return an id that no other run on the page has."""
        return f"{self.prefix}{name}"

    @property
    def only_checked(self) -> bool:
        """Whether there is a check before a training, and nothing of a training."""
        begun = self.trace.signals or self.recording or self.summary or self.config_text
        return self.facts.check is not None and not begun

    @property
    def verdict(self) -> Verdict | None:
        """The newest verdict of its replays."""
        return _verdict_of(self.replays)

    def numbered(self, number: int) -> "Source":
        """Return the same with ids of its own, for a page of several runs."""
        return replace(self, prefix=f"run-{number}-")


def read_source(
    path: str | os.PathLike[str],
    *,
    trace: Trace | None = None,
    findings: Sequence[Finding] | None = None,
    chosen: Chosen = Chosen(),  # noqa: B008 (it cannot be changed)
    intent: Intent = Intent(),  # noqa: B008 (likewise)
) -> Source:
    """Read a run directory, or anyone's log.

    A run of ours that is being written, half deleted, damaged or newer than this newllm gives what is known of it.

    Args:
        path: of the run or the log.
        trace: of a run of ours, where it is held in memory; None reads it.
        findings: of that trace, where they are known; None judges it now.
        chosen: columns of a log that are its loss and its steps; a run of ours needs none.
        intent: what a person says of the training: its kind, roles of columns, planned changes.

    Raises:
        UserError: there is nothing at that place, or what is there is neither a run nor a log.
    """
    directory = Path(path)
    if not os.fspath(path):
        raise UserError("'' is no path: name a run directory or a log")
    if _count(directory, _OURS) or _count(directory, _LEFT_OF_OURS) > 1:
        return _own(directory, trace, findings, intent)
    if (only := single_run(directory)) != directory:
        return _own(only, trace, findings, intent)
    check_single_run(directory)
    try:
        read = read_log(directory, chosen)
    except UserError:
        if _count(directory, (*_LEFT_OF_OURS, CHECK)):
            return _own(directory, trace, findings, intent)
        raise
    except OSError as error:
        raise UserError(f"cannot read '{directory}' ({error.strerror}): give a log or a run directory") from error
    if max((len(series.step) for series in read.signals.values()), default=0) < 2:
        raise UserError(f"'{directory}' holds no curve (not two points of any signal): give a run directory or a log")
    facts = intent.added_to(Facts(check=kept_check(directory)))
    found, problems = _diagnosed(read, facts, None)
    problems = (*read.remarks[:_LEFT_OUT], *guess_remark(read, facts), *problems)
    return Source(directory, _name(directory), trace=read, facts=facts, findings=found, problems=problems)


def _verdict_of(replays: Sequence[Replayed]) -> Verdict | None:
    return next((one.verdict for one in replays if one.verdict is not None), None)


def _count(directory: Path, names: tuple[str, ...]) -> int:
    """Return how many of some names are in a directory, 0 where it is none; it never raises."""
    return sum(os.path.lexists(directory / name) for name in names) if os.path.isdir(directory) else 0  # noqa: PTH112


def _lost(trace: Trace, summary: Mapping[str, Any], *, trained: bool) -> list[Remark]:
    """Say where a run that has ended went further than its trace does, and which steps of a training are missing.

    What a recorder writes need not be every step.
    """
    step, cut = summary.get("step"), _cut_short(trace, summary)
    if not trained:
        return cut
    has_come_to = type(step) is int and not cut and summary.get("status") not in (None, "running")
    return [*cut, *lost_steps(trace.series("loss"), step if has_come_to else None)]


def _cut_short(trace: Trace, summary: Mapping[str, Any]) -> list[Remark]:
    step, ends = summary.get("step"), [int(one.step[-1]) for one in trace.signals.values() if len(one.step)]
    if summary.get("status") in (None, "running") or type(step) is not int or not ends or max(ends) >= step:
        return []
    return [left_out("problem-trace-ends", last=max(ends), step=step)]


def _own(directory: Path, given: Trace | None, known: Sequence[Finding] | None, intent: Intent) -> Source:
    files = RunFiles(directory)
    text = files.text("config.toml", _LARGEST_CONFIG)
    config = files.understood("config.toml", text) if text else {}
    summary, data, recording = (files.table(f"{name}.json") for name in ("summary", "data", "recording"))
    listed = files.table("recoveries.json").get("recoveries", ())
    trace = own_trace(files) if given is None else given
    said = facts_of(recording, summary, config, data, files.table(NOTES))
    said, of_ranks = _with_ranks(replace(said, check=files.check()), files)
    facts = intent.added_to(said)
    findings, problems = _diagnosed(trace, facts, known)
    replays = read_replays(files)
    findings, again = proved_first(findings, _verdict_of(replays)), files.rerun()
    samples, ended = files.text("samples.jsonl").encode(), summary.get("status") not in (None, "running")
    return Source(
        directory, _name(directory), True, trace, facts, findings, summary, text, config, data, recording,
        recoveries=tuple(one for one in listed if isinstance(one, Mapping)) if isinstance(listed, list) else (),
        replays=replays,
        samples=tuple(samples_of(samples)),
        rerun=again,
        problems=(
            *files.problems, *said_by(recording), *lost_samples(samples, ended=ended),
            *_lost(trace, summary, trained=bool(config)), *trace.remarks[:_LEFT_OUT], *of_ranks, *problems
        ),
    )  # fmt: skip


def _with_ranks(facts: Facts, files: RunFiles) -> tuple[Facts, tuple[Remark, ...]]:
    """Return facts with what ranks wrote, and what of it could not be read. Links are not followed."""
    folder = files.run / FOLDER
    for one in (folder, *(() if folder.is_symlink() else sorted(folder.glob("*")))):
        if one.is_symlink():
            files.say("problem-link", file=plain(str(one.relative_to(files.run))))
            return facts, ()
    return with_ranks(facts, files.run)


def _name(directory: Path) -> str:
    """Return the last part of a path, also of "." and "..", with the name of a run behind "#"."""
    if directory.name not in ("", ".."):
        return directory.name
    return Path(os.path.abspath(directory)).name or str(directory)  # noqa: PTH100


def _diagnosed(
    trace: Trace, facts: Facts, known: Sequence[Finding] | None
) -> tuple[tuple[Finding, ...], tuple[Remark, ...]]:
    """Diagnose; where facts that a damaged file brought cannot be judged, do it without them and say so."""
    if known is not None:
        return tuple(known), ()
    try:
        return tuple(diagnose(trace, facts)), ()
    except Exception as error:  # what stands in data.json may be of any kind
        return tuple(diagnose(trace)), (left_out("problem-unjudged-data", error=type(error).__name__),)
