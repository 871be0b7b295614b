"""Which engine: mistakes are one line, before anything is begun."""

import importlib.metadata
from pathlib import Path

import pytest

import newllm
from newllm.cli.main import main
from newllm.engines import ENGINES, Engine
from newllm.engines.local import Workers
from newllm.errors import UserError
from newllm.machine import available_cores


def test_local_is_the_default_with_a_worker_a_core(tmp_path: Path) -> None:
    with Engine().pool(str, str, tmp_path) as pool:
        assert type(pool) is Workers
        assert pool.workers == available_cores()
    assert Engine().label == "local"
    assert not list(tmp_path.iterdir())


def test_an_engine_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"^unknown engine 'foo': known: local, ray, slurm$"):
        Engine("foo")
    assert ENGINES == ("local", "ray", "slurm")


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_what_an_engine_needs_and_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UserError, match=rf"^this needs the package {package}, .*: pip install 'newllm\[{name}\]'$"):
        Engine(name)


@pytest.mark.parametrize(("name", "package", "version", "taken"), [
    ("ray", "ray", "2.59.2", "2.60 to below 3"), ("ray", "ray", "3.0.0", "2.60 to below 3"),
    ("slurm", "submitit", "1.5.3", "1.5.4 to below 2"), ("slurm", "submitit", "2.0", "1.5.4 to below 2"),
])  # fmt: skip
def test_so_is_a_version_that_was_not_tested(monkeypatch, name, package, version, taken) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    with pytest.raises(UserError, match=rf"^{package} {version} is installed, newllm takes {taken}: pip install"):
        Engine(name)


@pytest.fixture
def submitit_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the version that is asked for goes."""
    monkeypatch.setattr("newllm.engines.engine.check_installed", lambda *_: None)


@pytest.mark.usefixtures("submitit_is_here")
def test_without_slurm_on_this_machine_one_line_says_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("NEWLLM_SLURM", raising=False)
    with pytest.raises(
        UserError, match=r"^--engine slurm: there is no SLURM .*sbatch is not found.*NEWLLM_SLURM=local$"
    ):
        Engine("slurm")
    monkeypatch.setenv("NEWLLM_SLURM", "local")
    assert Engine("slurm").label == "slurm (local processes)"
    monkeypatch.setenv("NEWLLM_SLURM", "here")
    with pytest.raises(UserError, match=r"^NEWLLM_SLURM=here: give slurm, or local"):
        Engine("slurm")


@pytest.mark.parametrize("command", [["study", "founding"], ["replay", "demo:founding-baseline"]])
def test_commands_refuse_an_unknown_engine(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--engine", "ryas"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "newllm: unknown engine 'ryas': did you mean 'ray'? known: local, ray, slurm\n")
    assert main([*command, "--workers", "-1"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("submitit_is_here")
def test_a_loop_of_one_s_own_is_replayed_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_SLURM", "local")
    loop = newllm.Loop(lambda _: None, lambda _: None, lambda *_: None, 10)  # type: ignore[arg-type,return-value]
    with pytest.raises(
        UserError, match=r"^engine='slurm': a newllm.Loop is replayed in this process, so leave engine="
    ):
        newllm.replay(loop, engine="slurm")
