import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.unit.integrations.test_folder import run_of

from newllm.errors import UserError
from newllm.extras import check_installed
from newllm.integrations.onnx import folder as onnx_folder


def test_importing_newllm_and_its_command_line_imports_no_framework():
    code = (
        "import sys, newllm, newllm.api, newllm.cli.main as m\n"
        "import newllm.integrations.transformers.folder, newllm.integrations.onnx.folder\n"
        "[m._module(name) for name in m.COMMANDS]\n"
        "frameworks = {'transformers', 'peft', 'accelerate', 'datasets', 'lightning', 'lm_eval', 'onnx'}\n"
        "print(sorted(frameworks & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.delitem(sys.modules, "newllm.hf", raising=False)
    with pytest.raises(UserError, match=r"^this needs the package transformers, .*: pip install 'newllm\[hf\]'$"):
        importlib.import_module("newllm.hf")


@pytest.mark.parametrize("version", ["4.57.6", "5.13.1", "5.25.0.dev0", "5.25.0", "6.0.0"])
def test_so_it_does_for_a_version_that_was_not_tested(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    monkeypatch.delitem(sys.modules, "newllm.hf", raising=False)
    with pytest.raises(UserError, match=rf"^transformers {version} is installed, newllm takes 5.14 to below 5.25: pip"):
        importlib.import_module("newllm.hf")


def test_the_extra_installs_the_versions_that_are_taken():
    assert _extra("hf") == ["newllm[train]", "transformers>=5.14,<5.25"]
    assert _extra("lightning") == ["lightning>=2.5,<2.7"]


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


@pytest.mark.parametrize("version", ["5.14.0", "5.24.0", "5.24.1.dev0"])
def test_versions_of_the_range_will_do(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    check_installed("transformers", "hf", "5.14", "5.25")
