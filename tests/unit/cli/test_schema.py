"""`newllm schema COMMAND`: each command is run and held to its schema, and so is output with one key changed.

The fixture `call` holds to its schema what --json prints in any test of the command line.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection, Trial
from newllm.bisection.store import write_bisection
from newllm.cli.main import COMMANDS
from newllm.cli.schema import described, schema_of
from newllm.messages import message, quoted
from newllm.reruns.changes import Change as RerunChange
from newllm.reruns.result import Rerun, write_rerun
from newllm.reruns.result import Trial as RerunTrial
from newllm.reruns.rise import Rise

SPIKE = Path(__file__).parents[3] / "examples" / "spike.csv"
PARTS = """
import torch
from torch import nn


def parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    batch = torch.randn(16, 10), torch.randint(0, 3, (16,))
    loss = lambda model, batch: nn.functional.cross_entropy(model(batch[0]).softmax(-1), batch[1])
    return model, torch.optim.Adam(model.parameters(), 1e-2), loss, batch
"""
STUDY = """
from newllm.study import Arm, Claim, Decision, Study

LOSS = [2.0, 1.0]
STUDY = Study(
    name="mine", title="Mine.", sets=("bundled:sentences",), seeds=1,
    arms=(Arm("base", "As it is.", "founding-baseline", (), 1),),
    claims=(Claim("1", "It falls.", "Fall.", ("base",), lambda rows: Decision("holds", {}, 0.001), needs=1),),
    measure=lambda config: {"epoch": [0, 1], "seconds": 0.1, "train": {"loss": [None, 1.0]},
                            "probe": {"loss": LOSS}, "validation": {"loss": LOSS}},
    outcomes=lambda record, control: {"last": record["probe"]["loss"][-1]}, tables=lambda results: [],
)
"""


def _bisect(run: Path) -> list[object]:
    """A bisection that was kept, with one of everything."""
    change = Change("lines", "train.py", ("x = 2",), ("x = 1",), 3, number=1)
    trial = Trial(
        (1,), "search", "parts", 80, 80, 1.5, False, "0" * 64, message("size-bytes", count=2), ("a line",), ("rate",)
    )
    about = {
        "moved": (("torch", "2.9", "2.10"),),
        "missing": ("b.py",),
        "notices": (message("bisect-ranks", runs=["a"], count=1),),
        "given": (("rate", message("against-setting", name="a", here="1", there="2")),),
        "brings": (("rate", (1,)),),
        "reset": (("lr", "1", "2"),),
    }
    found = Bisection(
        "a", "b", "0" * 64, 80, (change,), (change,), (trial,), "cause", (1,), necessary=True, seconds=2.0, **about
    )
    write_bisection(run, found)
    return [run, "--show"]


def _rerun(_: Path) -> list[object]:
    """What came of running the program of a recording again, with one of everything."""
    change = RerunChange("hold-learning-rate", "hold", 50, 80, ("lr",), before=0.1, within=1.0, moved=3, tells=True)
    trials = (RerunTrial(None, "stays", 1.0, None, 80, 1.5), RerunTrial(change, "gone", 0.0, 51, 80, 1.5))
    Path("recorded").mkdir()
    (Path("recorded") / "recording.json").write_text("{}")
    sifted = RerunChange("skip-not-finite", "sift", 50, 80)
    trials = (*trials, RerunTrial(sifted, "stays", 1.0, 51, 80, 1.5, since=53))
    write_rerun(
        Path("recorded"),
        Rerun("a", "0" * 64, Rise("spike", 50, 80), 1, 1, 80, trials, (change, sifted), 3.0, named=(quoted("x"), None)),
    )
    return ["recorded", "--show"]


def _several(_: Path) -> list[object]:
    Path("logs").mkdir()
    for name in ("a.csv", "b.csv"):
        (Path("logs") / name).write_bytes(SPIKE.read_bytes())
    return ["logs"]


def _check(_: Path) -> list[object]:
    Path("train.py").write_text(PARTS)
    return ["train.py:parts"]


def _study(_: Path) -> list[object]:
    Path("mine.py").write_text(STUDY)
    return ["mine.py", "--workers", 1]


def _export(run: Path, *_: object) -> list[object]:
    return [run, "--to", "hf", "exported"]


# By name the arguments, of a finished run; what is behind a blank tells apart cases of one command.
CASES: dict[str, Callable[[Path], list[object]]] = {
    "bisect": _bisect,
    "doctor log": lambda _: [SPIKE],
    "doctor several": _several,
    "doctor run": lambda run: [run],
    "check": _check,
    "replay verdict": lambda _: ["demo:founding-baseline", "--show"],
    "replay rerun": _rerun,
    "replay list": lambda _: ["--list"],
    "report page": lambda _: [SPIKE],
    "report zip": lambda run: [run, "--zip"],
    "study": _study,
    "study list": lambda _: ["--list"],
    "eval": lambda run: [run, run / "config.toml"],
    "generate": lambda run: [run, "--tokens", 3],
    "bench": lambda _: ["recall", "--quick", "--task", "parity", "--models", "stack,ngram"],
    "export": _export,
    "cache": lambda run: [run],
    "serve key": lambda _: ["--new-key", "alice"],
    "demo": lambda _: [],
    "completion": lambda _: ["bash"],
    "schema": lambda _: ["schema"],
}
# Where the keys of an object inside another are fixed too: the way to one.
INSIDE: dict[str, list[list[str | int]]] = {
    "doctor log": [["findings", 0], ["findings", 0, "messages"], ["findings", 0, "messages", "sentence"]],
    "doctor several": [["logs", 1], ["logs", 1, "findings", 0]],
    "check": [["outcomes", 0]],
    "replay verdict": [["interventions", 0], ["null"], ["nulls"], ["spike"], ["cause"], ["suspects", 0]],
    "replay rerun": [["planned", 0], ["trials", 0], ["trials", 1, "change"], ["rise"]],
    "replay list": [["interventions", 0]],
    "report page": [["runs", 0]],
    "report zip": [["files", 0], ["runs", 0]],
    "study": [["claims", 0]],
    "bisect": [["changes", 0], ["trials", 0], ["verdict"], ["verdict", "moved", 0], ["notices", 0]],
    "bench": [["runs", 0], ["runs", 0, "curve", 0], ["runs", 0, "evaluations", "1x32"], ["settings"]],
    "cache": [["tokens", 0]],
    "train": [["last_validation"]],
}


@pytest.fixture
def printed(call, run: Path, text: Path, tiny: list[str], cache: Path) -> Callable[[str], dict[str, Any]]:
    """Run a case, and return what it printed."""

    def go(case: str) -> dict[str, Any]:
        if case == "import":
            call("export", *_export(run))
            return json.loads(call("import", "exported", "--json").out)
        if case == "train":
            return json.loads(call("train", text, *tiny, "--steps", 2, "--quiet", "--json").out)
        if case in ("ui", "serve"):
            return _served(cache, [case, *([str(run)] if case == "serve" else [])])
        return json.loads(call(case.partition(" ")[0], *CASES[case](run), "--json").out)

    return go


def _served(cache: Path, arguments: list[str]) -> dict[str, Any]:
    """Start a server for real, and end it when it is ready."""
    command = [sys.executable, "-m", "newllm", *arguments, "--port", "0", "--json"]
    environment = {**os.environ, "NEWLLM_CACHE": str(cache)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as served:
        assert served.stdout is not None
        line = served.stdout.readline()
        served.terminate()
        assert served.stdout.read() == ""
    return json.loads(line)


ALL = [*CASES, "train", "import", "ui", "serve"]


def test_every_command_has_a_schema_and_a_case() -> None:
    assert {case.partition(" ")[0] for case in ALL} == set(described()) == {*COMMANDS} - {"mcp"}


@pytest.mark.parametrize("case", ALL)
def test_what_a_command_prints_is_of_its_schema_and_a_change_of_a_key_is_not(case: str, printed) -> None:
    whole = printed(case)
    validator = Draft202012Validator(schema_of(case.partition(" ")[0]))
    validator.validate(whole)
    for way in [[], *INSIDE.get(case, [])] if case != "schema" else ():
        found: Any = whole
        for part in way:
            found = found[part]
        for key in [*found, None]:
            kept = dict(found)
            found.clear()
            found.update({f"{name}_" if name == key else name: value for name, value in kept.items()})
            if key is None:
                found["added"] = 1
            with pytest.raises(ValidationError):
                validator.validate(whole)
            found.clear()
            found.update(kept)
    validator.validate(whole)  # all is as it was


@pytest.mark.parametrize("command", described())
def test_a_schema_is_one_of_the_draft_that_it_names(command: str) -> None:
    schema = schema_of(command)
    assert schema.get("$schema") == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    used = json.dumps(schema)
    assert [name for name in schema.get("$defs", {}) if f'"#/$defs/{name}"' not in used] == []


def test_a_sentence_as_data_has_one_form() -> None:
    forms = [
        schema["$defs"]["message"] for one in described() if "message" in (schema := schema_of(one)).get("$defs", {})
    ]
    assert len(forms) > 3
    assert all(form == forms[0] for form in forms)


def test_it_is_printed_for_people_and_for_programs(call, refused) -> None:
    page, line = call("schema", "doctor"), call("schema", "doctor", "--json")
    assert json.loads(page.out) == json.loads(line.out) == schema_of("doctor")
    assert (page.out.count("\n") > 100, line.out.count("\n")) == (True, 1)
    assert "unknown command 'doktor': did you mean 'doctor'? known: bench, bisect, cache" in refused("schema", "doktor")
