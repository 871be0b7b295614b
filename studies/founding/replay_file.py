"""replay.json beside results.json: the verdict of `newllm replay` on the founding baseline.

These commands make it, with its checksum (the folder runs/ is not kept):

    newllm train --preset founding-baseline --out runs/founding-baseline
    newllm replay runs/founding-baseline --budget 1500
    cp runs/founding-baseline/replays/*/verdict.json studies/founding/replay.json

`python -m studies.founding` then writes the pages again; no run of the study is needed for it.
"""

from pathlib import Path

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.trace import Verdict
from newllm.trace.verdict import EFFECT_CLASSES, SCHEMA

FILE = "replay.json"
ON_VALIDATION = "known-evaluation"  # trains as the baseline does: it is compared on the validation loss


def read_replay(folder: Path) -> Verdict | None:
    """Read the verdict beside a study's results; None where there is none.

    Raises:
        UserError: it is damaged, or of another schema.
    """
    place = folder / FILE
    if not place.exists():
        return None
    try:
        data = read_checked(place)
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r}")
        verdict = Verdict.from_dict(data)
        _check(verdict)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"'{place}' holds no verdict ({said}): newllm replay RUN --json > '{place}'") from error
    return verdict


def _check(verdict: Verdict) -> None:
    """Refuse what the page would be wrong about.

    Raises:
        ValueError: what is wrong.
    """
    onset, nulls = verdict.spike["onset"], verdict.nulls
    if not isinstance(onset, int) or onset < 1:
        raise ValueError(f"spike onset {onset!r}")
    if not all(isinstance(nulls[name], int) for name in ("n", "spiked")) or "identical" not in verdict.reproduction:
        raise ValueError("its null replays are not told")
    for one in verdict.interventions:
        numbers = [one.effect, one.later, one.p, *(one.interval or ())]
        is_whole = all(isinstance(number, int) for number in (one.start, one.n, one.spiked))
        if not is_whole or not 0 <= one.spiked <= one.n or one.effect_class not in EFFECT_CLASSES:
            raise ValueError(f"the replays of {one.name!r}")
        if not all(number is None or isinstance(number, int | float) for number in numbers):
            raise ValueError(f"the numbers of {one.name!r}")
        if one.name == ON_VALIDATION and "validation" not in one.signals:
            raise ValueError(f"no validation loss of {one.name!r}")
