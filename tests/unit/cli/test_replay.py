"""`newllm replay` on a small run that spikes, and on mistakes."""

import contextlib
import dataclasses
import io
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from newllm import api
from newllm.api import replayed
from newllm.checksum import opened
from newllm.cli import replay as command
from newllm.cli.main import main
from newllm.cli.replay_list import listed
from newllm.replays.interventions import INTERVENTIONS
from newllm.time_limit import TimeLimit
from newllm.trace import Verdict

ONLY = ("--only", "half-learning-rate")
SPIKY = (
    *("model.width=16", "model.hidden=32", "model.context=16", "optimizer.learning_rate=0.01"),
    *("numerics.scan_backend=torch", "numerics.precision=fp32", "numerics.threads=1", "numerics.device=cpu"),
)


@dataclasses.dataclass(frozen=True)
class Replayed:
    """A run that was replayed once from the command line, what that printed, and the run's files before and after."""

    run: Path
    code: int
    out: str
    before: dict[str, str]
    after: dict[str, str]
    verdict: dict


@pytest.fixture(scope="session")
def spiked(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The founding cell, small, whose loss spikes at step 14 of 30."""
    run = tmp_path_factory.mktemp("spiked") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(cache))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        options = [f"--set={setting}" for setting in SPIKY]
        assert (
            main(["train", "--preset", "seed-baseline", *options, "--steps", "30", "--quiet", "--out", str(run)]) == 0
        )
    return run


def _here(*given: Any, **named: Any) -> Verdict:
    """Replay in this process, whatever the command says."""
    named["workers"] = 0
    return replayed.replay(*given, **named)


@pytest.fixture(scope="session")
def once(spiked: Path, content, ticks: type, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    run = Path(shutil.copytree(spiked, tmp_path_factory.mktemp("replayed") / "run"))
    before, out = content(run), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(api, "replay", _here)
        patch.setattr(command, "TimeLimit", lambda seconds, **_: TimeLimit(seconds, ticks()))
        code = main(["replay", str(run), *ONLY, "--budget", "195"])
    (place,) = (run / "replays").glob("step-*/verdict.json")
    return Replayed(run, code, out.getvalue(), before, content(run), opened(place.read_bytes()))


@pytest.fixture
def run(spiked: Path, tmp_path: Path) -> Path:
    """A copy of the run, not replayed yet."""
    return Path(shutil.copytree(spiked, tmp_path / "run"))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no workers: they take longer to start than the replays take."""
    monkeypatch.setattr(api, "replay", _here)


@pytest.fixture
def known(once: Replayed, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The verdict that was reached once, not reached anew."""
    monkeypatch.setattr(api, "replay", lambda *_, **__: Verdict.from_dict(once.verdict))
    return once.verdict


def test_the_page_says_the_sentences_and_what_they_rest_on(once) -> None:
    assert once.code == 0
    first, *lines = once.out.splitlines()
    assert Path(first).is_dir()  # a path stays whole, however long
    assert max(cell_len(line) for line in lines if first not in line) <= 80
    assert "\x1b" not in once.out
    assert not any(line.endswith(" ") for line in lines)
    flat = " ".join(once.out.split())
    for sentence in once.verdict["sentences"]:
        assert sentence in flat
    assert "identical to the bit over" in flat
    assert "weights too" in flat
    assert "Screened only on 1 seed each: nothing is claimed" in flat
    assert "half-learning-rate" in flat


def test_the_run_itself_is_left_as_it_was(once) -> None:
    assert {name: once.after[name] for name in once.after if not name.startswith("replays")} == once.before


def test_json_is_the_verdict_and_nothing_else(call, known) -> None:
    done = call("replay", "run", "--json")
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    found = json.loads(done.out)
    assert found == known
    assert {"null", "spike", "interventions", "cause", "sentences", "schema"} <= found.keys()
    assert found["null"]["identical"] is True
    assert {"name", "class", "n", "effect", "interval", "p", "cost"} <= found["interventions"][0].keys()


def test_quiet_is_three_sentences(call, known) -> None:
    done = call("replay", "run", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == known["sentences"]


def test_a_run_that_is_not_what_it_was_ends_with_one_and_says_where(call, run) -> None:
    _change_loss(run / "trace.jsonl", step=9)
    done = call("replay", run, *ONLY)
    assert done.code == 1
    flat = " ".join(done.out.split())
    assert "differs from the run: at step 9 the loss is" in flat
    assert "half-learning-rate" not in flat


def _change_loss(trace: Path, *, step: int) -> None:
    """Change the last bit of one recorded loss."""
    rows = [json.loads(line) for line in trace.read_text().splitlines()]
    (row,) = (row for row in rows if row["step"] == step and "loss" in row)
    row["loss"] = math.nextafter(row["loss"], math.inf)
    for row in rows:
        del row["crc32"]  # whoever changes a number must not leave the checksum of another
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no run named"),
        (("nowhere",), "'nowhere' holds no run"),
        (("RUN", "--budget", "0"), "--budget 0"),
        (("RUN", "--budget", "-1"), "--budget -1"),
        (("RUN", "--budget", "nan"), "--budget nan"),
        (("RUN", "--budget", "soon"), "'soon'"),
        (("RUN", "--spike", "9"), "--spike 9: there"),
        (("RUN", "--spike", "0"), "--spike 0: there"),
        (("RUN", "--only", "half-learning"), "did you mean 'half-learning-rate'?"),
        (("RUN", "--only", "half-learning-rate+sdg"), "did you mean 'sgd'?"),
        (("RUN", "--only", "sgd+beta2+epsilon"), "'sgd+beta2+epsilon'"),
        (("RUN", "--only", "qk-norm"), "cannot be tried here"),
        (("RUN", "--only"), "--only"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(refused, run, content, options, said) -> None:
    before = content(run)
    assert said in refused("replay", *[run if item == "RUN" else item for item in options])
    assert content(run) == before


HOLD = """
import sys
from pathlib import Path
from newllm.replays.session.investigate import replay_lock
with replay_lock(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_run_that_another_process_replays_is_left_to_it(refused, run) -> None:
    command = [sys.executable, "-P", "-c", HOLD, str(run / "replays")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert "is being replayed by another process: wait for it, or stop it" in refused("replay", run, *ONLY)
        other.communicate("")
    assert [path.name for path in (run / "replays").iterdir()] in ([".lock"], [])


def test_a_run_without_a_spike_is_refused(refused, finished) -> None:
    assert "no spike" in refused("replay", finished)


def test_the_list_has_every_intervention_with_what_it_tests_and_costs(call) -> None:
    done = call("replay", "--list")
    assert done.code == 0
    flat = " ".join(done.out.split())
    for one in listed(None):
        for part in (one.name, *map(str, (one.change, one.hypothesis, one.price))):
            assert part in flat
    assert {one.name for one in listed(None)} == set(INTERVENTIONS)
    assert max(map(cell_len, done.out.splitlines())) <= 80
    assert call("replay", "--list", "--quiet").out.split() == list(_by_kind())


def _by_kind() -> list[str]:
    kinds = dict.fromkeys(one.kind for one in INTERVENTIONS.values())
    return [one.name for kind in kinds for one in INTERVENTIONS.values() if one.kind == kind]


def test_on_a_run_the_list_says_what_does_not_fit_and_why(call, refused, run) -> None:
    listed = {one["name"]: one for one in json.loads(call("replay", run, "--list", "--json").out)["interventions"]}
    assert listed.keys() == INTERVENTIONS.keys()
    assert listed["half-learning-rate"]["fits"] is True
    assert listed["qk-norm"]["fits"] is False
    assert f"does not fit {listed['qk-norm']['why_not']}" in " ".join(call("replay", run, "--list").out.split())
    plain = json.loads(call("replay", "--list", "--json").out)["interventions"]
    assert {one["fits"] for one in plain} == {None}
    japanese = " ".join(call("replay", run, "--list", "--lang", "ja").out.split())
    assert "適用できない" in japanese
    assert call("replay", "--list", "--json", "--lang", "ja") == call("replay", "--list", "--json")
    assert refused("replay", "--list", "--lang", "jp").startswith("newllm: unknown language 'jp'")
