"""A state that something outside the training changed: the verdict says so, and names no intervention."""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.cli.main import main
from newllm.cli.paper import PageConsole
from newllm.cli.replay_page import verdict_page
from newllm.messages import catalogue
from newllm.replays.replica.replica import State
from newllm.replays.session.changed_state import different_tensors, recorded_change
from newllm.replays.session.reproduction import reproduce
from newllm.replays.session.verdict import differs
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import choose_spike, record_original
from newllm.trace import Verdict
from newllm.training.step import Stepper, StepReport

DAMAGED = 51
"""Updates done when something is changed, once."""


@pytest.fixture(scope="module")
def damaged_run(training: None, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A run of ours, one layer of which is damaged once between two updates: it has a spike there."""
    whole = Stepper.update

    def update(self: Stepper, step: int) -> StepReport:
        if step == DAMAGED:
            with torch.no_grad():
                self.model.head.weight.mul_(40)
        return whole(self, step)

    settings = (
        *("model.width=16", "model.layers=1", "model.hidden=16", "model.context=16", "data.batch=4", "data.window=16"),
        *("training.steps=80", "training.snapshot_every=10", "training.keep=99", "training.evaluate_every=40"),
        *("optimizer.learning_rate=3e-3", "numerics.device=cpu", "numerics.threads=1"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "update", update)
        out = tmp_path_factory.mktemp("damaged") / "run"
        return newllm.train(str(text), out=out, preset="tiny", settings=settings).path


def test_a_run_of_ours(damaged_run: Path) -> None:
    verdict = newllm.replay(damaged_run, budget=120, workers=0)
    assert not verdict.identical
    changed = verdict.changed_state
    assert changed is not None
    # The loss of step 52 is the first that shows the weights after 51 updates.
    assert (changed["first"], changed["last"], changed["before_onset"]) == (DAMAGED - 1, DAMAGED + 1, True)
    assert changed["resumed"] == {"from": 60, "to": 80}
    assert changed["tensors"][0] == "head.weight"
    assert (changed["recorded"], changed["parts"]) == (False, {})
    assert_names_no_intervention(verdict)
    assert verdict.sentences[0] == ("Not reproduced: the state changed outside the training between steps 50 and 52.")
    assert "equals the run to the bit" in verdict.sentences[1]
    assert "a replay from the run's state at step 60 equals the run again, up to step 80" in verdict.sentences[1]
    assert "the cause is not in the training" in verdict.sentences[2]
    written = json.loads((damaged_run / "replays" / "step-00000052" / "verdict.json").read_text())
    assert written["changed_state"] == changed
    assert [one["id"] for one in written["messages"]["sentences"]] == [
        "changed-state-where",
        "changed-state-shown",
        "changed-state-fix",
    ]
    assert Verdict.from_dict(written).changed_state == changed


def assert_names_no_intervention(verdict: Verdict) -> None:
    assert (verdict.cause, verdict.suspects, verdict.interventions) == (None, (), ())


class OutsideOnce:
    """A loop whose own functions are right, while something reaches into its first model once, at step 51."""

    def __init__(self, loop: Loop, change: Callable[[nn.Module, torch.optim.Optimizer], object]) -> None:
        self.loop, self.change = loop, change
        self.built: list[tuple[nn.Module, torch.optim.Optimizer]] = []
        self.done = False

    def build(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        self.built.append(self.loop.build(seed))
        return self.built[-1]

    def batch(self, step: int) -> Any:
        if step == DAMAGED and not self.done:
            self.done = True
            with torch.no_grad():
                self.change(*self.built[0])
        return self.loop.batch(step)

    def as_loop(self, **changes: Any) -> Loop:
        return Loop(self.build, self.batch, self.loop.loss, steps=100, **changes)


def scaled(model: nn.Module, _: object) -> None:
    model.get_parameter("3.weight").mul_(30)


def lost(_: object, optimizer: torch.optim.Optimizer) -> None:
    """As after a resume without the optimizer's state, and with what makes that visible."""
    for state in optimizer.state.values():
        state["exp_avg"].fill_(1.0)
        state["exp_avg_sq"].zero_()


@pytest.mark.parametrize(("change", "part"), [(scaled, "weights"), (lost, "moments")])
def test_anyones_training(change: Callable, part: str, loop: Loop) -> None:
    verdict = newllm.replay(OutsideOnce(loop, change).as_loop(), budget=60)
    changed = verdict.changed_state
    assert changed is not None
    assert (changed["first"], changed["last"], changed["recorded"]) == (DAMAGED, DAMAGED + 1, True)
    assert list(changed["parts"]) == [part]
    assert changed["resumed"] is not None
    assert_names_no_intervention(verdict)
    layers = {"weights": "weights of 3", "moments": "the optimizer's moments of 0, 3"}[part]
    assert f"between steps 51 and 52 ({layers})." in verdict.sentences[0]
    assert "the recorder saw bits that changed after one update and before the next" in verdict.sentences[1]


def test_in_japanese_in_the_terminal_and_on_the_page(loop: Loop) -> None:
    verdict = newllm.replay(OutsideOnce(loop, scaled).as_loop(), budget=60)
    for language, said in (("en", "the state changed outside the training"), ("ja", "訓練の外で状態が変わった")):
        out = io.StringIO()
        console = PageConsole(out, catalogue(language))
        console.show(verdict_page(verdict, "loss", None, console.paper))
        assert said in out.getvalue().replace("\n", " ")
        assert "{" not in out.getvalue()


def test_a_change_after_the_onset_is_not_called_the_cause(loop: Loop) -> None:
    changed = OutsideOnce(loop, scaled).as_loop()
    original = record_original(changed)
    earlier = dataclasses.replace(choose_spike(original, None), onset=45, peak=46, end=60)
    verdict = differs("a training", earlier, reproduce(changed, original, earlier, 40), 1.0)
    assert verdict.changed_state is not None
    assert (verdict.changed_state["first"], verdict.changed_state["before_onset"]) == (DAMAGED, False)
    assert "The spike began before it" in verdict.sentences[2]


# --- what does not show it


def test_a_loss_of_another_code_is_no_changed_state(bad_loop: Loop) -> None:
    """The whole training is another one: from no later state is it the run again."""
    calls: list[int] = []

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        calls.append(0)
        return bad_loop.loss(model, batch) * (1.0 if len(calls) <= 60 else 1.0001)

    verdict = newllm.replay(Loop(bad_loop.build, bad_loop.batch, loss, steps=60, clip=1.0), budget=60)
    assert not verdict.identical
    assert verdict.changed_state is None
    assert verdict.sentences[0].startswith("The unmodified replay does not reproduce the run")


def test_a_sound_training_has_none(bad_loop: Loop) -> None:
    original = record_original(bad_loop)
    found = reproduce(bad_loop, original, choose_spike(original, None), 32)
    assert (found.identical, found.changed_state) == (True, None)


def state(weights: float, moments: float) -> State:
    model = {"a.weight": torch.full((2, 2), weights), "b.weight": torch.ones(2, 2)}
    return State(model, {"a.weight/exp_avg": torch.full((2, 2), moments)}, {})


@pytest.mark.parametrize(
    ("other", "tensors", "parts"),
    [
        (state(1.0, 1.0), (), {}),
        (state(2.0, 1.0), ("a.weight",), {"weights": ["a"]}),
        (state(1.0, 3.0), ("a.weight/exp_avg",), {"moments": ["a"]}),
        (state(1.0, -0.0), ("a.weight/exp_avg",), {"moments": ["a"]}),
        (state(2.0, 3.0), ("a.weight/exp_avg", "a.weight"), {}),
    ],
)
def test_which_tensors_differ(other: State, tensors: tuple[str, ...], parts: dict) -> None:
    assert different_tensors(state(1.0, 1.0), other) == (tensors, parts)


def test_the_ledgers_change_must_be_near() -> None:
    changes = {10: {"weights": ["a"]}, 40: {"moments": ["b"]}}
    assert recorded_change(changes, 42) == (40, {"moments": ["b"]})
    assert recorded_change(changes, 40) == (40, {"moments": ["b"]})
    assert recorded_change(changes, 39) is None
    assert recorded_change(changes, 60) is None


def test_the_report_asks_other_questions_of_it(damaged_run: Path, tmp_path: Path) -> None:
    if not (damaged_run / "replays").is_dir():
        newllm.replay(damaged_run, budget=120, workers=0)
    assert main(["report", str(damaged_run), "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not reproduced: the state changed outside the training between steps 50 and 52." in page
    assert "What shows it" in page
    assert "What helps" not in page
