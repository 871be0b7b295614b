"""Which files are the logs of one training's ranks, by their names.

Names that are alike but for one number are those of ranks where the word before it says so (`train_rank0.log`,
`rank_1.jsonl`), or where they lie as torchrun's `--log-dir` lays them (`attempt_0/1/stdout.log`). Other numbers
(`log.0.txt`, `slurm-123_0.out`) may as well be seeds of a sweep: they name no rank by themselves.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"\d+")
_SAYS_RANK = re.compile(r"(?:^|[^a-z])(?:local|global|world)?[ _.-]?rank[ _.=-]*$", re.IGNORECASE)
_OF_TORCHRUN = re.compile(r"(?:^|/)attempt_(\d+)/(\d+)/(stdout|stderr)\.log$")
_WITHOUT = re.compile(r"[ _.-]?rank[ _.=-]*\d+", re.IGNORECASE)
_LARGEST = 10**6  # a rank; a job or a date is larger


@dataclass(frozen=True)
class RankNames:
    """Files whose names are alike but for a number.

    Attributes:
        paths: by that number.
        say_so: whether the names say that it is a rank.
    """

    paths: dict[int, Path]
    say_so: bool


def rank_names(paths: Sequence[Path]) -> RankNames | None:
    """Return the numbers of several files whose names differ in one alone; None of any others."""
    if with_first := _first_without(paths):
        return with_first
    texts = [path.as_posix() for path in paths]
    pieces = [_NUMBER.split(text) for text in texts]
    numbers = [_NUMBER.findall(text) for text in texts]
    if len(paths) < 2 or any(one != pieces[0] for one in pieces):
        return None
    differing = [at for at, column in enumerate(zip(*numbers, strict=True)) if len(set(column)) > 1]
    if len(differing) != 1:
        return None
    at = differing[0]
    found = {int(own[at]): path for own, path in zip(numbers, paths, strict=True) if len(own[at]) <= len(str(_LARGEST))}
    if len(found) < len(paths):
        return None
    before = pieces[0][at]
    torchrun = all(_OF_TORCHRUN.search(text) for text in texts) and before.endswith("/")
    return RankNames(dict(sorted(found.items())), torchrun or bool(_SAYS_RANK.search(before)))


def _first_without(paths: Sequence[Path]) -> RankNames | None:
    """Return the ranks of files of which the first names none: `log.txt`, `log.txt.rank1`."""
    plain = [path for path in paths if not _WITHOUT.search(path.name)]
    others = [path for path in paths if _WITHOUT.search(path.name)]
    if len(plain) != 1 or not others:
        return None
    if any(_WITHOUT.sub("", one.name) != plain[0].name or one.parent != plain[0].parent for one in others):
        return None
    numbers = [int(_NUMBER.findall(_WITHOUT.findall(one.name)[-1])[0]) for one in others]
    found = {0: plain[0]} | dict(zip(numbers, others, strict=True))
    return RankNames(dict(sorted(found.items())), say_so=True) if len(found) == len(paths) else None


def groups_of_ranks(files: Sequence[Path]) -> list[RankNames]:
    """Return the groups of a directory's logs whose names say that they are ranks, together all of them; else none.

    What torchrun wrote is of its last attempt alone, in a group for what each rank said on either stream.
    """
    if any(_OF_TORCHRUN.search(file.as_posix()) for file in files):
        return _of_last_attempt(files)
    by_name: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_name[(file.parent / _WITHOUT.sub("", file.name)).as_posix()].append(file)
    groups = [rank_names(some) for some in by_name.values()]
    found = [one for one in groups if one is not None and one.say_so]
    return found if len(found) == len(groups) else []


def _of_last_attempt(files: Sequence[Path]) -> list[RankNames]:
    matches = [(found, file) for file in files if (found := _OF_TORCHRUN.search(file.as_posix()))]
    homes = {file.as_posix()[: found.start()] for found, file in matches}
    if len(homes) != 1:  # several launches, each a training of its own
        return []
    last = max(int(found[1]) for found, _ in matches)
    of_last = [(found, file) for found, file in matches if int(found[1]) == last]
    streams = [[file for found, file in of_last if found[3] == stream] for stream in ("stdout", "stderr")]
    return [one for some in streams if (one := rank_names(some))]
