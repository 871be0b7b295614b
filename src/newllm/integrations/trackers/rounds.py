"""The doctor's rounds: it looks at a run that goes on, and says what it has not said before."""

import time
from pathlib import Path

from newllm.errors import UserError

Alert = tuple[int, str, str, str, str]
"""Step, kind, severity, title and text of a finding."""

_SHARE = 0.02  # of the time, at most
_RAREST = 60.0  # seconds between two looks, at least


class Rounds:
    """Looks at a run.

    Args:
        run: its directory.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._said: set[tuple[str, str]] = set()
        self._due = time.monotonic() + _RAREST

    def due(self) -> list[Alert]:
        """Return the alerts that are new, if it is time to look; else none."""
        return self.last() if time.monotonic() >= self._due else []

    def last(self) -> list[Alert]:
        """Look now; return the alert of each finding that is new and no note."""
        if not (self._run / "trace.jsonl").is_file():  # else the doctor would look for another log
            return []
        from newllm.api.diagnosed import doctor
        from newllm.messages import catalogue
        from newllm.words import diagnosis as said
        from newllm.words.labels import kind_label

        began = time.monotonic()
        words = catalogue("en")
        try:
            diagnosis = doctor(self._run, against=())
        except UserError:  # nothing recorded yet
            return []
        finally:
            self._due = time.monotonic() + max(_RAREST, (time.monotonic() - began) / _SHARE)
        found: list[Alert] = []
        for finding in diagnosis.findings:
            if finding.severity == "note" or (finding.kind, finding.severity) in self._said:
                continue
            self._said.add((finding.kind, finding.severity))
            text = str(finding.sentence)
            causes = said.causes(words, finding)
            found.append(
                (
                    int(finding.first_step or 0),
                    finding.kind,
                    finding.severity,
                    kind_label(words, finding.kind),
                    f"{text} {causes}".strip(),
                )
            )
        return found
