"""What was replayed of a run: verdicts and the curves of their confirmed replays, as far as the files are sound."""

import contextlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from newllm.checksum import read_checked
from newllm.report.source.files import RunFiles
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import EFFECT_CLASSES, KEYS

MOST_SPIKES = 8
_MOST_FILES = 20_000
_LARGEST_VERDICT = 16 * 2**20
_LARGEST_TRAJECTORY = 8 * 2**20
_FILE = re.compile(r"(?P<name>[\w+-]+)-from-(?P<start>\d{1,15})-replay-(?P<replay>\d{1,9})-[0-9a-f]{12}\.json")


@dataclass(frozen=True, eq=False)
class Followed:
    """The curve of one replay.

    Attributes:
        name: of the intervention as its file has it; "null" for none.
        start: step that it began from.
        replay: number of its chance.
        losses: steps and values by "loss" (training) and "probe" (the probe batch); not finite where numbers ended.
    """

    name: str
    start: int
    replay: int
    losses: Mapping[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Replayed:
    """The replays of one spike.

    Attributes:
        name: of their directory.
        verdict: None where they are not finished, or it cannot be read.
        done: replays that there are.
        followed: those of what was confirmed, and the null replays beside them.
    """

    name: str
    verdict: Verdict | None
    done: int
    followed: tuple[Followed, ...] = ()


def read_replays(files: RunFiles) -> tuple[Replayed, ...]:
    """Return what was replayed, the newest verdict first."""
    newest = _newest(files)
    if len(newest) > MOST_SPIKES:
        files.say("problem-many-replays", count=len(newest), shown=MOST_SPIKES)
    return tuple(_read(files, name) for name in newest[:MOST_SPIKES])


def newest_verdict(files: RunFiles) -> Verdict | None:
    """Return the newest verdict alone, without a curve; None where there is none."""
    return next(filter(None, (_verdict(files, f"replays/{name}/verdict.json") for name in _newest(files))), None)


def _newest(files: RunFiles) -> list[str]:
    """Return the names of replayed spikes, that with the newest verdict first."""
    found = []
    for name in files.names("replays", _MOST_FILES):
        folder = f"replays/{name}"
        place = files.run / folder
        if place.is_dir() and not place.is_symlink():
            found.append((_written(files, f"{folder}/verdict.json"), name))
    return [name for _, name in sorted(found, reverse=True)]


def _read(files: RunFiles, name: str) -> Replayed:
    verdict = _verdict(files, f"replays/{name}/verdict.json")
    listed = files.names(f"replays/{name}/trajectories", _MOST_FILES)
    there = [match for match in map(_FILE.fullmatch, listed) if match]
    followed = _followed(files, f"replays/{name}/trajectories", there, verdict) if verdict else ()
    return Replayed(name, verdict, len(there), tuple(followed))


def _written(files: RunFiles, name: str) -> float:
    try:
        return (files.run / name).lstat().st_mtime
    except OSError:
        return 0.0


def _verdict(files: RunFiles, name: str) -> Verdict | None:
    data = files.table(name, _LARGEST_VERDICT)
    if not data:
        return None
    known = {one.name for one in fields(Tried)} | {"class"}
    try:
        tried = [{key: item for key, item in one.items() if key in known} for one in data["interventions"]]
        verdict = Verdict.from_dict({**data, "interventions": tried})
        if problem := ill_typed(verdict):
            raise ValueError(problem)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        files.say("problem-no-verdict", file=name, reason=_about(error))
        return None
    return verdict


def _about(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)[:120]


def ill_typed(verdict: Verdict) -> str | None:
    """Say what of a verdict is not of the kind that it must be, or None."""
    kinds: dict[str, Any] = {
        "run": str, "spike": dict, "reproduction": dict, "nulls": dict, "not_tried": dict, "cause": (dict, type(None)),
        "seconds": (int, float),
    }  # fmt: skip
    wrong = [KEYS.get(name, name) for name, kind in kinds.items() if not isinstance(getattr(verdict, name), kind)]
    wrong += [
        name for name in ("missing", "sentences") if not all(isinstance(it, str) for it in getattr(verdict, name))
    ]
    wrong += ["suspects"] if not all(isinstance(it, dict) for it in verdict.suspects) else []
    cause = verdict.cause if isinstance(verdict.cause, dict) else {}
    parts = {"moved": dict, "planted": dict, "rivals": list, "explained": list, "explained_by": str, "batches": dict}
    wrong += [name for name, kind in parts.items() if not isinstance(cause.get(name), (kind, type(None)))]
    wrong += [name for one in verdict.interventions for name in _wrong(one)]
    return f"'{wrong[0]}' is of another kind" if wrong else None


def _wrong(data: Tried) -> list[str]:
    number = (int, float)
    texts = [
        name for name in ("name", "kind", "change", "hypothesis", "price") if not isinstance(getattr(data, name), str)
    ]
    whole = [name for name in ("start", "n", "spiked") if type(getattr(data, name)) is not int]
    maybe = [
        name for name in ("effect", "p", "later", "cost") if not isinstance(getattr(data, name), (*number, type(None)))
    ]
    pair = data.interval is None or (len(data.interval) == 2 and all(isinstance(end, number) for end in data.interval))
    known = data.effect_class in EFFECT_CLASSES and data.stage in ("screened", "confirmed")
    plain_dicts = isinstance(data.signals, dict) and isinstance(data.moved, dict | None)
    values = isinstance(data.values, dict) and all(isinstance(each, dict) for each in data.values.values())
    rest = {"interval": pair, "class": known, "signals": plain_dicts, "values": values}
    return [*texts, *whole, *maybe, *(name for name, sound in rest.items() if not sound)]


def _followed(files: RunFiles, folder: str, there: Iterable[re.Match[str]], verdict: Verdict) -> Iterable[Followed]:
    """Yield the confirmed replays, which have the highest numbers, and the null replays of the same numbers."""
    by_what: dict[tuple[str, int], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for match in there:
        by_what[match["name"], int(match["start"])][int(match["replay"])].append(match[0])
    confirmed = [one for one in verdict.interventions if one.stage == "confirmed"]
    wanted = Counter({(one.name.replace(" + ", "+"), one.start): one.n for one in confirmed})
    for one in confirmed:
        wanted["null", one.start] = max(wanted["null", one.start], one.n)
    for (name, start), count in wanted.items():
        replays = by_what.get((name, start), {})
        for replay in sorted(replays)[-count:]:
            one = _applied(files, [f"{folder}/{file}" for file in replays[replay]])
            if one is not None:
                yield Followed(name, start, replay, one)


def _applied(files: RunFiles, names: list[str]) -> Mapping[str, tuple[np.ndarray, np.ndarray]] | None:
    """Return the curves of the replay with the change itself; its reverse test may stand beside it under its number.

    Where the files do not say which is which, as before newllm wrote it there, none of them is shown.
    """
    read = [data for name in names if (data := _trajectory(files, name))]
    named = [data for data in read if isinstance(data.get("task"), dict)]
    chosen = [data for data in named if data["task"].get("variant") == "applied"] or ([] if named else read)
    return _losses(chosen[0]) if len(chosen) == 1 else None


def _trajectory(files: RunFiles, name: str) -> Mapping[str, Any]:
    if not files.sound(name, _LARGEST_TRAJECTORY):
        return {}
    with contextlib.suppress(OSError, ValueError):
        data = read_checked(files.run / name, _LARGEST_TRAJECTORY)
        if isinstance(data, dict) and _losses(data) is not None:
            return data
    files.say("problem-damaged-replay", file=name)
    return {}


def _losses(data: Mapping[str, Any]) -> Mapping[str, tuple[np.ndarray, np.ndarray]] | None:
    try:
        return {
            "loss": _curve(data["steps"], data["loss"]),
            "probe": _curve(data["probe_steps"], data["probe"]),
        }
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def _curve(steps: Any, values: Any) -> tuple[np.ndarray, np.ndarray]:
    at = np.array(steps, dtype=np.int64)
    value = np.array([math.inf if one is None else float(one) for one in values])
    if at.ndim != 1 or len(at) != len(value) or (np.diff(at) <= 0).any():
        raise ValueError("no curve")
    return at, value
