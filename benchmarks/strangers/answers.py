"""What the doctor says of a run, held against what may be said of it (accepted.toml)."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import newllm
from newllm.diagnosis.run_facts import runs_in
from newllm.trace import SEVERITIES, Finding

HERE = Path(__file__).parent
Label = dict[str, Any]
_SURE = 0.8
_LOOKED_AT = 3  # a cause further down a list has not been named
_TOLERANCE = 0.1  # of the run, in what counts as the right step


@dataclass(frozen=True)
class Accepted:
    """What counts as right for a run: ids of causes and kinds of finding."""

    causes: frozenset[str] = frozenset()
    findings: frozenset[str] = frozenset()


@dataclass
class Answer:
    """What the doctor says of a run.

    Attributes:
        said: its findings, plain data, in its own order.
        found: whether a warning is of an accepted kind, or has an accepted cause among its first three.
        verdict: on what the first warning with causes names first; "unknown" if none names one, "" without warnings.
        cause: the id that is named first.
        probability: the doctor's for that cause; None where it gives none.
        sure: whether it is at least 0.8; without probabilities, whether something in the run speaks for the cause.
        onset: whether the first warning that counts begins at the fault's steps; None where that cannot be told.
        unjudged: whether there was too little to judge.
        failed: the error, if the doctor raised one.
    """

    said: list[dict[str, Any]] = field(default_factory=list)
    found: bool = False
    verdict: Literal["right", "wrong", "unknown", ""] = ""
    cause: str = ""
    probability: float | None = None
    sure: bool = False
    onset: bool | None = None
    unjudged: bool = False
    failed: str = ""

    @property
    def warned(self) -> bool:
        """Whether there is a warning or a fault among what is said."""
        return any(finding["severity"] != "note" for finding in self.said)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def accepted_table(folder: Path = HERE) -> tuple[dict[str, Accepted], dict[str, Accepted]]:
    """Return what is accepted by kind of fault, and beside it by name of a run."""
    tables = tomllib.loads((folder / "accepted.toml").read_text(encoding="utf-8"))
    runs = tables.pop("runs", {})
    if folder == HERE:
        tables |= tomllib.loads((HERE / "accepted-held-out.toml").read_text(encoding="utf-8"))
    return {name: _accepted(row) for name, row in tables.items()}, {name: _accepted(row) for name, row in runs.items()}


def _accepted(row: dict[str, list[str]]) -> Accepted:
    return Accepted(frozenset(row["causes"]), frozenset(row["findings"]))


def accepted_of(name: str, label: Label, kinds: dict[str, Accepted], runs: dict[str, Accepted]) -> Accepted:
    """Return what counts as right for a run; nothing for a healthy one."""
    if label["kind"] == "healthy":
        return Accepted()
    kind, own = kinds[label["kind"]], runs.get(name, Accepted())
    return Accepted(kind.causes | own.causes, kind.findings | own.findings)


def ask(label: Label, path: Path, accepted: Accepted) -> Answer:
    """Return the doctor's answer on a log or a recording; of a directory of several runs on all of them together."""
    try:
        runs = [newllm.doctor(run) for run in runs_in(path) or [path]]
    except Exception as error:  # one run that breaks the doctor must not end the scoring of the others
        return Answer(failed=f"{type(error).__name__}: {error}")
    findings = sorted(
        (finding for run in runs for finding in run.findings), key=lambda one: -SEVERITIES.index(one.severity)
    )  # stable: of one run they stay in the doctor's order, which is by severity first
    lasts = [run.trace.last_step if run.trace.axis == "step" else None for run in runs]
    answer = judged(findings, accepted, label["steps"], lasts[0])
    answer.unjudged = not all(run.judged for run in runs)
    return answer


def judged(
    findings: Sequence[Finding],
    accepted: Accepted,
    steps: Sequence[int | None] | None = None,
    last: float | None = None,
) -> Answer:
    """Hold findings against what is accepted.

    Args:
        findings: in the doctor's order.
        accepted: what counts.
        steps: the first and the last update that the fault acts on; None as the last is the end of the run.
        last: the log's last step; None if it is not counted in steps.
    """
    answer = Answer([_plain(finding) for finding in findings])
    warnings = [finding for finding in findings if finding.severity != "note"]
    hits = [
        finding
        for finding in warnings
        if finding.kind in accepted.findings or accepted.causes & set(causes_of(finding)[:_LOOKED_AT])
    ]
    answer.found = bool(hits)
    first = next((finding for finding in warnings if causes_of(finding)), None)
    if first is not None:
        answer.cause = causes_of(first)[0]
        answer.verdict = "right" if answer.cause in accepted.causes else "wrong"
        answer.probability = (_probabilities(first) or {}).get(answer.cause)
        answer.sure = first.supported_causes is not None if answer.probability is None else answer.probability >= _SURE
    elif warnings:
        answer.verdict = "unknown"
    if hits and steps and steps[0] and last is not None and hits[0].first_step is not None and last >= steps[0]:
        end = last if steps[1] is None else steps[1]
        answer.onset = steps[0] - _TOLERANCE * last <= hits[0].first_step <= end + _TOLERANCE * last
    return answer


def causes_of(finding: Finding) -> list[str]:
    """Return the causes that a finding names, the likeliest first; none where it says that the cause is unknown."""
    probabilities = _probabilities(finding)
    if probabilities is not None:
        ids = sorted(probabilities, key=lambda cause: -probabilities[cause])
        return [] if ids[:1] == ["unknown"] else [cause for cause in ids if cause != "unknown"]
    return list(finding.candidate_causes if finding.supported_causes is None else finding.supported_causes)


def _probabilities(finding: Finding) -> dict[str, float] | None:
    """Return the probabilities of causes; None of a doctor that gives none."""
    given: Mapping[str, float | None] | None = getattr(finding, "cause_probabilities", None)
    known = {cause: probability for cause, probability in (given or {}).items() if probability is not None}
    return known if given is not None and len(known) == len(given) else None


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "confidence": round(finding.confidence or 0.0, 3),
        "first_step": finding.first_step,
        "causes": causes_of(finding)[:_LOOKED_AT],
    }
