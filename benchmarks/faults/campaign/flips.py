"""One bit of one file turned over: the next command that reads the file gives the same bits, refuses, or says so.

config.toml and the file of a study are a person's own, and no checksum stands over what a person may edit: a bit that
makes it another valid configuration is an edit, and is counted as one.
"""

import json
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign.child import Ended
from campaign.outcome import EDITED, REFUSED, SAME, TOLD, VIOLATION, Outcome, differences, ending
from campaign.stage import Stage
from campaign.subjects import (
    RUN,
    STUDY,
    Command,
    digest,
    newllm,
    packing,
    replaying,
    result_of_study,
    result_of_training,
    resuming_aloud,
    verdict_of_replay,
    without_clocks,
)

_A_PERSONS = "held-out.txt"  # nobody has said before what stands in it
_EDITABLE = ("run/config.toml", "small.py")
_EDGE = 100  # bytes at either end of a file, where headers and checksums are


def _printed(place: Path, ended: Ended) -> Any:  # noqa: ARG001 (the form of an answer)
    return without_clocks(json.loads(ended.stdout))


def _trained(place: Path, ended: Ended) -> Any:  # noqa: ARG001
    return result_of_training(place)


def _studied(place: Path, ended: Ended) -> Any:  # noqa: ARG001
    return result_of_study(place)


def _replayed(place: Path, ended: Ended) -> Any:  # noqa: ARG001
    return verdict_of_replay(place)


def _written(name: str) -> Callable[[Path, Ended], Any]:
    return lambda place, _: digest(place / name)


def _generated(place: Path, ended: Ended) -> Any:
    return {**_printed(place, ended), "context": digest(place / "kept.context")}


@dataclass(frozen=True)
class Reader:
    """A command, what it is run on, and its answer, which a flip may not change unseen.

    Attributes:
        name: of it.
        state: the subject that has run before; "..., stopped" was killed on its way.
        command: of newllm.
        answer: from the place and how the command ended.
        weight: how often it comes: less often where it takes long.
    """

    name: str
    state: str
    command: Command
    answer: Callable[[Path, Ended], Any]
    weight: float = 1.0


_CONTEXT = ("--context-out", "kept.context", "--tokens", 8, "--json")
_GENERATE = newllm("generate", RUN, "--prompt", "the", *_CONTEXT)
_GO_ON = newllm("generate", RUN, "--context-in", "kept.context", *_CONTEXT)
_PAGE = newllm("report", RUN, "--out", "page.html")
_DOCTOR = newllm("doctor", RUN, "--json")
READERS = (
    Reader("resume", "stack, stopped", resuming_aloud, _trained),
    Reader("resume of a guarded run", "guard, stopped", resuming_aloud, _trained, 0.3),
    Reader("resume of a finished run", "guard", resuming_aloud, _trained),
    Reader("resume of a packed trace", "packed trace, stopped", packing(resuming_aloud), _trained),
    Reader("doctor of a packed trace", "packed trace", _DOCTOR, _printed),
    Reader("study gone on with", "study", newllm("study", "small.py", "--out", STUDY, "--workers", 1), _studied, 0.2),
    Reader("report of a study", "study", newllm("report", STUDY, "--out", "page.html"), _written("page.html")),
    Reader("generate", "context file", _GENERATE, _generated),
    Reader("generate on", "context file", _GO_ON, _generated),
    Reader("generate from a guarded run", "guard", _GENERATE, _generated),
    Reader("eval", "stack", newllm("eval", RUN, "held-out.txt", "--json"), _printed, 0.3),
    Reader("doctor", "stack", _DOCTOR, _printed),
    Reader("doctor of a guarded run", "guard", _DOCTOR, _printed),
    Reader("doctor of a replayed run", "replay, whole", _DOCTOR, _printed),
    Reader("report", "stack", _PAGE, _written("page.html")),
    Reader("report of a guarded run", "guard", _PAGE, _written("page.html")),
    Reader("report of a replayed run", "replay, whole", _PAGE, _written("page.html")),
    Reader("replay", "replay, whole", replaying(), _replayed, 0.2),
)


class Flips:
    """Flips on all readers; what each reads, and answers undisturbed, is found out the first time.

    Args:
        stage: where they are run.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._known: dict[str, tuple[list[str], Ended, Any]] = {}

    def flip(self, chance: random.Random) -> list[Outcome]:
        """Turn over one bit of a file that a command reads, and run it. Every kind of file comes as often."""
        reader = chance.choices(READERS, [one.weight for one in READERS])[0]
        if not self.stage.allows(reader.state.removesuffix(", stopped")):
            return []
        files, ended, answer = self._undisturbed(reader)
        kinds: dict[str, list[str]] = {}
        for file in files:
            kinds.setdefault(kind_of(file), []).append(file)
        kind = chance.choice(sorted(kinds))
        path = chance.choice(kinds[kind])
        self._put(reader)
        where = _turn(self.stage.place / path, chance)
        found = self.stage.run(reader.command)
        verdict, why = self._judge(reader, path, found, ended, answer)
        return [Outcome(f"{kind}", verdict, f"{reader.name}: {path}, {where}: {why}" if verdict == VIOLATION else "")]

    def _put(self, reader: Reader) -> None:
        name = reader.state.removesuffix(", stopped")
        if name != reader.state:
            self.stage.put(self.stage.stopped(name, 0.97 if name == "guard" else 0.6))
        else:
            self.stage.undisturbed(reader.state)
            self.stage.put(reader.state)

    def _undisturbed(self, reader: Reader) -> tuple[list[str], Ended, Any]:
        if reader.name not in self._known:
            self._put(reader)
            there = {str(path.relative_to(self.stage.place)): path for path in self.stage.place.rglob("*")}
            sizes = {name: path.stat().st_size for name, path in there.items() if path.is_file()}
            seen = self.stage.folder / "opened"
            ended = self.stage.run(lambda: _listing(reader.command, self.stage.place, seen))
            opened = set(json.loads(seen.read_text()))
            answer = reader.answer(self.stage.place, ended)
            files = sorted(name for name, size in sizes.items() if size and name in opened - {_A_PERSONS})
            self._known[reader.name] = files, ended, answer
        return self._known[reader.name]

    def _judge(self, reader: Reader, path: str, found: Ended, ended: Ended, answer: Any) -> tuple[str, str]:
        wrong = ending(found)
        if wrong is not None:
            return VIOLATION, wrong
        if found.refused:
            return REFUSED, ""
        said = _says(path, found, ended)
        try:
            other = reader.answer(self.stage.place, found)
        except Exception as error:  # whatever it is: the command has said that all is well
            return VIOLATION, f"exit code {found.code}, and its result cannot be read: {error!r}"
        if other == answer and found.code == ended.code:
            return (TOLD if said else SAME), ""
        if path in _EDITABLE:
            return EDITED, ""
        return (TOLD, "") if said else (VIOLATION, f"exit code {found.code}, {differences(other, answer)[:600]}")


def kind_of(path: str) -> str:
    """Return which kind of file it is: numbers, and names made from contents, say nothing of that."""
    path = re.sub(r"\b[0-9a-f]{16,}\b", "*", path)
    return re.sub(r"\d+", "N", re.sub(r"trajectories/.*", "trajectories/*.json", path))


def _turn(path: Path, chance: random.Random) -> str:
    """Turn over one bit: anywhere, or near an end of the file."""
    content = bytearray(path.read_bytes())
    size = len(content)
    near = min(_EDGE, size)
    at = chance.choice((chance.randrange(size), chance.randrange(near), size - 1 - chance.randrange(near)))
    bit = chance.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(bytes(content))
    return f"byte {at} of {size}, bit {bit}"


def _listing(command: Command, place: Path, file: Path) -> int:
    """Run a command and write down which files below `place` it opens."""
    opened: set[str] = set()

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | Path):
            path = Path(str(arguments[0]))
            path = path if path.is_absolute() else place / path
            if path.is_relative_to(place):
                opened.add(str(path.relative_to(place)))

    sys.addaudithook(see)
    code = command()
    file.write_text(json.dumps(sorted(opened)))
    return code


def _says(path: str, found: Ended, ended: Ended) -> bool:
    """Whether the command says something of the file that it does not say of whole ones."""
    name = Path(path).name
    usual = set((ended.stdout + ended.stderr).splitlines())
    lines = [line for line in (found.stdout + found.stderr).splitlines() if line not in usual]
    return any(name in line for line in lines)
