import importlib
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.integrations.extra import check_installed


def test_importing_newllm_and_its_command_line_imports_no_framework():
    code = (
        "import sys, newllm, newllm.api, newllm.cli.main as m, newllm.integrations.transformers.folder\n"
        "[m._module(name) for name in m.COMMANDS]\n"
        "print(sorted({'transformers', 'peft', 'accelerate', 'datasets', 'lightning'} & set(sys.modules)))"
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
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["hf"] == ["transformers>=5.14,<5.25"]


@pytest.mark.parametrize("version", ["5.14.0", "5.24.0", "5.24.1.dev0"])
def test_versions_of_the_range_will_do(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    check_installed("transformers", "hf", "5.14", "5.25")
