"""Logs that belong to the ranks of one training: found, read, and refused where nobody can know that they do."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.diagnosis.ranks.files import LOSS
from newllm.diagnosis.ranks.logs import have_same_steps, share_their_weights
from newllm.diagnosis.run_facts import is_run, runs_in, single_run
from newllm.errors import UserError
from newllm.trace import Trace
from newllm.trace.readers import Chosen, read_log
from newllm.trace.readers.directory import logs_alone_in
from newllm.trace.readers.rank_names import RankNames, groups_of_ranks, rank_names

_MOST = 1024  # ranks
_NAMED = 3  # logs that an error names

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class RankLogs:
    """The logs of a training's ranks.

    Attributes:
        paths: by rank.
        traces: by rank.
    """

    paths: dict[int, Path]
    traces: dict[int, Trace]


def several(path: Paths) -> list[Path]:
    """Return the paths that were given, one or more.

    Raises:
        UserError: there is none, or one twice.
    """
    given = [path] if isinstance(path, str | os.PathLike) else list(path)
    paths = [Path(one) for one in given]
    if not paths:
        raise UserError("no log is given: name a run, a log, or the logs of all ranks of a training")
    twice = next((one for at, one in enumerate(paths) if one in paths[:at]), None)
    if twice is not None:
        raise UserError(f"'{twice}' is given twice: name each log once")
    return paths


def read_rank_logs(paths: Sequence[Path], chosen: Chosen, *, said: bool) -> RankLogs | None:
    """Read the logs of several ranks, given one by one or by the directory that holds them.

    Args:
        paths: as they were given.
        chosen: columns that are the loss, and others.
        said: whether a person says that they are ranks.

    Returns:
        The logs; None where one log or directory was given and nothing says that it is of several ranks.

    Raises:
        UserError: several were given that cannot be read, or nobody can know that they are ranks; or one, and a person
            says that it is of several.
    """
    if len(paths) > _MOST:
        raise UserError(f"{len(paths)} logs are given: name {_MOST} at most")
    if len(paths) > 1:
        return _read_given(paths, chosen, said=said)
    (path,) = paths
    found = None
    if path.is_dir() and not is_run(path) and not runs_in(path) and single_run(path) == path:
        found = _read_found(path, chosen, said=said)
    if said and found is None:
        raise UserError(f"--ranks '{path}': give the logs of two ranks or more, or a directory with a log of each")
    return found


def _read_given(paths: Sequence[Path], chosen: Chosen, *, said: bool) -> RankLogs:
    names = rank_names(paths)
    if names is None:
        names = RankNames(dict(enumerate(paths)), say_so=False)
    traces = {rank: read_log(path, chosen) for rank, path in names.paths.items()}
    without = next((rank for rank, trace in traces.items() if not len(trace.series(LOSS).step)), None)
    if without is not None:
        raise UserError(f"'{names.paths[without]}' has no loss to compare between ranks: --loss COLUMN names it")
    shown = ", ".join(f"'{one}'" for one in paths[:_NAMED]) + (", ..." if len(paths) > _NAMED else "")
    if not said and not names.say_so and not share_their_weights(traces):
        raise UserError(
            f"whether {shown} are the ranks of one training cannot be seen: --ranks says so; of separate trainings "
            "name one, or the directory that holds them"
        )
    if not said and not have_same_steps(traces):
        raise UserError(f"{shown} have a loss at other steps, as ranks of one training do not: --ranks compares them")
    return RankLogs(names.paths, traces)


def _read_found(directory: Path, chosen: Chosen, *, said: bool) -> RankLogs | None:
    """Return the logs of ranks that a directory holds and nothing else; of torchrun's two streams that with losses."""
    files = logs_alone_in(directory)
    groups = groups_of_ranks(files)
    if said and not groups and (all_of_them := rank_names(files)):
        groups = [all_of_them]
    for group in groups[:2]:
        traces = {}
        for rank, path in list(group.paths.items())[:_MOST]:
            try:
                trace = read_log(path, chosen)
            except UserError:  # a rank that printed nothing that is a log
                continue
            if len(trace.series(LOSS).step):
                traces[rank] = trace
        if len(traces) > 1 and (said or have_same_steps(traces)):
            return RankLogs({rank: group.paths[rank] for rank in traces}, traces)
    return None
