"""Follow a run that goes on: diagnose again whenever its log has grown."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.live import Live
from rich.text import Text

from newllm.api import Diagnosis
from newllm.api.diagnosed import NothingYetError
from newllm.api.run_end import has_ended
from newllm.cli.doctor_page import brief_page, finding_line
from newllm.cli.ending import ending_on_sigterm, until_ended
from newllm.cli.paper import PageConsole, say
from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.plotting import colours
from newllm.words import diagnosis as said
from newllm.words.plain import plain

_SECONDS = 1.0  # between two looks
_SHARE = 0.2  # of the time, at most, is spent on diagnosing
_OWN = {"findings.json", "summary.json", "snapshots"}  # these change without a new point in the trace
_MOST_FILES = 2000

_Sizes = tuple[tuple[str, int, int], ...]
_Show = Callable[[Diagnosis, str], None]  # told of every diagnosis, and of what kept it from being renewed


def watch(
    log: str, diagnose: Callable[[], Diagnosis], words: Catalogue, *, quiet: bool
) -> tuple[Diagnosis, int | None]:
    """Follow a log until its run has ended or Ctrl-C; return the last diagnosis, and the exit code of a signal.

    A person at a terminal sees it move; elsewhere a line tells every finding that is new.

    Args:
        log: as `newllm.doctor` takes it.
        diagnose: says what is wrong with it now.
        words: the language.
        quiet: show nothing meanwhile.

    Raises:
        UserError: there is nothing to read, or it ended before a run recorded its first step.
    """
    source = _log_itself(log)
    seen = _sizes(source)
    diagnosis, spent = _first(log, diagnose, words, quiet=quiet)
    with until_ended() as ending, _display(words, quiet=quiet) as show:
        show(diagnosis, "")
        while not has_ended(source):
            time.sleep(max(_SECONDS, spent * (1 / _SHARE - 1)))
            sizes, problem = _sizes(source), ""
            if sizes == seen:
                continue
            try:
                diagnosis, spent = _timed(diagnose)
                seen = sizes
            except UserError as error:  # it may be in the middle of being replaced
                problem = str(error)
            show(diagnosis, problem)
    return diagnosis if _sizes(source) == seen else _last(diagnose, diagnosis, words), ending.code


def _log_itself(log: str) -> Path:
    """Return the file or directory itself where `PATH#RUN` names one run of several."""
    path = Path(log)
    return path if path.exists() or "#" not in log else Path(log.rpartition("#")[0])


def _timed(diagnose: Callable[[], Diagnosis]) -> tuple[Diagnosis, float]:
    began = time.monotonic()
    return diagnose(), time.monotonic() - began


def _first(log: str, diagnose: Callable[[], Diagnosis], words: Catalogue, *, quiet: bool) -> tuple[Diagnosis, float]:
    """Return the first diagnosis; of a run that has only just begun, once there is a step to read."""
    nothing: UserError | None = None
    with ending_on_sigterm():
        try:
            while True:
                try:
                    return _timed(diagnose)
                except NothingYetError:
                    if nothing is None:
                        nothing = UserError(f"'{plain(log)}' has not recorded a step: nothing to judge was seen")
                        if not quiet:
                            say(f"{words('terminal-waiting')}\n", sys.stdout)
                    time.sleep(_SECONDS)
        except KeyboardInterrupt:  # while it waits, or looks again
            if nothing is None:
                raise
            raise nothing from None


def _last(diagnose: Callable[[], Diagnosis], before: Diagnosis, words: Catalogue) -> Diagnosis:
    """Return the diagnosis of what the log holds in the end, or the one before where it cannot be read."""
    try:
        return diagnose()
    except UserError as error:
        note = words("remark_line-note", remark=words("terminal-read_before", why=plain(error)))
        print(f"newllm: {note}", file=sys.stderr)
        return before


def _sizes(source: Path) -> _Sizes:
    """Return what tells that a log has changed: its files with their sizes and times."""
    found = []
    for folder, folders, names in os.walk(source) if source.is_dir() else [(source.parent, [], [source.name])]:
        folders[:] = sorted(name for name in folders if name not in _OWN)
        for name in sorted(set(names) - _OWN):
            with contextlib.suppress(OSError):
                state = (Path(folder) / name).stat()
                found.append((os.path.join(folder, name), state.st_size, state.st_mtime_ns))  # noqa: PTH118 (bytes too)
        if len(found) >= _MOST_FILES:
            break
    return tuple(found)


@contextlib.contextmanager
def _display(words: Catalogue, *, quiet: bool) -> Iterator[_Show]:
    console = PageConsole(sys.stdout, words)
    if quiet or not console.is_terminal:
        yield _Lines(words, quiet=quiet)
        return
    with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="ellipsis") as live:
        yield _Moving(live, console)


class _Moving:
    """The page of a terminal, drawn over itself."""

    def __init__(self, live: Live, console: PageConsole) -> None:
        self._live, self._console = live, console

    def __call__(self, diagnosis: Diagnosis, problem: str) -> None:
        """Draw the page anew."""
        page = brief_page(diagnosis, self._console.paper, self._console.height)
        state = plain(problem) or self._console.paper.words("terminal-read_at", time=time.strftime("%H:%M:%S"))
        page.renderables.append(Text(state, style=colours.MUTED))
        self._live.update(page, refresh=True)


class _Lines:
    """A line for every finding when it is new; the verdict where there is none at the start."""

    def __init__(self, words: Catalogue, *, quiet: bool) -> None:
        self._words, self._quiet = words, quiet
        self._printed: set[tuple[str, float | None]] | None = None

    def __call__(self, diagnosis: Diagnosis, problem: str) -> None:
        """Print what is new."""
        printed = self._printed or set()
        new = [finding for finding in diagnosis.findings if (finding.kind, finding.first_step) not in printed]
        lines = [plain(problem)] if problem else [finding_line(diagnosis, finding, self._words) for finding in new]
        if self._printed is None and not new:
            lines.append(said.headline(self._words, diagnosis.trace, diagnosis.findings, diagnosis.facts))
        self._printed = printed | {(finding.kind, finding.first_step) for finding in new}
        for line in lines if not self._quiet else []:
            say(f"{line}\n", sys.stdout)
