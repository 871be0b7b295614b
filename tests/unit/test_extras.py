import importlib
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.unit.integrations.test_folder import run_of

from newllm.errors import UserError
from newllm.extras import TRAIN, check_installed, imported
from newllm.integrations.onnx import folder as onnx_folder


def test_importing_newllm_and_its_command_line_imports_no_framework():
    code = (
        "import sys, newllm, newllm.api, newllm.cli.main as m\n"
        "import newllm.integrations.transformers.folder, newllm.integrations.onnx.folder\n"
        "[m._module(name) for name in m.COMMANDS]\n"
        "frameworks = {'transformers', 'peft', 'accelerate', 'datasets', 'lightning', 'lm_eval', 'onnx'}\n"
        "engines = {'ray', 'submitit', 'cloudpickle'}\n"
        "print(sorted((frameworks | engines) & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


WITHOUT = """
import contextlib, io, json, sys
for package in json.loads(sys.argv[1]):
    sys.modules[package] = None  # as if it were not installed
import newllm
from newllm.cli.main import main
said = []
for command in json.loads(sys.argv[2]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(command)
    said.append([code, out.getvalue(), err.getvalue()])
for name in json.loads(sys.argv[3]):
    try:
        said.append(type(getattr(newllm, name)).__name__)
    except newllm.UserError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def without(packages, commands=(), names=()):
    """Return what commands print, and what names of `newllm` are, where these packages are not installed."""
    given = [json.dumps(each) for each in (packages, commands, names)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *given], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


def test_what_trains_says_without_torch_what_to_install(tmp_path):
    (tmp_path / "parts.py").write_text("def parts(): ...")
    commands = [
        ["train", "no-such-text.txt"], ["train", "--resume", "demo:moby-dick"], ["generate", "demo:moby-dick"],
        ["eval", "demo:moby-dick", "x"],
        ["check", f"{tmp_path}/parts.py:parts"], ["replay", "demo:founding-baseline"], ["study", "founding"],
        ["export", "demo:moby-dick", "--to", "hf", str(tmp_path / "out")], ["import", str(tmp_path)],
        ["bench", "recall"],
    ]  # fmt: skip
    names = ["record", "check", "guard", "Loop", "replay", "train", "load", "build", "resume"]
    for packages in (TRAIN, ["torch"]):
        said = without(packages, commands, names)
        line = "this needs the package torch, which is not installed: pip install 'newllm[train]'"
        assert said[: len(commands)] == [[2, "", f"newllm: {line}\n"]] * len(commands)
        assert said[len(commands) :] == [line] * len(names)


@pytest.mark.slow
def test_a_loop_of_one_s_own_needs_torch_alone_and_an_included_model_all():
    rest = [package for package in TRAIN if package != "torch"]
    named = ["record", "check", "guard", "Loop", "replay"]
    train, *kinds, load = without(rest, [["train", "no-such-text.txt"]], [*named, "load"])
    assert kinds == ["function", "function", "function", "ABCMeta", "function"]
    line = "this needs the package tokenizers, which is not installed: pip install 'newllm[train]'"
    assert (train, load) == ([2, "", f"newllm: {line}\n"], line)


def test_the_demo_leaves_out_the_model_that_needs_torch():
    ((code, out, err),) = without(TRAIN, [["demo"]])
    assert (code, err) == (0, "")
    assert "likely cause  learning-rate" in out
    assert "The cause is plain-depth" in out
    assert "This needs the package torch, which is not installed: pip install 'newllm[train]'" in out
    assert "generate" not in out


def test_another_missing_package_is_a_defect_and_keeps_its_traceback():
    with pytest.raises(ModuleNotFoundError, match="sideways"):
        imported("newllm.sideways")


def test_the_extra_train_is_what_is_asked_for():
    assert [re.split("[<>=]", package)[0] for package in _extra("train")] == list(TRAIN)


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.delitem(sys.modules, "newllm.hf", raising=False)
    with pytest.raises(UserError, match=r"^this needs the package transformers, .*: pip install 'newllm\[hf\]'$"):
        importlib.import_module("newllm.hf")


@pytest.mark.parametrize("version", ["4.57.6", "5.13.1", "5.26.0.dev0", "5.26.0", "6.0.0"])
def test_so_it_does_for_a_version_that_was_not_tested(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    monkeypatch.delitem(sys.modules, "newllm.hf", raising=False)
    with pytest.raises(UserError, match=rf"^transformers {version} is installed, newllm takes 5.14 to below 5.26: pip"):
        importlib.import_module("newllm.hf")


def test_the_extra_installs_the_versions_that_are_taken():
    assert _extra("hf") == ["newllm[train]", "transformers>=5.14,<5.26"]
    assert _extra("lightning") == ["lightning>=2.5,<2.7"]
    assert _extra("mcp") == ["mcp>=2.1,<3"]
    assert _extra("ray") == ["newllm[train]", "ray>=2.60,<3"]
    assert _extra("slurm") == ["newllm[train]", "submitit>=1.5.4,<2"]


def _extra(name):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    return project["optional-dependencies"][name]


@pytest.mark.parametrize("version", ["0.4.12", "0.5.0"])
def test_the_same_holds_for_the_evaluation_harness(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    monkeypatch.delitem(sys.modules, "newllm.lm_eval", raising=False)
    with pytest.raises(UserError, match=rf"^lm_eval {version} is installed, newllm takes 0.4.13 to below 0.5: pip"):
        importlib.import_module("newllm.lm_eval")
    assert _extra("eval") == ["newllm[train]", "lm_eval>=0.4.13,<0.5"]


def test_and_for_onnx(monkeypatch, tmp_path):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UserError, match=r"^this needs the package onnx, .*: pip install 'newllm\[onnx\]'$"):
        onnx_folder.export_run(run_of(tmp_path), tmp_path / "folder")
    assert _extra("onnx") == ["newllm[train]", "onnx>=1.17,<1.24"]


@pytest.mark.parametrize("version", ["2.4.0", "2.7.0", "1.9.5"])
def test_lightning_of_another_version_or_none_is_one_line(monkeypatch, version):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "newllm.lightning", raising=False)
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    with pytest.raises(UserError, match=rf"^lightning {version} is installed, newllm takes 2.5 to below 2.7: pip inst"):
        importlib.import_module("newllm.lightning")

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UserError, match=r"^this needs the package lightning, .*: pip install 'newllm\[lightning\]'$"):
        importlib.import_module("newllm.lightning")


@pytest.mark.parametrize("version", ["5.14.0", "5.25.0", "5.25.1.dev0"])
def test_versions_of_the_range_will_do(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    check_installed("transformers", "hf", "5.14", "5.26")
