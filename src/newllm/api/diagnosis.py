"""What the doctor says of a run or a log. No torch."""

import dataclasses
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.bisection.store import bisection_between
from newllm.demo import shown
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.run_facts import is_run
from newllm.files import plain_data
from newllm.messages import Catalogue, catalogue
from newllm.report.source import Source, read_source
from newllm.report.source.held import Held
from newllm.reruns.result import Rerun
from newllm.reruns.rise import rises
from newllm.trace import Finding, Trace, Verdict
from newllm.trace.program import PROGRAM
from newllm.trace.rich import Rich, Shown
from newllm.words.diagnosis import headline, less_than, unjudged
from newllm.words.finding_data import finding_data
from newllm.words.reruns import rerun_shows
from newllm.words.verdicts import replays_show, sentences_of

SCHEMA = 1
_AS_BEFORE = "as-before-finding"  # what is said of an alarm that the runs before it have too


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnosis(Rich):
    """What the doctor says.

    Attributes:
        path: what was read.
        trace: its signals, and what of the log was left out.
        facts: what was known beside them.
        findings: what matters most first; empty for a healthy run. That whose cause replays have shown stands first.
        verdict: the newest of its replays, None without one.
        logs: of several ranks that were read together, by rank; `path` is the directory, or the first of them.
        against: the diagnoses of the sound runs that it was held against; empty where there were none.
        chosen: whether the sound run was chosen, and not given.
        doubtful: whether something is wrong with that one too, as with all that could be chosen.
        alone: what the doctor says of the run by itself, where it was held against one.
        rerun: what came of running the program of a recording again (`newllm.rerun`); None where nobody has.
    """

    path: Path
    trace: Trace
    facts: Facts
    findings: list[Finding]
    verdict: Verdict | None = None
    logs: Mapping[int, Path] = dataclasses.field(default_factory=dict)
    against: tuple["Diagnosis", ...] = ()
    chosen: bool = False
    doubtful: bool = False
    alone: "Diagnosis | None" = None
    rerun: Rerun | None = None

    def __str__(self) -> str:
        """Return a line of how it looks, one of what its replays show, and one for each finding."""
        words = catalogue("en")
        said = [f"{one.severity}: {words.text(one.sentence)}" for one in self.findings]
        replayed = list(filter(None, [self.replays_show(words)]))
        return "\n".join([headline(words, self.trace, self.findings, self.facts), *replayed, *said])

    @property
    def wrong(self) -> bool:
        """Whether a finding is more than a note."""
        return any(finding.severity != "note" for finding in self.findings)

    @property
    def unjudged(self) -> str:
        """Why nothing could be judged: no loss was understood, or it has hardly any points; else empty."""
        return str(unjudged(self.trace, self.findings) or "")

    @property
    def judged(self) -> bool:
        """Whether there was enough to say that nothing is wrong."""
        return not self.unjudged

    def show(self, lang: str = "en") -> Shown:
        """Return what a notebook shows of it, in a language: the page of what was read."""
        from newllm.report.notebook import run_shown  # what draws takes long to load, and only a notebook needs it

        own = self.alone or self
        path, trace, findings = self.path, own.trace, tuple(own.findings)
        if is_run(path):
            source = read_source(path, trace=trace, findings=findings)
        else:
            source = Source(path, path.name, trace=trace, facts=self.facts, findings=findings, problems=trace.remarks)
        return run_shown(self.added_to(source), catalogue(lang))

    def replays_show(self, words: Catalogue) -> str:
        """Return in a line what replays show of a cause; empty where there are none."""
        return replays_show(words, self.verdict) or rerun_shows(words, self.rerun)

    @property
    def can_be_rerun(self) -> bool:
        """Whether `newllm replay` can run the program of this recording again, as its loss rises, and nobody has."""
        if self.rerun is not None or self.verdict is not None or not (self.path / PROGRAM).is_file():
            return False
        return bool(rises((self.alone or self).findings, self.trace.series("loss")))

    @property
    def bisect_command(self) -> str:
        """The command that finds which change of the program is the cause; empty where no change may be it.

        Whatever the alarm is, a change of the program may be its cause, but not of one that the runs before it have
        too. An option is such a change as well, where the run comes to less by it. Held against a doubtful run it is
        not known what a sound program does.
        """
        differs = any(one.kind == "program-differs" for one in self.findings)
        news = any(one.severity != "note" and one.sentence.id != _AS_BEFORE for one in self.findings)
        if self.doubtful or not differs or not (news or less_than(self.findings)):
            return ""
        named = [] if self.chosen else ["--against", shown(self.against[0].path)]
        return shlex.join(["newllm", "bisect", shown(self.path), *named])

    def added_to(self, source: Source) -> Source:
        """Return a report's source of the run by itself with what is said of it beside sound runs."""
        if not self.against or self.alone is None:
            return source
        sound, remarks = self.against[0], self.trace.remarks[len(self.alone.trace.remarks) :]
        held = Held(
            name=shown(sound.path),
            trace=sound.trace,
            remarks=tuple(one for one in remarks if one.kind == "note"),
            command=self.bisect_command,
            bisection=bisection_between(self.path, sound.path),
        )
        unread = (one for one in remarks if one.kind != "note")
        return dataclasses.replace(
            source, findings=tuple(self.findings), problems=(*source.problems, *unread), held=held
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: schema, run, judged, findings, left_out, remarks, replays, logs_of_ranks.

        `replays` where there is a verdict, `logs_of_ranks` where several logs were read together, `against` where sound
        runs were given.

        Of numbers that are not finite, None.
        """
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "run": os.fspath(self.path),
            "judged": self.judged,
            "findings": [finding_data(finding) for finding in self.findings],
            "left_out": list(self.trace.left_out),
            "remarks": [remark.as_dict() for remark in self.trace.remarks],
        }
        if self.verdict is not None:
            said = [str(one) for one in sentences_of(self.verdict)]
            content["replays"] = {"cause": (self.verdict.cause or {}).get("name"), "sentences": said}
        elif self.rerun is not None:
            said = [str(one) for one in self.rerun.sentences()]
            content["replays"] = {"cause": self.rerun.cause_name, "sentences": said}
        if self.logs:
            content["logs_of_ranks"] = {str(rank): os.fspath(path) for rank, path in self.logs.items()}
        if self.against:
            content["against"] = [os.fspath(one.path) for one in self.against]
        return plain_data(content)
