"""From a study to its cells: which runs there are, and the key of each."""

import dataclasses
import hashlib
import importlib.util
import inspect
import json
import sys
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import newllm
from newllm.data import prepare
from newllm.errors import UserError, unknown_name
from newllm.study.cell_recording import no_signals
from newllm.study.design import Arm, Cell
from newllm.study.study import Study
from newllm.training.config import RunConfig
from newllm.training.configure import configure

# By name, the module of each. A study is an experiment, not library: it stands in `studies/` of the repository, which
# the package brings along.
INCLUDED_STUDIES = {
    "founding": "founding",
    "founding-figures": "founding.figure_runs",
    "recipe": "recipe",
    "spike-remedies": "demo.remedies",
}
_PACKAGE = "newllm_studies"  # what that folder is called as a module
_FOLDERS = (Path(newllm.__file__).parent / "studies", Path(newllm.__file__).parents[2] / "studies")
# Raised whenever the same configuration would give another record than before.
_RECORD_VERSION = 1
_NUMERICS = (
    "numerics.device=cpu",
    "numerics.threads=1",
    "numerics.precision=fp32",
    "numerics.scan_backend=torch",
)
_EVALUATION = ("training.evaluate_tokens=0",)  # all targets: outcomes compare losses to many digits


def load_study(name: str) -> Study:
    """Return one of our studies by name, or that of a Python file by its path.

    Raises:
        UserError: there is no such study, or the file defines none.
    """
    if name in INCLUDED_STUDIES:
        return _own_study(name)
    path = Path(name)
    if path.suffix != ".py":
        raise unknown_name("study", name, INCLUDED_STUDIES)
    if not path.is_file():
        raise UserError(f"no file '{name}': give a study's Python file, or one of {', '.join(INCLUDED_STUDIES)}")
    spec = importlib.util.spec_from_file_location(f"newllm_study_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look for it there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever somebody's file raises
        raise UserError(f"'{name}' cannot be loaded ({type(error).__name__}: {error}): mend the file") from error
    found = getattr(module, "STUDY", None)
    if not isinstance(found, Study):
        raise UserError(f"'{name}' defines no study: write STUDY = newllm.study.Study(...) in it")
    return found


def _own_study(name: str) -> Study:
    if _PACKAGE not in sys.modules:
        folder = next((folder for folder in _FOLDERS if (folder / "founding").is_dir()), None)
        if folder is None:
            raise UserError(f"the study '{name}' did not come with this newllm: run it in a clone of the repository")
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(folder)]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{INCLUDED_STUDIES[name]}").STUDY


def with_texts(study: Study, texts: Sequence[str]) -> Study:
    """Return the study on other data sets than its own.

    Raises:
        UserError: one is standard input, which cannot be read a second time.
    """
    if "-" in texts:
        raise UserError("--text - cannot be: a study reads its texts again and again, so save it to a file")
    return dataclasses.replace(study, sets=tuple(texts))


def plan(study: Study, folder: Path, seeds: int, arms: Iterable[str] | None = None) -> list[Cell]:
    """Return the cells, seed after seed, so that a study that is stopped is balanced.

    Args:
        study: whose.
        folder: where `lay_out` writes texts.
        seeds: 0 to seeds - 1; seed s trains on set s modulo the number of sets.
        arms: names of those wanted, whose controls come along; None for all.

    Raises:
        UserError: a configuration cannot be.
    """
    wanted = {arm.name for arm in study.arms} if arms is None else set(arms)
    controls = {arm.control for arm in study.arms if arm.name in wanted}
    chosen = [arm for arm in study.arms if arm.name in wanted | controls]
    sets = [study.sets[seed % len(study.sets)] for seed in range(seeds)]
    return [_cell(study, folder, arm, seed, data) for seed, data in enumerate(sets) for arm in chosen]


def _cell(study: Study, folder: Path, arm: Arm, seed: int, data: str) -> Cell:
    evaluation = _EVALUATION if study.measure is None else ()
    settings = [*study.lay_out(folder, data, arm.variant), *_NUMERICS, *evaluation, *arm.settings]
    config = configure(arm.preset, None, None, settings, {"seed": seed})
    every = config.training.evaluate_every
    if every < 1:
        raise UserError(f"arm '{arm.name}': training.evaluate_every is 0: a study needs to know when to measure")
    if config.training.seconds:
        raise UserError(
            f"arm '{arm.name}': training.seconds is {config.training.seconds:g}: a study measures all arms after the "
            "same steps, so say how many epochs the arm has"
        )
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=every * arm.epochs))
    config.check()
    return Cell(arm.name, seed, data, config, _key(study, config))


def _key(study: Study, config: RunConfig) -> str:
    """Return the hash of all that decides a record: how it is measured, and the configuration.

    The texts' content stands for their places. Somebody's own way to measure counts by its source.
    """
    plain: dict[str, Any] = dataclasses.asdict(config)
    for name in ("texts", "validation"):
        plain["data"].pop(name)
    everything = [_RECORD_VERSION, plain, prepare(config.data).report["fingerprint"]]
    if study.measure is None:
        everything.append("run")
        everything += [inspect.getsource(study.signals)] if study.signals is not no_signals else []
    else:
        everything.append(inspect.getsource(study.measure))
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:20]
