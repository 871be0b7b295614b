"""The program that is kept with a recording, and two of them held against each other by the doctor."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import ANY

import pytest

import newllm
from newllm.checksum import read_checked
from newllm.cli.main import main
from newllm.recorder.named_files import named_files, named_in
from newllm.recorder.program import CELLS, keep_program, keep_rest_of_program, the_program
from newllm.trace.program import PROGRAM, read_program

TRAIN = """
import sys
import torch
from shop.model import make
import newllm

rate = float(sys.argv[sys.argv.index("--lr") + 1])
settings, data = open("base.yaml").read(), open("data/rows.csv").read()
torch.manual_seed(int(sys.argv[-1]))
data = torch.Generator().manual_seed(0)
weights = torch.randn(8, 3, generator=data)
model = make()
optimizer = torch.optim.Adam(model.parameters(), rate)
with newllm.record(model, optimizer, out="recording", every=5) as recorder:
    for step in range(120):
        x = torch.randn(32, 8)
        y = (x @ weights).argmax(1)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
"""
MODEL = (
    "from torch import nn\n\n\ndef make():\n    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))\n"
)


def run(directory: Path, seed: int, *arguments: str, **files: str) -> Path:
    """Run the program in a directory, some of its files given, and return its recording."""
    given = {
        "train.py": TRAIN,
        "shop/model.py": MODEL,
        "shop/tests/other.py": "",
        "base.yaml": "width: 16\n",
        "secrets.yaml": "key: abc\n",
        "data/rows.csv": "1,2\n",
        "data/unnamed.csv": "3\n",
    }
    for name, text in {**given, **files}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    source = str(Path(newllm.__file__).parents[1])
    subprocess.run(
        [sys.executable, "train.py", *(arguments or ("--lr", "0.01")), "--api-key=abc", "--seed", str(seed)],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        timeout=120,
    )
    return directory / "recording"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("programs") / "sound", 1)


def test_the_files_of_a_program_are_kept_with_what_it_names(sound: Path) -> None:
    found = read_program(sound)
    assert found is not None
    assert found.files == {"train.py": TRAIN, "shop/model.py": MODEL, "base.yaml": "width: 16\n"}
    assert found.main == "train.py"
    assert found.arguments == ("--lr", "0.01", "--api-key=...", "--seed", "1")
    assert list(found.data) == ["data/rows.csv"]
    assert found.data["data/rows.csv"][0] == 4
    assert found.directory == str(sound.parent)
    assert {"python", "torch", "numpy"} <= found.versions.keys()
    assert "sys" not in found.versions


def test_a_changed_line_is_told_beside_what_it_does(sound: Path, tmp_path: Path) -> None:
    wrong = (
        TRAIN.replace("argmax(1)", "argmax(1).roll(1)")
        .replace("weights", "w")
        .replace("model(x), y)", "model(x), y)  #")
    )
    other = run(tmp_path / "wrong", 2, **{"train.py": wrong, "data/rows.csv": "1,3,4\n"})
    found = newllm.doctor(other, against=sound)
    (program,) = [one for one in found.findings if one.kind == "program-differs"]
    assert program.severity == "warning"
    said = str(program.sentence)
    assert "train.py:17 `y = (x @ w).argmax(1).roll(1)` (there `y = (x @ weights).argmax(1)`)" in said
    assert "the file data/rows.csv has other content (6 bytes, there 4)" in said
    assert said.count(";") == 1, said  # nothing else: neither the name, nor the seed, nor the comment


def test_an_option_is_told(sound: Path, tmp_path: Path) -> None:
    found = newllm.doctor(run(tmp_path / "other", 2, "--lr", "0.011"), against=sound)
    (program,) = [one for one in found.findings if one.kind == "program-differs"]
    assert str(program.sentence).endswith("--lr 0.011 (there 0.01)")


def test_another_seed_of_the_same_program_is_no_difference(sound: Path, tmp_path: Path) -> None:
    found = newllm.doctor(run(tmp_path / "again", 3), against=sound)
    assert not found.wrong
    assert "program-differs" not in [one.kind for one in found.findings]


def test_a_damaged_program_is_said_to_be(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = run(tmp_path / "again", 3)
    path = other / PROGRAM
    path.write_text(path.read_text().replace("Adam", "SGDx"))
    assert main(["doctor", str(other), "--against", str(sound)]) == 0
    assert "program.json" in capsys.readouterr().out
    path.write_text("[]")
    with pytest.raises(ValueError, match="object"):
        read_program(other)


def entry(**changed: Any) -> dict[str, Any]:
    found = the_program(sys._getframe())
    assert found is not None
    return {**found, **changed}


def test_without_a_file_of_its_own_the_callers_is_kept() -> None:
    found = entry()
    assert Path(found["root"], found["main"]) == Path(__file__).resolve()
    assert not [name for name in found["files"] if name.startswith("src/newllm/")]


def test_the_cells_of_a_notebook_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", sys)
    monkeypatch.setattr(sys.modules["__main__"], "In", ["", "lr = 1", "train(lr)"], raising=False)
    found = entry()
    assert found["files"][CELLS] == "lr = 1\n\ntrain(lr)"
    assert found["arguments"] == []


def test_what_is_loaded_or_run_until_the_first_step_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what is kept the text stays: an editor may have saved it meanwhile."""
    monkeypatch.setitem(sys.modules, "IPython", sys)
    cells = ["", "import newllm", "recorder = newllm.record(model, optimizer)"]
    monkeypatch.setattr(sys.modules["__main__"], "In", cells, raising=False)
    keep_program(tmp_path)
    kept = read_checked(tmp_path / PROGRAM)
    keep_rest_of_program(tmp_path)
    assert read_checked(tmp_path / PROGRAM) == kept
    cells.append("for step in range(9): train(step)")
    keep_rest_of_program(tmp_path)
    found = read_checked(tmp_path / PROGRAM)
    assert found["files"][CELLS].endswith("\n\nfor step in range(9): train(step)")
    assert found["nth"] == kept["nth"]
    assert found["out"] == str(tmp_path)
    (tmp_path / PROGRAM).unlink()
    keep_rest_of_program(tmp_path)  # it was removed: nothing is made up
    assert not (tmp_path / PROGRAM).exists()


def test_a_module_that_is_loaded_after_recording_began_is_kept(tmp_path: Path) -> None:
    late = TRAIN.replace("from shop.model import make\n", "").replace("model = make()", "model = torch.nn.Linear(8, 3)")
    late = late.replace("    for step", "    import shop.model\n    for step")
    found = read_program(run(tmp_path, 1, **{"train.py": late}))
    assert found is not None
    assert set(found.files) >= {"train.py", "shop/model.py"}
    assert (found.nth, found.processes, found.script) == (1, 1, None)
    assert Path(found.executable).samefile(sys.executable)
    assert Path(found.out) == tmp_path / "recording"


def test_what_hydra_is_told_on_the_command_line_names_its_files() -> None:
    words = named_in([], ["--config-name", "big", "model=wide", "+data=web", "lr=0.1", "--x=y"])
    assert {"big.yaml", "conf/model/wide.yaml", "configs/data/web.yaml"} <= set(words)
    assert not [one for one in words if "0.1" in one or "/x" in one]
    assert "small.yaml" in named_in([], ["--config-name=small"])


def test_words_that_the_program_has_taken_out_of_its_command_line_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", __file__, raising=False)
    monkeypatch.setattr(sys, "argv", [__file__])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-u", __file__, "--config", "a.yaml"])
    assert entry()["arguments"] == ["--config", "a.yaml"]
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "somebody", "else.py"])
    assert entry()["arguments"] == []


def test_files_whose_names_code_puts_together_are_found(tmp_path: Path) -> None:
    for name in (
        "data/part1.npz",
        "data/part2.npz",
        "data/other.npz",
        "data/tr/s2.json",
        "data/.hidden/s2.json",
        "x.npz",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    code = "load(f'data/part{number}.npz')\nopen(os.path.join(root, kind, 's2.json'))\nload(f'{name}{at}.npz')\n"
    elsewhere = tmp_path / "elsewhere"
    settings, data = named_files(named_in([code], []), [tmp_path], tmp_path, 10_000)
    assert named_files([f"{elsewhere}/*.npz"], [tmp_path], tmp_path, 0) == ({}, {})
    assert set(named_files([f"{tmp_path}/data/part*.npz"], [elsewhere], tmp_path, 0)[1]) == {
        "data/part1.npz", "data/part2.npz",
    }  # fmt: skip
    assert settings == {"data/tr/s2.json": "data/tr/s2.json"}
    assert set(data) == {"data/part1.npz", "data/part2.npz", "x.npz"}


def test_settings_that_lie_deep_are_found_where_few_are_called_so(tmp_path: Path) -> None:
    names = ("models/base/params.json", "runs/old/params.json", *(f"models/{at}/config.json" for at in range(4)))
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    settings, _ = named_files(["params.json", "config.json"], [tmp_path], tmp_path, 10_000)
    assert set(settings) == {"models/base/params.json"}


def test_a_folder_of_a_million_files_takes_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newllm.recorder.named_files.MOST_LISTED", 5)
    (tmp_path / "data").mkdir()
    for at in range(50):
        (tmp_path / "data" / f"{at}.png").write_text("")
    seen = []
    scan = os.scandir

    def counted(path: str) -> Any:
        class Entries:
            def __enter__(self) -> Any:
                self.entries = scan(path)
                return (seen.append(one) or one for one in self.entries)

            def __exit__(self, *_: object) -> None:
                self.entries.close()

        return Entries()

    monkeypatch.setattr(os, "scandir", counted)
    named_files(["x.csv"], [tmp_path], tmp_path, 100)
    assert len(seen) <= 5


def test_the_script_of_an_entry_point_is_kept_and_torchrun_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "train"
    script.write_text("#!/venv/bin/python\nfrom pkg.cli import main\n")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (entry()["script"], entry()["processes"]) == (script.read_text(), 4)
    script.write_bytes(b"\x7fELF\xff")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    assert (entry()["script"], entry()["processes"]) == (None, 1)


def test_a_program_that_was_another_before_it_is_resumed_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_program(tmp_path)
    keep_program(tmp_path, resumed_at=3)
    assert not (tmp_path / "set-aside").exists()
    monkeypatch.setattr(sys, "argv", ["train.py", "--lr", "3"])
    keep_program(tmp_path, resumed_at=7)
    assert read_checked(tmp_path / PROGRAM)["arguments"] == ["--lr", "3"]
    assert read_checked(tmp_path / "set-aside" / "program-before-step-8.json")["arguments"] != ["--lr", "3"]


def test_a_doubtful_run_names_the_command_that_tells_what_differs_or_which_change_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, wrong in (("fine", "argmax(1)"), ("wrong", "argmax(1).roll(int(step > 60))")):
        text = TRAIN.replace("argmax(1)", wrong).replace('"recording"', f'"runs/{name}"')
        run(tmp_path, 1, **{"train.py": text})
    (tmp_path / "runs" / "damaged").mkdir()
    (tmp_path / "runs" / "damaged" / PROGRAM).write_text("{")
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "runs/wrong", "--alone"]) == 1
    command: str = "newllm doctor runs/wrong --against runs/fine"
    assert command in " ".join(capsys.readouterr().out.split())
    for given in ([], ["--against", "runs/fine"]):
        assert main(["doctor", "runs/wrong", *given]) == 1
        printed = " ".join(capsys.readouterr().out.split())
        assert "roll(int(step > 60))" in printed
        assert command not in printed
        assert " ".join(["by running it again: newllm bisect runs/wrong", *given, "Not in this log"]) in printed


def test_a_program_that_was_changed_before_it_is_resumed_is_told(tmp_path: Path) -> None:
    resumable = TRAIN.replace('out="recording", every=5', 'out="recording", every=5, resumed_at=RESUMED')
    run(tmp_path, 1, **{"train.py": resumable.replace("RESUMED", "0").replace("range(120)", "range(80)")})
    changed = (
        resumable.replace("RESUMED", "80")
        .replace("(x @ weights)", "(weights.T @ x.T).T")
        .replace("range(120)", "range(80)")
    )
    recording = run(tmp_path, 1, "--lr", "0.01", "--resume", "80", **{"train.py": changed})
    found = newllm.doctor(recording, against=())
    (program,) = [one for one in found.findings if one.kind == "program-changed"]
    assert (program.severity, program.first_step) == ("note", 81)
    said = str(program.sentence)
    assert "train.py:17 `y = (weights.T @ x.T).T.argmax(1)` (there `y = (x @ weights).argmax(1)`)" in said
    assert "--resume" not in said
    (recording / "set-aside" / "program-before-step-81.json").write_text("{")
    damaged = newllm.doctor(recording, against=())
    assert "program-changed" not in [one.kind for one in damaged.findings]
    assert any("program.json" in str(one) for one in damaged.trace.remarks)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a program that stands for the one that Python was started with."""
    place = tmp_path / "project" / "scripts"
    place.mkdir(parents=True)
    (place / "train.py").write_text("")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(place / "train.py"), raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.chdir(place)
    return place


def write(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def test_files_are_found_by_name_and_results_are_not_kept(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = 'open("a/b/deep.yaml"), open("near.toml"), open("results.json"), open("x.csv"), compose(config_name="main")'
    write(
        program,
        {
            "train.py": code,
            "a/b/deep.yaml": "x: 1",
            "conf/near.toml": "x = 1",
            "conf/main.yaml": "x: 2",
            "results.json": "{}",
            "runs/last/near.toml": "x = 2",
            "other/x.csv": "1",
            "data/x.csv": "1,2",
            "../set.yaml": "y: 1",
            "auth.json": "{}",
        },
    )
    monkeypatch.setattr(sys, "argv", ["train.py", "--config=../set.yaml", "--auth", "auth.json"])
    found = entry()
    kept = {"train.py", "a/b/deep.yaml", "conf/near.toml", "conf/main.yaml", str(program.parent / "set.yaml")}
    assert found["files"].keys() == kept
    assert found["data"] == {"data/x.csv": {"bytes": 3, "sha256": ANY}}


def test_a_project_is_kept_whole_and_what_lies_elsewhere_is_counted(
    program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = {"../src/own.py": "own = 1\n", "../src/latin.py": "", "../src/credentials.py": "", "../../far.py": ""}
    write(program, {**names, "../pyproject.toml": ""})
    (program / "../src/latin.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    elsewhere = entry()["left_out"]  # of pytest and its tests
    for name in names:
        module = ModuleType(Path(name).stem)
        module.__file__ = str((program / name).resolve())
        monkeypatch.setitem(sys.modules, f"newllm_test_{module.__name__}", module)
    found = entry()
    assert found["root"] == str(tmp_path / "project")
    assert found["files"].keys() == {"scripts/train.py", "src/own.py", "src/latin.py"}
    assert "é" in found["files"]["src/latin.py"]
    assert found["left_out"] == elsewhere + 1  # far.py: what is not kept may differ


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["--max-tokens", "40"], ["--max-tokens", "40"]),
        (["--hf-token", "abc", "--lr", "1"], ["--hf-token", "...", "--lr", "1"]),
        (["--password", "-x"], ["--password", "..."]),
        (["--wandb-key=1", "--pad-token", "0"], ["--wandb-key=...", "--pad-token", "0"]),
        (["wandb_api_key=1"], ["wandb_api_key=..."]),
        (["--store", "redis://me:pw@host/1"], ["--store", "redis://...@host/1"]),
    ],
)  # fmt: skip
def test_secrets_of_a_command_line_are_not_kept(
    program: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], kept: list[str]
) -> None:
    assert program.is_dir()
    monkeypatch.setattr(sys, "argv", ["train.py", *given])
    assert entry()["arguments"] == kept


def test_a_large_data_file_is_told_by_its_ends(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newllm.checksum.WHOLE", 100)
    monkeypatch.setattr("newllm.checksum.ENDS", 10)
    found = []
    for end in ("a", "b"):
        write(program, {"train.py": 'open("x.csv")', "x.csv": 200 * "x" + end})
        found.append(entry()["data"]["x.csv"]["sha256"])
    assert found[0] != found[1]


def test_what_cannot_be_looked_at_is_passed_over(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy(ModuleType):
        def __getattr__(self, name: str) -> str:
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "newllm_test_lazy", Lazy("newllm_test_lazy"))
    write(program, {"train.py": 'open("x.yaml")\n', "x.yaml/inner": ""})
    gone = program / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert entry()["files"].keys() == {"train.py"}


def test_scripts_that_prepared_the_data_are_kept_with_tensors_that_are_data(program: Path) -> None:
    write(
        program,
        {
            "train.py": 'torch.load("train1989.pt")\ntorch.save(model, "model.pt")\nnp.memmap(f"data/{split}.bin")\n',
            "train1989.pt": "tensors",
            "model.pt": "learnt",
            "data/val.bin": "tokens",
            "prepro.py": 'torch.save((x, y), f"{split}1989.pt")\n',
            "data/prepare.py": 'ids.tofile("val.bin")\n',
            "look.py": 'plot(torch.load("train1989.pt"))\n',
            "other.py": 'torch.save(x, "other.pt")\n',
            "broken.py": 'torch.save(x, "train1989.pt"\n',
            "api_keys.py": 'torch.save(x, "train1989.pt")\n',
        },
    )
    kept = entry()
    assert {Path(one).name for one in kept["data"]} == {"train1989.pt", "val.bin"}
    assert {Path(one).name for one in kept["files"]} == {"train.py", "prepro.py", "prepare.py"}


def test_folders_of_data_are_looked_into_and_those_that_settings_name(program: Path) -> None:
    write(
        program,
        {
            "train.py": 'read("config.json"); load("speech_data"); "train"; "runs/data"\n',
            "config.json": '{"data": {"path": "toy_data", "extra": "lists/held.txt"}, "out": "out"}',
            "toy_data/train.txt": "rows",
            "toy_data/deep/vali.txt": "rows",
            "toy_data/notes.md": "none",
            "lists/held.txt": "rows",
            "speech_data/x.npy": "numbers",
            "train/left.csv": "rows",
            "runs/data/old.csv": "what it wrote",
            "out/rows.csv": "what it wrote",
            "other/rows.csv": "not named",
            "make.py": 'dump_file(x, os.path.join("toy_data", "train.txt"))\n',
        },
    )
    kept = entry()
    names = {Path(one).as_posix() for one in kept["data"]}
    assert {name.removeprefix(f"{program.as_posix()}/") for name in names} == {
        "toy_data/train.txt",
        "toy_data/deep/vali.txt",
        "lists/held.txt",
        "speech_data/x.npy",
        "train/left.csv",
    }
    assert {Path(one).name for one in kept["files"]} == {"train.py", "config.json", "make.py"}
