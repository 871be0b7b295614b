"""Which files of a run are packed, copied without paths: those that the doctor, a report and the local page read.

Never the weights, the tokenizer (a vocabulary is made of the texts), the texts themselves, or what trackers printed,
where keys may stand.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from newllm.errors import UserError
from newllm.report.pack.paths import Paths, texts_of
from newllm.report.source.files import RunFiles
from newllm.trace import Remark

SAMPLES = "samples.jsonl"
# The lines of a trace before its blocks: rows that are packed meanwhile then stand in both, and are lost in neither.
_FILES = (
    "config.toml", "data.json", "recording.json", "findings.json", "check.json", "notes.json", "summary.json",
    "recoveries.json", "schedule.jsonl", SAMPLES, "trace.jsonl", "trace.blocks",
)  # fmt: skip
_SIGNS = ("config.toml", "recording.json", "trace.jsonl", "trace.blocks")
_IN_FOLDERS = {
    "ranks": re.compile(r"[\w.-]+\.jsonl?"),
    "replays": re.compile(r"(verdict|replay)\.json"),
    "trajectories": re.compile(r"[\w.+-]+\.json"),
}
_WITH_PATHS = re.compile(r"(?!replays/[^/]+/trajectories/|ranks/).*\.(json|toml)")
_MOST = 20_000  # names of a folder
_LARGEST = 1 << 32  # bytes of a file


@dataclass(frozen=True)
class Copied:
    """A run's files in another directory.

    Attributes:
        names: relative to it, in the order of their last changes.
        problems: what was left out because it is no plain file.
    """

    names: tuple[str, ...]
    problems: tuple[Remark, ...]


def check_run(run: Path) -> None:
    """Refuse what is no run that newllm wrote.

    Raises:
        UserError: it is none.
    """
    if not run.exists():
        raise UserError(f"cannot read '{run}' (no such file or directory): name a run directory")
    if not run.is_dir():
        raise UserError(f"'{run}' is a log, which --zip does not pack: attach it as it is, newllm doctor reads it")
    if not any(os.path.lexists(run / name) for name in _SIGNS):
        raise UserError(f"'{run}' is no run directory of newllm: name one, or attach the log itself")


def copy_run(run: Path, place: Path) -> Copied:
    """Copy a run's files into a directory, without paths of this machine.

    Args:
        run: the run; nothing in it is changed.
        place: the directory, empty.

    Raises:
        UserError: a file cannot be copied.
    """
    files = RunFiles(run)
    names = [name for name in [*_FILES, *_in_folders(files)] if files.sound(name, _LARGEST)]
    paths = Paths(texts_of(files.text("config.toml"), files.text("data.json")))
    changed = {}
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            changed[name] = _copy(run / name, place / name, paths if _WITH_PATHS.fullmatch(name) else None)
        except OSError as error:
            raise UserError(
                f"cannot pack '{run / name}' ({error.strerror}): free some space, or make it readable"
            ) from error
    return Copied(tuple(sorted(names, key=lambda name: (changed[name], name))), tuple(files.problems))


def _in_folders(files: RunFiles) -> list[str]:
    spikes = [f"replays/{name}" for name in files.names("replays", _MOST)]
    folders = ["ranks", *(folder for spike in spikes for folder in (spike, f"{spike}/trajectories"))]
    found = []
    for folder in folders:
        wanted = _IN_FOLDERS.get(folder.rpartition("/")[2], _IN_FOLDERS["replays"])
        if (files.run / folder).is_dir() and not (files.run / folder).is_symlink():
            found += [f"{folder}/{name}" for name in files.names(folder, _MOST) if wanted.fullmatch(name)]
    return found


def _copy(file: Path, to: Path, paths: Paths | None) -> int:
    """Copy a file, and return when it was last changed: of several verdicts the newest counts."""
    changed = file.stat().st_mtime_ns
    if paths is None:
        shutil.copyfile(file, to)
    else:
        raw = file.read_bytes()
        content = raw.decode(errors="surrogateescape")
        after = paths.toml(content) if file.suffix == ".toml" else paths.json(content)
        to.write_bytes(after.encode(errors="surrogateescape"))
    os.utime(to, ns=(changed, changed))
    return changed
