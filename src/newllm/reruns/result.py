"""What came of running a program again with one thing changed, as data; RUN/rerun.json holds it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from newllm.checksum import read_checked, write_checked
from newllm.diagnosis.layers import and_more
from newllm.errors import UserError
from newllm.files import plain_data
from newllm.messages import Message, message, read_message
from newllm.reruns.changes import EARLY, INJECT, SKIP, SKIP_ONE, STATE, Change
from newllm.reruns.rise import GONE, LESS, Rise

SCHEMA = 1
RERUN = "rerun.json"
Outcome = Literal["gone", "less", "stays", "there", "not-there", "failed", "not-made"]
"""Of a trial: the rise is gone, at most half of it is left, or it stays; an injected one is there, or not. The program
failed, or what was to be changed does not happen in it."""


@dataclass(frozen=True)
class Trial:
    """One run of the program.

    Attributes:
        change: that was made; None of the program as it was.
        outcome: what it came to.
        share: of the rise that is there; None where that is not known.
        parted: the first step whose loss is not that of the recording to the bit; None where all are.
        steps: that it recorded.
        seconds: that it took.
        printed: of one that failed the last line that it printed.
        begins: whether the rise begins as in the run, and not before.
        since: the step at which the loss rises, or is not finite, with the change; None where it does not, or unknown.
    """

    change: Change | None
    outcome: Outcome
    share: float | None
    parted: int | None
    steps: int
    seconds: float
    printed: str = ""
    begins: bool = False
    since: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "change": None if self.change is None else self.change.as_dict(),
            "outcome": self.outcome,
            "share": self.share,
            "parted": self.parted,
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "printed": self.printed,
            "begins": self.begins,
            "since": self.since,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Trial":
        """Return what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        if data["outcome"] not in get_args(Outcome):
            raise ValueError("no trial")
        return cls(
            None if data["change"] is None else Change.from_dict(data["change"]),
            data["outcome"],
            None if data["share"] is None else float(data["share"]),
            None if data["parted"] is None else int(data["parted"]),
            int(data["steps"]),
            float(data["seconds"]),
            str(data["printed"]),
            bool(data["begins"]),
            None if (since := data.get("since")) is None else int(since),  # newer than the first of these files
        )


@dataclass(frozen=True)
class Rerun:
    """What came out.

    Attributes:
        run: path of the recording, as it was given.
        program: checksum of its program.
        rise: that was asked about.
        number: which of those in the recording it is, from 1.
        rises: how many there are.
        horizon: step up to which the program was run.
        trials: in their order; the first is the program as it was.
        planned: the changes to try.
        seconds: that it took in all.
        changed_data: files that the program names and that are not, or no longer, what they were when it was recorded.
        seen: what the doctor saw at the beginning of the rise of what the training was given, or did; None of nothing.
        named: of each planned change what the doctor found itself that points at the same thing at the same place.
    """

    run: str
    program: str
    rise: Rise
    number: int
    rises: int
    horizon: int
    trials: tuple[Trial, ...] = ()
    planned: tuple[Change, ...] = ()
    seconds: float = 0.0
    changed_data: tuple[str, ...] = ()
    seen: Message | None = None
    named: tuple[Message | None, ...] = ()

    def __str__(self) -> str:
        """Return the sentences, in English."""
        return "\n".join(map(str, self.sentences()))

    @property
    def identical(self) -> bool | None:
        """Whether the program, run again, has the losses of the recording to the bit; None where it was not run."""
        return None if not self.trials else self.trials[0].outcome == "stays" and self.trials[0].parted is None

    @property
    def is_repeated(self) -> bool:
        """Whether the program, run again, has the rise too: without that nothing follows from what is changed."""
        return bool(self.trials) and self.trials[0].outcome == "stays"

    @property
    def cause(self) -> Change | None:
        """What happened in the run, without which the rise is gone; None where none is shown, or it may be chance."""
        gone = self.changes_that("gone") if self.identical else []
        return next((one for one in gone if self._is_told(one)), None)

    def _is_told(self, change: Change) -> bool:
        """Whether a change that removes the rise names the cause.

        A setting that moved long before may only have made worse what one update did: then either of them removes it.
        """
        if change.name == STATE and self._is_without_updates:
            return True
        if not change.tells or change.first >= self.rise.first - EARLY:
            return change.tells
        ones = [one for one in self.planned if one.name == SKIP_ONE]
        tried = self.changes_that("less", "stays")
        return bool(ones) and all(one in tried for one in ones)

    @property
    def _is_without_updates(self) -> bool:
        """Whether the rise begins without an update too."""
        return any(one.begins for one in self.trials if one.change is not None and one.change.name == SKIP)

    @property
    def is_given(self) -> bool:
        """Whether the rise is there without an update and with weights as they were: it lies in what they are given."""
        kept = any(one.name == STATE for one in self.changes_that("stays", "not-made"))
        return bool(self.identical) and self._is_without_updates and kept

    @property
    def shown(self) -> Message | None:
        """What is shown of the cause; None where nothing is."""
        if (cause := self.cause) is not None:
            return change_text(cause, "cause", finite=self.rise.is_finite)
        return message("rerun-given", first=self.rise.first, finite=self.rise.is_finite) if self.is_given else None

    @property
    def cause_name(self) -> str | None:
        """The name of the cause, "given" where it lies in what model and loss are given; None where none is shown."""
        return "given" if self.is_given else None if self.cause is None else self.cause.name

    @property
    def remedies(self) -> list[Change]:
        """What else removes the rise; it does not say why."""
        return [one for one in self.changes_that("gone") if one != self.cause]

    def changes_that(self, *outcomes: Outcome) -> list[Change]:
        """Return the changes that came to some outcome."""
        return [one.change for one in self.trials if one.change is not None and one.outcome in outcomes]

    def sentences(self) -> Iterator[Message]:
        """Yield what came out, and how it was shown."""
        yield message(
            "rerun-rise", first=self.rise.first, number=self.number, rises=self.rises, finite=self.rise.is_finite
        )
        yield self._reproduction()
        if self.changed_data and not self.identical:
            yield message("rerun-changed-data", files=and_more(list(self.changed_data)))
        if not self.is_repeated:
            return
        yield from self._helped()
        yield message(
            "rerun-trials",
            count=len(self.trials),
            seconds=self.seconds,
            horizon=self.horizon,
            left=self.left,
            run=self.run,
        )
        if self.shown is not None and (others := list(dict.fromkeys(one.name for one in self._untried))):
            yield message("rerun-untried", names=others)

    def _helped(self) -> Iterator[Message]:
        """Yield the cause, or that none is shown, then what helps and what does not."""
        cause, finite = self.cause, self.rise.is_finite
        if (shown := self.shown) is not None:
            yield shown
            if (seen := self.seen if self.is_given else self._named(cause)) is not None:
                yield message("rerun-seen", sentence=seen)
            yield from self._injected()
        elif not self.identical:
            yield message("rerun-by-chance")
        ones = [one for one in self.remedies if one.name == SKIP_ONE]
        yield from self._of_one_update(ones)
        others = [change_text(one) for one in self.remedies if one.name != SKIP_ONE]
        if others:
            yield message("rerun-remedies", changes=others, alone=cause is None and not ones, finite=finite)
        stayed = [one for one in self.trials if one.outcome in ("less", "stays")]
        if stays := [self._stayed(one, one.change) for one in stayed if one.change is not None]:
            yield message("rerun-stays", changes=stays, finite=finite)
        is_unknown = bool(self.identical) and not (shown or ones or self.left)
        if is_unknown:
            yield message("rerun-unknown")
        if is_unknown and self.seen is not None:
            yield message("rerun-seen", sentence=self.seen)

    def _of_one_update(self, ones: Sequence[Change]) -> Iterator[Message]:
        """Yield without which single updates the rise is gone, and what the doctor found at them."""
        if ones:
            steps = [str(one.first) for one in sorted(ones, key=lambda it: it.first)]
            yield message("rerun-one-update", steps=steps, finite=self.rise.is_finite)
        for seen in map(self._named, ones):
            if seen is not None:
                yield message("rerun-seen", sentence=seen)

    def _stayed(self, trial: Trial, change: Change) -> Message:
        """Return what was changed in vain, and where the loss rises then, unless that is where it does in the run."""
        what = change_text(change)
        is_elsewhere = trial.since not in (None, self.rise.first)
        return message("rerun-since", what=what, since=trial.since) if is_elsewhere else what

    def _named(self, change: Change | None) -> Message | None:
        """Return what the doctor found itself that points at a change."""
        return next((seen for one, seen in zip(self.planned, self.named, strict=False) if one == change), None)

    @property
    def left(self) -> int:
        """How many changes are still to try; none once a cause is shown: the others only tell what helps."""
        return 0 if self.shown is not None else len(self._untried)

    @property
    def _untried(self) -> list[Change]:
        tried = {one.change for one in self.trials}
        needless = () if any(one.name == SKIP for one in self.changes_that("gone")) else (SKIP_ONE,)
        return [one for one in self.planned if one not in tried and one.name not in needless]

    def _reproduction(self) -> Message:
        if not self.trials:
            return message("rerun-out-of-time", finite=self.rise.is_finite)
        first = self.trials[0]
        if first.outcome == "failed":
            return message("rerun-failed", line=first.printed or None, finite=self.rise.is_finite)
        how = "identical" if self.identical else "repeated" if self.is_repeated else "other"
        return message(f"rerun-{how}", steps=first.steps, parted=first.parted, finite=self.rise.is_finite)

    def _injected(self) -> Iterator[Message]:
        for one in self.trials:
            if one.change is not None and one.change.name == INJECT and one.outcome in ("there", "not-there"):
                known = {"factor": one.change.factor, "first": one.change.first, "last": one.change.last}
                yield message(f"rerun-injected-{one.outcome}", **known)

    def with_trial(self, trial: Trial) -> "Rerun":
        """Return it with one more trial."""
        return replace(self, trials=(*self.trials, trial))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: what rerun.json and --json hold."""
        said = list(self.sentences())
        return plain_data(
            {
                "schema": SCHEMA,
                "run": self.run,
                "program": self.program,
                "rise": {"kind": self.rise.kind, "first": self.rise.first, "last": self.rise.last},
                "number": self.number,
                "rises": self.rises,
                "horizon": self.horizon,
                "planned": [one.as_dict() for one in self.planned],
                "trials": [one.as_dict() for one in self.trials],
                "identical": self.identical,
                "cause": self.cause_name,
                "remedies": [one.name for one in self.remedies],
                "sentences": list(map(str, said)),
                "seconds": round(self.seconds, 3),
                "changed_data": list(self.changed_data),
                "seen": _said(self.seen),
                "named": list(map(_said, self.named)),
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Rerun":
        """Return what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        if data["schema"] != SCHEMA:
            raise ValueError("no rerun")
        rise = data["rise"]
        return cls(
            str(data["run"]),
            str(data["program"]),
            Rise(str(rise["kind"]), int(rise["first"]), int(rise["last"])),
            int(data["number"]),
            int(data["rises"]),
            int(data["horizon"]),
            tuple(map(Trial.from_dict, data["trials"])),
            tuple(map(Change.from_dict, data["planned"])),
            float(data["seconds"]),
            # What follows is newer than the first of these files.
            tuple(map(str, data.get("changed_data", ()))),
            _read(data.get("seen")),
            tuple(map(_read, data.get("named", ()))),
        )


def _said(one: Message | None) -> dict[str, Any] | None:
    return None if one is None else {"said": one.as_dict(), "text": str(one)}


def _read(data: Mapping[str, Any] | None) -> Message | None:
    return None if data is None else read_message(data["said"], data["text"])


def outcome_of(share: float | None) -> Outcome:
    """Return what a trial came to, by how much of the rise is there."""
    return "failed" if share is None else "gone" if share <= GONE else "less" if share <= LESS else "stays"


def change_text(change: Change, what: Literal["change", "cause"] = "change", *, finite: bool = True) -> Message:
    """Return what is changed, or the cause that it shows, in words: of a rise, or of a loss that is not finite."""
    known = {
        "first": change.first, "last": change.last, "before": change.before, "within": change.within,
        "norm": change.norm, "factor": change.factor,
    }  # fmt: skip
    return message(f"rerun-{what}-{change.name}", **known, **({"finite": finite} if what == "cause" else {}))


def read_rerun(run: Path) -> Rerun | None:
    """Return what was found of a recording; None without any.

    Raises:
        UserError: it is damaged.
    """
    path = run / RERUN
    if not path.exists():
        return None
    try:
        return Rerun.from_dict(read_checked(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' is damaged ({error}): remove it, then replay again") from error


def write_rerun(run: Path, found: Rerun) -> None:
    """Write what was found of a recording.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    write_checked(run / RERUN, found.as_dict())
