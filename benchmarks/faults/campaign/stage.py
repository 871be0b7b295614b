"""Where the campaign works: undisturbed states that are made once, and the one place where each case is run."""

import gc
import pickle
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import newllm.api.replayed
import newllm.api.training_curves
from campaign import calls, child
from campaign.plans import Kill, Record
from campaign.subjects import RUN, SUBJECTS, Command, Subject, clear_environment, write_texts
from newllm.files import write_bytes

_IMPORTED = ("newllm", "matplotlib", "filelock", "rich", "PIL", "scipy")
_PICTURE = b"\x89PNG\r\n\x1a\n"  # stands for a drawing, see `Stage.run`


@dataclass(frozen=True)
class Undisturbed:
    """A subject that nobody stopped.

    Attributes:
        calls: that changed the file system, in order.
        result: what it came to.
    """

    calls: list[calls.Call]
    result: Any


class Stage:
    """Prepared states, and a place to run commands on them.

    Args:
        folder: made where it is absent; everything in it may be lost.
        heavy: whether subjects may be prepared that take long.
    """

    def __init__(self, folder: Path, *, heavy: bool = True) -> None:
        self._heavy = heavy
        self.folder, self.place, self._kept = folder, folder / "place", folder / "kept"
        shutil.rmtree(folder, ignore_errors=True)
        self._kept.mkdir(parents=True)
        clear_environment(self.place)
        self._undisturbed: dict[str, Undisturbed] = {}
        self._recorded: dict[str, list[calls.Call]] = {}

    def run(self, command: Command, plan: calls.Plan | None = None, *, draws: bool = False) -> child.Ended:
        """Run a command in the place.

        Args:
            command: of newllm.
            plan: what happens at its calls.
            draws: whether pictures are drawn. Drawing takes half of a tiny training; without it a picture is eight
                bytes, written as it would be.
        """

        def before() -> None:
            if not draws:
                newllm.api.training_curves.draw_training_curves = _no_drawing  # type: ignore[assignment]
                newllm.api.replayed.draw_verdict = _no_drawing  # type: ignore[assignment]
            if plan is not None:
                calls.install(self.place, plan)

        return child.run(command, self.place, before)

    def warm_up(self) -> None:
        """Do in this process what every child would do: compile the step that generates."""
        self.undisturbed("stack")
        self.put("stack")
        newllm.api.load(self.place / RUN).generate("", 300)  # the first hundred are not compiled
        gc.collect()
        gc.freeze()  # what a child does not touch is not copied

    def put(self, name: str) -> None:
        """Put a kept state into the place; "" is the texts alone."""
        shutil.rmtree(self.place, ignore_errors=True)
        if name:
            shutil.copytree(self._state(name), self.place)
        else:
            self.place.mkdir()
            write_texts(self.place)

    def allows(self, name: str) -> bool:
        """Whether a subject, and what it begins with, may be prepared."""
        subject = SUBJECTS[name]
        return self._heavy or not (subject.heavy or (subject.before and SUBJECTS[subject.before].heavy))

    def clear(self) -> None:
        """Empty the place."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()

    def keep(self, name: str) -> None:
        """Keep what is in the place."""
        shutil.copytree(self.place, self._kept / re.sub(r"\W+", "-", name))

    def begin(self, subject: Subject) -> None:
        """Put into the place what a subject begins with."""
        if subject.before:
            self.undisturbed(subject.before)
        self.put(subject.before)

    def undisturbed(self, name: str) -> Undisturbed:
        """Run a subject undisturbed, the first time, and keep its state under its name."""
        if name not in self._undisturbed:
            subject = SUBJECTS[name]
            self.begin(subject)
            made = self.recorded(subject.command)
            self.keep(name)
            self._undisturbed[name] = Undisturbed(made, subject.result(self.place))
        return self._undisturbed[name]

    def stopped(self, name: str, share: float) -> str:
        """Keep the state of a training that was killed when so large a share of its calls was made; return its name."""
        state = f"{name}, stopped at {share}"
        if not self._state(state).exists():
            made = self.undisturbed(name).calls
            self.begin(SUBJECTS[name])
            self.run(SUBJECTS[name].command, Kill(int(share * len(made)), "before"))
            self.keep(state)
        return state

    def recorded_once(self, name: str, state: str, command: Command) -> list[calls.Call]:
        """Return the calls of a command on a kept state; the first time it is run."""
        if name not in self._recorded:
            self.put(state)
            self._recorded[name] = self.recorded(command)
        return self._recorded[name]

    def recorded(self, command: Command) -> list[calls.Call]:
        """Run a command in the place, which must succeed, and return its calls."""
        record, file = Record(), self.folder / "calls"

        def recorded() -> int:
            code = command()
            file.write_bytes(pickle.dumps(([*map(tuple, record.calls)], sorted(sys.modules))))
            return code

        ended = self.run(recorded, record)
        if ended.code:
            raise RuntimeError(f"an undisturbed command failed: {ended.stderr}")
        made, modules = pickle.loads(file.read_bytes())
        import_all(modules)
        return [calls.Call(*one) for one in made]

    def _state(self, name: str) -> Path:
        return self._kept / re.sub(r"\W+", "-", name)


def _no_drawing(content: Any, path: Path, **how: Any) -> None:  # noqa: ARG001 (the form of what draws)
    write_bytes(path, _PICTURE)


def import_all(modules: list[str]) -> None:
    """Import what a child has imported, so that the next one finds it there."""
    for name in modules:
        if name.split(".")[0] in _IMPORTED and name not in sys.modules:
            try:
                __import__(name)
            except ImportError:  # made while another was imported
                continue
