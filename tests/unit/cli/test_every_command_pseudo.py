"""What every command prints in a language that is made up, and that no sentence for people stands in their code."""

# ruff: noqa: RUF001 (letters at full width)

import ast
import dataclasses
import io
import json
import re
import shutil
import sys
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection, Trial
from newllm.cli import main as cli
from newllm.cli.main import COMMANDS, main
from newllm.messages import message
from newllm.study import Watcher
from newllm.trace import Verdict

FOUNDING = Path(__file__).parents[3] / "studies" / "founding" / "replay.json"
STUDY = """
from newllm.study import Arm, Study, Table

STUDY = Study(
    name="mine", title="Mine, in English.", arms=(Arm("base", "As it is.", "seed-baseline", (), 1),),
    sets=("bundled:sentences",), claims=(), translations={"xx": {"Mine": "Ｍ", "of it": "Ｏ", "It spikes so.": "Ｓ"}},
    tables=lambda results: [Table("gains", "Mine", ("arm", "of it"), [("base", "1.00")])],
)
"""
PARTS = """
import torch
from torch import nn
from torch.nn import functional as F


def sound():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    batch = torch.randn(16, 10), torch.randint(0, 3, (16,))
    return model, torch.optim.Adam(model.parameters(), 1e-2), lambda model, batch: _loss(model(batch[0]), batch), batch


def twice():
    model, optimizer, _, batch = sound()
    return model, optimizer, lambda model, batch: _loss(model(batch[0]).softmax(-1), batch), batch


def _loss(output, batch):
    return F.cross_entropy(output, batch[1])
"""
RESULTS = {
    "claims": [
        {"id": "1", "text": "It spikes so.", "verdict": "holds", "numbers": {"difference": [1.0, 0.5, 2.0]}},
        {"id": "2", "text": "It spikes so.", "verdict": "undecided", "numbers": {"seeds": 2, "needed": 4}},
        {"id": "3", "text": "It spikes so.", "verdict": "undecided", "numbers": {"not_run": ["base"]}},
    ],
    "failed": {"base": "why"}, "waiting": ["base", "other"], "processors": [], "unpaired": [],
    "worker_deaths": ["a worker died (exit code 9) at base"],
    "worker_death_messages": [message("study-worker_died", code=9, run="base").as_dict()],
    "translations": {"xx": {"Mine": "Ｍ", "of it": "Ｏ", "It spikes so.": "Ｓ"}},
}  # fmt: skip
_Said = Callable[..., str]


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def said(request: pytest.FixtureRequest, languages: Path, english: Callable[[str], list[str]], monkeypatch) -> _Said:
    """Call a command in the made-up language; check and return what it printed, without the text that a model wrote."""
    catalogues = sys.modules["newllm.messages.catalogue"]  # which the function of that name hides
    monkeypatch.setattr(catalogues, "FOLDER", languages)
    monkeypatch.setattr(catalogues, "LANGUAGES", ("en", "xx"))
    monkeypatch.setattr(cli, "LANGUAGES", ("en", "xx"))
    for name in ("progress", "evaluate", "study_progress"):
        monkeypatch.setattr(f"newllm.cli.{name}.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("newllm.api.replay_lines.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("newllm.cli.model_text.model_text", lambda _: lambda _: None)
    monkeypatch.setattr("newllm.cli.progress.Display.sampled", lambda display, _: setattr(display, "sample", "0"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")

    def call(*arguments: object, code: int = 0) -> str:
        stream = _Terminal() if request.param else io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            assert main([*map(str, arguments), "--lang", "xx"]) == code
        text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "\n")
        assert english(text) == []
        return text

    return call


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long or opens something is played: replays, a study, the page."""

    def replay(*_: Any, watcher: Any, **__: Any) -> Verdict:
        watcher.noticed(message("notice-leaves", step=3))
        watcher.planned("screen", 6)
        watcher.replayed("screen", "sgd", 1, True, 0.5)
        return Verdict.from_dict(json.loads(FOUNDING.read_bytes()))

    def bisect(*_: Any, watcher: Any, **__: Any) -> Bisection:
        changes = tuple(Change("lines", "１.py", ("x",) * 20, ("y",), at, number=at) for at in range(1, 6))
        found = Bisection("r", "s", "", 80, changes, seconds=3.0)
        if watcher is None:  # --quiet
            return dataclasses.replace(found, ended="cause", left=(1, 2))
        watcher.begins(found)
        part = message("against-setting", name="a", here="1", there="2")
        for stage, outcome in (("sound", "sound"), ("all", "parts"), ("search", "failed"), ("without", "otherwise")):
            trial = Trial((1, 2), stage, outcome, 80, 80, 1.0, None, "", part, ("１",))
            found = dataclasses.replace(found, trials=(*found.trials, trial))
            watcher.tried(trial, found)
        return dataclasses.replace(found, ended="cause", left=(1, 2), necessary=False)

    def run_study(_: str, out: Path, *, study: Any, watcher: Watcher, **__: Any) -> dict[str, Any]:
        from newllm.study import plan

        cells = plan(study, out / "texts", 2, None)
        watcher.planned(cells, cells[1:])
        watcher.running(cells)
        watcher.failed(cells[0], "why")
        watcher.died(message("study-worker_died", code=9, run="base"))
        watcher.finished(cells[1], 2.0)
        watcher.running(cells)
        return RESULTS

    monkeypatch.setattr("newllm.api.replay", replay)
    monkeypatch.setattr("newllm.api.bisect", bisect)
    monkeypatch.setattr("newllm.study.run_study", run_study)
    monkeypatch.setattr("newllm.ui.serve", lambda *_, ready, **__: ready("http://127.0.0.1/"))
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    monkeypatch.setattr("newllm.cli.demo._typed", lambda _: "")  # commands are the same in every language


@dataclass(frozen=True)
class _Given:
    """What a case has: the call, a finished run, a text, and options of a tiny model."""

    said: _Said
    run: Path
    text: Path
    tiny: list[str]


def _train(given: _Given) -> str:
    said, text = given.said, given.text
    lines = [said("train", text, *given.tiny, "--steps", 4, "--out", "trained")]
    lines.append(said("train", "--resume", "trained"))  # finished already
    lines.append(said("train", text, *given.tiny, "--seconds", 3, "--out", "by-clock"))
    shutil.rmtree(given.run / "snapshots" / "step-00000006")
    return "\n".join([*lines, said("train", "--resume", given.run)])


def _replay(given: _Given) -> str:
    said, run = given.said, given.run
    return said("replay", run) + said("replay", run, "--quiet") + said("replay", "--list")


def _bisect(given: _Given) -> str:
    said = given.said("bisect", given.run, "--against", "sound")
    return said + given.said("bisect", given.run, "--against", "sound", "--quiet")


def _doctor(given: _Given) -> str:
    log = Path("log.csv")
    losses = [5 + (4 if step in (60, 61) else 0) - step / 100 for step in range(100)]
    log.write_text("step,loss\n" + "".join(f"{step},{loss}\n" for step, loss in enumerate(losses)))
    given.said("doctor", given.run, code=1)
    return given.said("doctor", log, code=1) + given.said("doctor", log, "--quiet", code=1)


def _study(given: _Given) -> str:
    Path("mine.py").write_text(STUDY)
    given.said("study", "mine.py", "--workers", 1, code=1)
    return given.said("study", "mine.py", "--quick", "--workers", 1, code=1)


def _report(given: _Given) -> str:
    (given.run / "summary.json").write_text("[]")
    return given.said("report", given.run)


def _cache(given: _Given) -> str:
    states = given.run / "replays/step-00000009/states"
    states.mkdir(parents=True)
    (states / "step-00000007.safetensors").write_bytes(bytes(20))
    return given.said("cache", given.run) + given.said("cache", given.run, "--clear")


def _ui(given: _Given) -> str:
    here = given.said("ui")
    assert "/?lang=xx " in here
    Path("runs").mkdir()
    return here + given.said("ui", "--open")


def _serve(given: _Given) -> str:
    return given.said("serve", "--new-key", "alice")


def _generate(given: _Given) -> str:
    options = ["--body", "attention", "--set", "model.positions=32", "--steps", "1", "--quiet", "--out", "short"]
    given.said("train", given.text, *given.tiny, *options)
    return given.said("generate", "short", "--tokens", 40).splitlines()[-1]


def _eval(given: _Given) -> str:
    return given.said("eval", given.run, given.text)


def _bench(given: _Given) -> str:
    return given.said("bench", "recall", "--quick", "--task", "parity", "--models", "ngram")


def _export(given: _Given) -> str:
    return given.said("export", given.run, "--to", "hf", "exported")


def _import(given: _Given) -> str:
    _export(given)
    return given.said("import", "exported")


def _check(given: _Given) -> str:
    Path("train.py").write_text(PARTS)
    return given.said("check", "train.py:sound") + given.said("check", "train.py:twice", code=1)


def _demo(given: _Given) -> str:
    return given.said("demo")


CASES = {
    "train": _train, "generate": _generate, "eval": _eval, "doctor": _doctor, "replay": _replay, "study": _study,
    "report": _report, "cache": _cache, "ui": _ui, "check": _check, "export": _export, "import": _import,
    "demo": _demo, "serve": _serve, "bench": _bench, "bisect": _bisect,
}  # fmt: skip


def test_there_is_a_case_for_every_command() -> None:
    without_sentences = {"completion", "schema", "mcp"}  # a shell's script, a JSON Schema, a protocol
    assert CASES.keys() | without_sentences == COMMANDS.keys()


@pytest.mark.usefixtures("pretend")
@pytest.mark.parametrize("command", CASES)
def test_what_a_command_prints(command: str, said: _Said, run: Path, text: Path, tiny: list[str]) -> None:
    assert re.search("[ａ-ｚ]{3}", CASES[command](_Given(said, run, text, tiny)))


# Two words in a row, or one beside a blank or a colon.
_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}|\b[a-z]{3,}[:,;]? $|^[:,;]? [a-z]{3,}\b")
_HELP = {"add_argument", "add_parser", "add_subparsers", "Parser"}  # calls whose texts are the help's
_MISTAKES = {"UserError", "_refused"}  # and those of error lines, which are English
_HELP_TABLES = {"COMMANDS", "_ABOUT", "_SETTINGS"}
_NAMES = {
    "newllm: ",
    "newllm ui: ",
    "bold ",
    "not bold",
    "no effect",
    "stops learning",
}  # of the code: styles, outcomes
_OTHERS = {
    "completion.py": "a script of a shell",
    "installed.py": "names, numbers, and a command",
    "mcp_server.py": "tools as an agent reads of them, and what it is told of a mistake",
    "parser.py": "helps argparse to say what is wrong in the call",
    "The captain": "a beginning, for a model that writes English",
    "| intervention | kind | change | if it removes the spike | if it is kept | from |": "the table of interventions",
}


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _texts(source: str) -> Iterator[str]:
    """Yield the texts in a file's code but for docstrings, the help and error lines."""
    tree = ast.parse(source)
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        is_error = isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node) in _HELP | _MISTAKES)
        is_help = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in _HELP_TABLES
        if is_error or is_help or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            left_out |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out:
            yield node.value


def _sentences(source: str) -> list[str]:
    return [text for text in _texts(source) if _WORDS.search(text) and text not in _NAMES | _OTHERS.keys()]


@pytest.mark.parametrize("file", sorted(Path(cli.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_no_sentence_stands_in_the_code_of_a_command(file: Path) -> None:
    if file.name not in _OTHERS:
        assert _sentences(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code", ['print("it is over")', 'print(f"training {n} more")', 'say(f"{n} left", out)', 'x = "read: " + y']
)
def test_a_sentence_in_the_code_is_seen(code: str) -> None:
    assert len(_sentences(code)) > 0
    assert _sentences(f"raise UserError({code!r})") == []
