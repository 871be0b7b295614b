"""MLflow's file store: mlruns/EXPERIMENT/RUN/metrics/NAME, a file a metric with lines "timestamp value step"."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from newllm.trace.readers.gathered import Gathered, most_values
from newllm.trace.readers.numbers import number
from newllm.trace.readers.text import lines_of
from newllm.trace.remark import left_out
from newllm.trace.series import Trace

_LARGEST_STEP = 1 << 53


def metric_files(files: Sequence[Path]) -> list[Path]:
    """Return those files that lie in a run's `metrics` directory."""
    return [path for path in files if _run_of(path) is not None]


def read_mlflow_files(gathered: Gathered, files: Sequence[Path], run: str | None) -> Trace:
    """Read one run of a file store.

    Args:
        gathered: takes the values in.
        files: as `metric_files` returned them.
        run: its name or its identity; the one with the most values without it.

    Raises:
        UserError: there is no such run, or none with numbers.
    """
    runs: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in files:
        directory = _run_of(path)
        if directory is not None:
            runs[directory].append(path)
    shown = {directory: _name(directory) for directory in runs}
    often = Counter(shown.values())
    named = {name if often[name] == 1 else directory.name: directory for directory, name in shown.items()}
    if run not in named:
        named |= {directory.name: directory for directory in runs if directory.name == run}
    sizes = [(name, sum(path.stat().st_size for path in runs[directory])) for name, directory in named.items()]
    directory = named[most_values(sizes, run, gathered)]
    for path in runs[directory]:
        _take(gathered, path.relative_to(directory / "metrics").as_posix(), path)
    return gathered.by_step(printed=True)


def _take(gathered: Gathered, name: str, path: Path) -> None:
    of_file = Gathered(path)
    for line in lines_of(of_file):
        cells = line.split()
        value, step = (number(cell) for cell in cells[1:3]) if len(cells) >= 3 else (None, None)
        if value is None or step is None or not abs(step) < _LARGEST_STEP:
            gathered.note(left_out("remark-no-mlflow-metric"))
            continue
        gathered.add(name, int(step), value)


def _run_of(path: Path) -> Path | None:
    places = [place for place in path.parents if place.name == "metrics"]
    return places[-1].parent if places and (places[-1].parent / "meta.yaml").is_file() else None


def _name(run: Path) -> str:
    """Return the name that stands in a run's meta.yaml, else its identity."""
    for line in lines_of(Gathered(run / "meta.yaml")):
        if line.startswith("run_name:"):
            return line.partition(":")[2].strip().strip("'\"")
    return run.name
