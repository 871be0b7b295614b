"""Runs, comparisons and studies to look at, in a notebook as pages. No torch."""

import os
from pathlib import Path

from newllm.api.held_source import held_source
from newllm.demo import PREFIX, demo_run
from newllm.errors import UserError
from newllm.messages import Catalogue, catalogue
from newllm.report.notebook import Framed, comparison_shown, run_shown, study_shown
from newllm.report.source import read_source
from newllm.report.source.study import is_study, read_study
from newllm.trace.rich import Rich, Shown


def show(*what: str | os.PathLike[str] | Rich, lang: str = "en") -> Shown:
    """Return what a notebook shows where a cell ends with it; a terminal shows the same in a few lines.

    Args:
        *what: a run, a log or a study by its path, `demo:NAME` too, or what `train`, `load`, `doctor`, `check` and
            `replay` return; several runs or logs for their comparison, the first of them the control.
        lang: the language, "en" or "ja".

    Raises:
        UserError: something of it cannot be read or be shown together, or there is no such language.
    """
    words = catalogue(lang)
    if not what:
        raise UserError("show() was given nothing: name a run, or several to compare them")
    if len(what) > 1:
        return comparison_shown([read_source(_path_of(one)) for one in what], words)
    one = what[0]
    return one.show(lang) if isinstance(one, Rich) else _read(_named(one), words)


def _read(path: Path, words: Catalogue) -> Framed:
    if is_study(path):
        return study_shown(read_study(path), words)
    return run_shown(held_source(read_source(path), read_source), words)


def _path_of(one: str | os.PathLike[str] | Rich) -> Path:
    path = getattr(one, "path", None) if isinstance(one, Rich) else one
    if path is None:
        raise UserError(f"a {type(one).__name__} is shown alone: give runs or logs to compare")
    return _named(path)


def _named(path: str | os.PathLike[str]) -> Path:
    given = os.fspath(path)
    return demo_run(given) if given.startswith(PREFIX) else Path(given)
