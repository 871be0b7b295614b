"""Show what the logs hold, a faulty run above its healthy twin: a few values of each column.

python benchmarks/strangers/second/look.py DIR [NAME ...]
"""

import ast
import json
import math
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from benchmarks.strangers.second.runs import named  # noqa: E402

_PAIR = re.compile(r"([A-Za-z_][\w/@-]*)(?:\s*[:=]\s*| -> |\s+\|?\s*)([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf)\b)")
_POINTS = 9


def columns(path: Path) -> dict[str, list[float]]:
    """Return the numbers of a log by name, roughly."""
    text = path.read_text(encoding="utf-8")
    found: dict[str, list[float]] = {}
    if path.suffix == ".json":
        rows = json.loads(text)["log_history"]
    elif path.suffix in (".csv", ".tsv") or re.match(r"^ +[a-z]+ +[a-z]", text):
        rows = _table(text, path.suffix)
    else:
        rows = [row for line in text.splitlines() if (row := _line(line))]
    for row in rows:
        for name, value in row.items():
            try:
                found.setdefault(name, []).append(float(str(value)))
            except ValueError:
                continue
    return found


def _table(text: str, suffix: str) -> list[dict[str, str]]:
    lines = text.splitlines() or [""]
    comma = "\t" if suffix == ".tsv" else ";" if ";" in lines[0] else "," if "," in lines[0] else None
    names = lines[0].split(comma)
    return [dict(zip(names, line.split(comma), strict=False)) for line in lines[1:]]


def _line(line: str) -> dict[str, object]:
    if line.startswith("{"):
        return json.loads(line) if '"' in line.split(":")[0] else _literal(line)
    return dict(_PAIR.findall(line))


def _literal(line: str) -> dict[str, object]:
    return ast.literal_eval(re.sub(r"\b(nan|inf)\b", r"'\1'", line))


def points(values: list[float]) -> str:
    chosen = (
        [values[round(k * (len(values) - 1) / (_POINTS - 1))] for k in range(_POINTS)]
        if len(values) > _POINTS
        else values
    )
    bad = sum(not math.isfinite(value) for value in values)
    finite = [value for value in values if math.isfinite(value)]
    ends = f"[{min(finite):.3g}..{max(finite):.3g}]" if finite else ""
    return " ".join(f"{value:.3g}" for value in chosen) + f"  n={len(values)} {ends}" + (f" bad={bad}" if bad else "")


def main() -> None:
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    for name, run in named().items():
        path = folder / "runs" / name / f"train.{run.ending}"
        if (wanted and name not in wanted) or not path.exists():
            continue
        print(f"\n## {name} [{run.kind}] from {run.steps[0]}")
        twin = folder / "twins" / name / f"train.{run.ending}"
        mine, other = columns(path), columns(twin) if twin.exists() else {}
        for column, values in mine.items():
            if column in ("epoch", "step", "Time", "time", "s", "eta", "n"):
                continue
            print(f"  {column:>22}: {points(values)}")
            if column in other and other[column] != values:
                print(f"  {'twin':>22}: {points(other[column])}")


if __name__ == "__main__":
    main()
