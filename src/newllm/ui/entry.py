"""What a list of runs tells of one run, read from its small files; of a damaged or strange one what can be known.

Nothing here raises because a run is bad: what is wrong with it becomes a message in `problems`. A run whose process is
gone, or has not been heard of for long, has no status "running" any more but "stopped".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newllm.diagnosis.run_facts import facts_of
from newllm.diagnosis.run_settings import Setting, settings_of
from newllm.diagnosis.training_kind import reads_text
from newllm.messages import Catalogue, Message, message, quoted, read_message
from newllm.report.source.files import RunFiles
from newllm.report.source.numbers import number_in, whole_in
from newllm.trace import Trace
from newllm.trace.check import CHECK, has_begun
from newllm.trace.labels import NAME as LABELS
from newllm.trace.labels import labels_of
from newllm.trace.verdict import LEVEL
from newllm.ui.status import status_of, time_of

SIGNS = ("summary.json", "recording.json", "trace.jsonl", "config.toml", CHECK)
"""Files by which a directory is known for a run."""

_LARGEST = 4 << 20  # bytes of a file
_LONG = 400  # characters of what is said of a run
_TEXTS: dict[Any, str] = {}
_MOST_TEXTS = 10_000
_BEGINS = 60.0  # seconds from a start in which not every file is there yet


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run of the list.

    Attributes:
        id: its address.
        name: its place below the directory, as it is written there.
        status: of the summary; "stopped" where it says running and is not; "recorded" of a finished recording of
            another trainer; "checked" of one that has not begun; "unknown" where nothing says it.
        step, steps: done and planned; None where it is not known.
        bits, loss: best validation: bits per byte, nats per token.
        at: the step of the best.
        findings: how many of each severity the doctor found, None where nobody has asked.
        wrong: how many answers of the check before training are wrong, None without a check.
        replayable: whether it may be replayed: no recording of another training.
        playable: whether there is a trained model to play with.
        reads_text: whether its losses are of tokens, in nats.
        replayed: whether there is a verdict.
        cause, remedy: what the newest verdict names as cause, or else as the first remedy; None where it names none.
        about: preset, body, rule, norm, seed.
        started, heard: seconds since 1970: the start, the last sign of life.
        seconds: of training.
        speed: tokens a second.
        tags, note, archived: what a person wrote of it.
        settings: of its configuration or recording, by dotted name: what the list may show as columns.
        problems: what is wrong with the directory.
        message: why the run failed.
        version: the version of the list at which this was new.
    """

    id: str
    name: str
    status: str = "unknown"
    step: int | None = None
    steps: int | None = None
    parameters: int | None = None
    bits: float | None = None
    loss: float | None = None
    at: int | None = None
    findings: dict[str, int] | None = None
    wrong: int | None = None
    replayable: bool = True
    playable: bool = False
    reads_text: bool = True
    replayed: bool = False
    cause: str | None = None
    remedy: str | None = None
    about: tuple[Message, ...] = ()
    started: float | None = None
    heard: float | None = None
    seconds: float | None = None
    speed: float | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False
    settings: Mapping[str, Setting] = field(default_factory=dict)
    problems: tuple[Message, ...] = ()
    message: Message | None = None
    version: int = 0

    def as_dict(self, words: Catalogue, columns: Iterable[str] = ()) -> dict[str, Any]:
        """Return plain data without what is not known or not so, in a language; of the settings those asked for."""
        about = words("list").join(_text(words, one) for one in self.about)
        why = None if self.message is None else words.text(self.message)[:_LONG]
        said: dict[str, Any] = {"about": about, "problems": tuple(map(words.text, self.problems)), "message": why}
        said["settings"] = {name: self.settings[name] for name in columns if name in self.settings}
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__} | said
        fields["reads_text"] = None if self.reads_text else False  # what is so of nearly every run is not said
        left_out = (None, (), "", {})
        return {
            name: value for name, value in fields.items()
            if value not in left_out and (value is not False or name == "reads_text")
        }  # fmt: skip


def _text(words: Catalogue, said: Message) -> str:
    """Return a short message in a language: the same ones are said of very many runs."""
    key = words.lang, said.id, tuple(said.parameters.items())
    try:
        found = _TEXTS.get(key)
    except TypeError:  # a parameter is a list
        return words.text(said)
    if found is None:
        if len(_TEXTS) >= _MOST_TEXTS:
            _TEXTS.clear()
        found = _TEXTS[key] = words.text(said)
    return found


def read_entry(run: Path, *, id: str, name: str, now: float) -> Entry:
    """Read a run's directory; of one that cannot be read say so.

    Args:
        run: the directory.
        id: its address.
        name: as the list shows it.
        now: seconds since 1970.
    """
    try:
        return _entry(run, id, name, now)
    except OSError as error:  # a directory that may be listed, and not entered
        return Entry(id=id, name=name, problems=(message("entry-unread", reason=str(error.strerror)),))


def _entry(run: Path, id: str, name: str, now: float) -> Entry:
    files = RunFiles(run)
    outside = [sign for sign in SIGNS if leads_out(run / sign, run)]
    if outside:
        return Entry(id=id, name=name, problems=(message("entry-link", files=", ".join(outside)),))
    summary, recording = (dict(files.table(f"{part}.json", _LARGEST)) for part in ("summary", "recording"))
    config = dict(files.table("config.toml", _LARGEST))
    heard = time_of(summary.get("heartbeat")) or max(map(_changed, (run, run / "trace.jsonl")))
    check, checked = files.check(), ("checked", None)
    status, doubt = checked if check and not has_begun(run) else status_of(summary, recording, heard, now)
    started = time_of(summary.get("started"))
    begins = status == "running" and started is not None and now - started < _BEGINS  # config.toml comes a little later
    wanted = (
        () if recording or status == "checked" else ("summary.json",) if begins else ("summary.json", "config.toml")
    )
    missing = [sign for sign in wanted if not (run / sign).is_file()]
    best, labels = _dict(summary.get("best_validation")), labels_of(files.table(LABELS, _LARGEST))
    findings = _findings(files)
    absent = (message("entry-missing", file=sign) for sign in missing)
    problems = (*(one.sentence for one in files.problems), *absent, *([doubt] if doubt else ()))
    return Entry(
        id=id,
        name=name,
        status=status,
        step=whole_in(summary, "step"),
        steps=whole_in(summary, "steps") or None,
        parameters=whole_in(summary, "parameters") or whole_in(recording, "parameters"),
        bits=number_in(best, "bits_per_byte"),
        loss=number_in(best, "loss"),
        at=whole_in(best, "step"),
        findings=findings,
        wrong=None if check is None else len(check.wrong),
        replayable=bool(config) or not recording,
        playable=any(run.glob("snapshots/step-*/state.json")),
        reads_text=not recording or reads_text(Trace(), facts_of(recording, summary, config, {})),
        **_verdict(run),
        about=_about(config, recording),
        started=started,
        heard=heard,
        seconds=number_in(summary, "seconds"),
        speed=number_in(summary, "tokens_per_second"),
        tags=labels.tags,
        note=labels.note,
        archived=labels.archived,
        settings=settings_of(config, recording),
        problems=problems,
        message=read_message(summary.get("reason"), summary["message"]) if summary.get("message") else None,
    )


def leads_out(path: Path, root: Path) -> bool:
    """Say whether a path is a link to something that is not below `root`."""
    if not path.is_symlink():
        return False
    try:
        return not path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return True


def _findings(files: RunFiles) -> dict[str, int] | None:
    content = files.table("findings.json", _LARGEST)
    if not isinstance(content.get("findings"), list):
        return None
    severities = [_dict(finding).get("severity") for finding in content["findings"]]
    return {severity: severities.count(severity) for severity in ("fault", "warning", "note")}


def _verdict(run: Path) -> dict[str, Any]:
    """Return what the newest verdict names: the cause, else the first confirmed remedy; nothing without a verdict."""
    for file in sorted(run.glob("replays/*/verdict.json"), key=_changed, reverse=True)[:1]:
        verdict = RunFiles(file.parent).table(file.name, _LARGEST)
        cause = _dict(verdict.get("cause")).get("name")
        tried = verdict.get("interventions")
        remedies = [
            one["name"]
            for one in (tried if isinstance(tried, list) else [])
            if isinstance(one, dict)
            and one.get("class") == "removes"
            and one.get("stage") == "confirmed"
            and isinstance(one.get("name"), str)
            and isinstance(p := one.get("p"), float)
            and p < LEVEL
        ]
        named = {"cause": str(cause)[:80]} if cause else {"remedy": remedies[0][:80]} if remedies else {}
        return {"replayed": True, **named}
    return {}


def _about(config: dict[str, Any], recording: dict[str, Any]) -> tuple[Message, ...]:
    model = _dict(config.get("model"))
    names = [config.get("preset"), *(model.get(key) for key in ("body", "rule"))]
    if not config and recording:
        names = [recording.get("model") or recording.get("kind") or "newllm.record"]
    norm, seed = model.get("norm"), config.get("seed")
    return (
        *(quoted(name) for name in dict.fromkeys(name[:60] for name in names if isinstance(name, str) and name)),
        *([message("entry-norm", norm=norm)] if norm in ("read", "write") else []),
        *([message("entry-seed", seed=str(seed)[:60])] if isinstance(seed, int) else []),
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
