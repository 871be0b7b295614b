"""What a bisection came to, as data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from newllm.bisection.change import Change
from newllm.bisection.search import Outcome
from newllm.bisection.symptom import is_warning
from newllm.files import plain_data
from newllm.messages import Message, message

SCHEMA = 1
Stage = Literal["sound", "all", "search", "without"]
"""Why a trial is run: the sound program, all changes, some of them, all but the cause."""

Ended = Literal["cause", "given", "not-the-sound-run", "outside", "elsewhere", "unresolved", "out-of-time"]
"""How it ended.

cause: a smallest set of changes brings the symptom about. given: no loss parts, and of what the training is given is
known which changes bring it about. not-the-sound-run: the sound program, run again, parts from
the sound run. outside: the programs are alike, or all changes together do not bring it about. elsewhere: the program
imports a file that differs from somewhere else than its directory. unresolved: with all changes the program fails.
out-of-time: the time was up before any of these was known."""


@dataclass(frozen=True)
class Trial:
    """One run of the program.

    Attributes:
        changes: the numbers of those that it had.
        stage: why it was run.
        outcome: what it came to.
        horizon: step up to which it was judged.
        steps: that it recorded.
        seconds: that it took.
        identical: whether the losses are those of the sound program's run, bit by bit; None where that is not known.
        losses: checksum of its losses and of the signals by which it was judged; empty where it failed.
        said: what parts, in words; None where nothing does.
        printed: of one that failed the last lines that it printed.
        shows: what it is given that the run is given too, and the sound run is not.
    """

    changes: tuple[int, ...]
    stage: Stage
    outcome: Outcome
    horizon: int
    steps: int
    seconds: float
    identical: bool | None = None
    losses: str = ""
    said: Message | None = None
    printed: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()

    def shown(self, found: "Bisection") -> list[Message]:
        """Return in words what it is given that the run is given too."""
        return [said for what, said in found.given if what in self.shows]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "changes": list(self.changes),
            "stage": self.stage,
            "outcome": self.outcome,
            "horizon": self.horizon,
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "identical": self.identical,
            "losses": self.losses,
            "parts": None if self.said is None else str(self.said),
            "parts_message": None if self.said is None else self.said.as_dict(),
            "printed": list(self.printed),
            "shows": list(self.shows),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Trial":
        """Return what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        if data["outcome"] not in get_args(Outcome) or data["stage"] not in get_args(Stage):
            raise ValueError("no trial")
        said = data["parts_message"]
        return cls(
            changes=tuple(map(int, data["changes"])),
            stage=data["stage"],
            outcome=data["outcome"],
            horizon=int(data["horizon"]),
            steps=int(data["steps"]),
            seconds=float(data["seconds"]),
            identical=None if data["identical"] is None else bool(data["identical"]),
            losses=str(data["losses"]),
            said=None if said is None else Message.from_dict(said),
            printed=tuple(map(str, data["printed"])),
            shows=tuple(map(str, data["shows"])),
        )


@dataclass(frozen=True)
class Bisection:
    """What a bisection came to.

    Attributes:
        run, sound: the paths of both runs, as they were given.
        digest: of both programs.
        horizon: step up to which trials run.
        changes: what differs between the programs, those first that are tried first.
        seeds: that differ and are left as in the sound program.
        trials: in their order.
        ended: how it ended, None while it goes on.
        left: the numbers of the smallest set of changes known to bring the symptom about.
        carried: those of them that only rename what the others use.
        necessary: whether the program with all other changes does not show it; None where that is not known.
        moved: packages and files of data that are not what the sound run had, as (name, there, now).
        missing: files that the program imports from elsewhere.
        notices: what else a person should know.
        seconds: that it took in all.
        given: where no loss parts, what the training is given and the sound one is not, by its name and in words.
        brings: of what is given by its name the numbers of the changes that bring it about.
        seeded: whether all trials have the seeds of the run, as those of the sound one do not show the symptom.
        repeats: whether the sound program, run again, has the losses of the sound run to the bit; None where not known.
        reset: settings that the trial with all changes recorded otherwise than the run, likewise.
    """

    run: str
    sound: str
    digest: str
    horizon: int
    changes: tuple[Change, ...]
    seeds: tuple[Change, ...] = ()
    trials: tuple[Trial, ...] = ()
    ended: Ended | None = None
    left: tuple[int, ...] = ()
    carried: tuple[int, ...] = ()
    necessary: bool | None = None
    moved: tuple[tuple[str, str, str], ...] = ()
    missing: tuple[str, ...] = ()
    notices: tuple[Message, ...] = field(default=())
    seconds: float = 0.0
    given: tuple[tuple[str, Message], ...] = ()
    brings: tuple[tuple[str, tuple[int, ...]], ...] = ()
    seeded: bool = False
    repeats: bool | None = None
    reset: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        """Return the sentences, in English."""
        return "\n".join(map(str, self.sentences()))

    @property
    def cause(self) -> tuple[Change, ...]:
        """The changes that are the cause; empty where none is proved."""
        return tuple(one for one in self.smallest if one.number not in self.carried) if self.ended == "cause" else ()

    @property
    def smallest(self) -> tuple[Change, ...]:
        """The smallest set of changes known to bring the symptom about; empty where none is."""
        return tuple(one for one in self.changes if one.number in self.left)

    @property
    def sufficient(self) -> bool | None:
        """Whether the sound program with the cause alone shows the symptom; None where there is no cause."""
        return True if self.ended == "cause" else None

    @property
    def is_found(self) -> bool:
        """Whether a cause is proved, or, where no loss parts, which change brings about what the training is given."""
        return bool(self.cause) or (self.ended == "given" and bool(self.brings))

    def gone_on(self, earlier: "Bisection") -> "Bisection":
        """Return it with the trials of an earlier call; where that found another sound run, they are run again."""
        if earlier.ended in ("not-the-sound-run", "elsewhere"):
            return self
        kept = {
            name: getattr(earlier, name)
            for name in ("horizon", "trials", "moved", "reset", "repeats", "seeded", "missing", "seconds")
        }
        return replace(self, **kept)

    def trial(self, changes: Sequence[int] | frozenset[int]) -> Trial | None:
        """Return the latest trial with exactly these changes, None without any."""
        wanted = frozenset(changes)
        return next((one for one in reversed(self.trials) if frozenset(one.changes) == wanted), None)

    def sentences(self) -> Iterator[Message]:
        """Yield what came out, and how it was shown."""
        if self.ended is None:
            yield message("bisect-unfinished")
            return
        is_late = self.given and self.ended == "out-of-time"
        yield message("bisect-given-late") if is_late else message(f"bisect-{self.ended}", **self._numbers())
        if self.given and self.ended in ("given", "out-of-time"):
            yield from self._brought()
        if self.carried:
            places = [one.place for one in self.smallest if one.number in self.carried]
            yield message("bisect-carried", places=places, count=len(places))
        if self.ended == "cause":
            yield from self._proof()
        elif failed := self._that_failed():
            yield from _printed(failed)
        if self.ended in ("not-the-sound-run", "outside"):
            yield from self._outside()
        if self.ended in ("unresolved", "cause", "given", "out-of-time") and (failed := self._failed()):
            yield message("bisect-failed", count=failed)
        if self.seeded and self.ended != "outside":
            yield message("bisect-seeded", places=[one.place for one in self.seeds])
        yield from self._by_chance()
        yield message("bisect-trials", count=len(self.trials), seconds=self.seconds, horizon=self.horizon)
        yield from self.notices

    def _numbers(self) -> dict[str, Any]:
        """Return what stands in the first sentence."""
        last = self.trials[-1].said if self.trials else None
        named = self.cause or self.smallest
        return {
            "count": len(named),
            "changes": len(self.changes),
            "places": [one.place for one in named],
            "parts": last if self.ended == "not-the-sound-run" and last is not None else "",
            "failed": bool(self.trials) and self.trials[-1].outcome == "failed",
            "tried": bool(self.trials),
            "files": list(self.missing),
            "sound": self.sound,
        }

    def _proof(self) -> Iterator[Message]:
        alone = self.trial(self.left)
        if alone is not None and alone.said is not None:
            yield message("bisect-sufficient", count=len(self.left), parts=alone.said)
        others = len(self.changes) - len(self.left)
        shown = {True: "yes", False: "no", None: "unknown"}[self.necessary]
        yield message(f"bisect-necessary-{shown}", others=others, count=len(self.left))
        yield from self._contradicted()

    def _contradicted(self) -> Iterator[Message]:
        """Yield that the outcomes of some trials speak against the others, where they do."""
        told = [one for one in self.trials if one.outcome in ("parts", "sound") and one.horizon == self.horizon]
        alike = [one.outcome == "parts" for one in told if {*self.left} <= {*one.changes}]
        without = [one.outcome == "parts" for one in told if not {*self.left} <= {*one.changes}]
        if all(alike) and (self.necessary is False or not any(without)):
            return
        numbers = {"wrong": sum(alike), "with": len(alike), "despite": sum(without), "without": len(without)}
        yield message("bisect-contradicted", count=len(self.left), **numbers)

    def _by_chance(self) -> Iterator[Message]:
        """Yield that each outcome is of one draw, where the program does not repeat itself."""
        if self.repeats is False and self.ended in ("cause", "given", "outside", "out-of-time"):
            yield message("bisect-not-repeated")

    def _brought(self) -> Iterator[Message]:
        """Yield what each change brings about, what the doctor warns of first, and what is left."""
        brings = dict(self.brings)
        warned = {numbers for what, numbers in self.brings if is_warning(what)}
        for numbers in sorted(set(brings.values()), key=lambda one: (one not in warned, one)):
            places = [one.place for one in self.changes if one.number in numbers]
            said = [said for what, said in self.given if brings.get(what) == numbers]
            yield message("bisect-brings", places=places, count=len(places), said=said)
        if left := [said for what, said in self.given if what not in brings]:
            yield message("bisect-brings-none", said=left)

    def _outside(self) -> Iterator[Message]:
        if self.moved:
            yield message(
                "bisect-moved", things=[message("bisect-moved-one", name=a, there=b, now=c) for a, b, c in self.moved]
            )
        if self.ended == "outside" and self.seeds:
            yield message("bisect-seeds", places=[one.place for one in self.seeds], seeded=self.seeded)

    def _that_failed(self) -> Trial | None:
        """Return the trial that ended too early, where that ended the bisection."""
        if self.ended not in ("unresolved", "not-the-sound-run"):
            return None
        last = self.trial([one.number for one in self.changes] if self.ended == "unresolved" else [])
        return last if last is not None and last.outcome == "failed" else None

    def _failed(self) -> int:
        return sum(one.outcome == "failed" for one in self.trials)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: what bisection.json and --json hold."""
        said = list(self.sentences())
        return plain_data(
            {
                "schema": SCHEMA,
                "run": self.run,
                "sound": self.sound,
                "programs": self.digest,
                "horizon": self.horizon,
                "given": [{"name": what, "said": said.as_dict()} for what, said in self.given],
                "brings": [{"name": what, "changes": list(numbers)} for what, numbers in self.brings],
                "changes": [one.as_dict() for one in self.changes],
                "seeds": [one.as_dict() for one in self.seeds],
                "trials": [one.as_dict() for one in self.trials],
                "verdict": {
                    "ended": self.ended,
                    "cause": [one.number for one in self.cause],
                    "smallest": list(self.left),
                    "renaming": list(self.carried),
                    "sufficient": self.sufficient,
                    "necessary": self.necessary,
                    "repeats": self.repeats,
                    "seeded": self.seeded,
                    "moved": [{"name": a, "sound": b, "now": c} for a, b, c in self.moved],
                    "reset": [{"name": a, "sound": b, "now": c} for a, b, c in self.reset],
                    "elsewhere": list(self.missing),
                },
                "sentences": list(map(str, said)),
                "notices": [one.as_dict() for one in self.notices],
                "seconds": round(self.seconds, 3),
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Bisection":
        """Return what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is something else.
        """
        verdict = data["verdict"]
        if data["schema"] != SCHEMA or verdict["ended"] not in (None, *get_args(Ended)):
            raise ValueError("no bisection")
        return cls(
            run=str(data["run"]),
            sound=str(data["sound"]),
            digest=str(data["programs"]),
            horizon=int(data["horizon"]),
            given=tuple((str(one["name"]), Message.from_dict(one["said"])) for one in data["given"]),
            brings=tuple((str(one["name"]), tuple(map(int, one["changes"]))) for one in data["brings"]),
            changes=tuple(map(Change.from_dict, data["changes"])),
            seeds=tuple(map(Change.from_dict, data["seeds"])),
            trials=tuple(map(Trial.from_dict, data["trials"])),
            ended=verdict["ended"],
            left=tuple(map(int, verdict["smallest"])),
            carried=tuple(map(int, verdict["renaming"])),
            necessary=None if verdict["necessary"] is None else bool(verdict["necessary"]),
            seeded=bool(verdict["seeded"]),
            repeats=None if verdict["repeats"] is None else bool(verdict["repeats"]),
            moved=tuple((str(one["name"]), str(one["sound"]), str(one["now"])) for one in verdict["moved"]),
            reset=tuple((str(one["name"]), str(one["sound"]), str(one["now"])) for one in verdict["reset"]),
            missing=tuple(map(str, verdict["elsewhere"])),
            notices=tuple(map(Message.from_dict, data["notices"])),
            seconds=float(data["seconds"]),
        )


def _printed(trial: Trial) -> Iterator[Message]:
    """Yield what a trial printed last, and where it asked somebody for something that nobody could answer it."""
    if not trial.printed:
        yield message("bisect-printed-nothing")
        return
    yield message("bisect-last-line", line=trial.printed[-1])
    if trial.printed[-1].startswith("EOFError"):
        yield message("bisect-no-input")
