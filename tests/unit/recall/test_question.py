"""`newllm bench recall` trains what it says, reads long rows as one, and never trains twice."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from newllm.chance import numpy_stream
from newllm.errors import UserError
from newllm.model.language_model import LanguageModel
from newllm.recall import contenders, reading
from newllm.recall.contenders import MODELS, NAMES, Shape
from newllm.recall.question import Question, answer_all
from newllm.recall.reading import asked_logits, score, state_floats
from newllm.recall.tasks import IGNORED, TASKS, Size, Task
from newllm.recall.training import Plan, rate_share, train
from newllm.training.config import OptimizerConfig
from newllm.training.optimizer import build_optimizer

pytestmark = pytest.mark.usefixtures("same_chance")

COPYING = dataclasses.replace(TASKS["copying"], trained=(Size(2, 4), Size(4, 8)), evaluated=(Size(4, 8), Size(4, 24)))
SHAPE = Shape(width=16, layers=2, vocabulary=COPYING.vocabulary, trained=8, asked=24)
PLAN = Plan(steps=60, batch_tokens=256, rate=1e-2)
QUESTION = Question(COPYING, SHAPE, PLAN, asked_tokens=256)


def build(name: str, shape: Shape = SHAPE) -> LanguageModel:
    built = contenders.build(name, shape, 0)
    assert isinstance(built, LanguageModel)
    return built


@pytest.fixture
def tiny() -> Question:
    """Two steps: that it is written, not what it says."""
    return dataclasses.replace(QUESTION, plan=dataclasses.replace(PLAN, steps=2))


@pytest.mark.parametrize("name", MODELS)
def test_only_what_is_asked_goes_through_the_head(name: str) -> None:
    model = build(name)
    tokens_BT, targets_BT = COPYING.draw(np.random.default_rng(0), 3, Size(4, 8))
    asked_BT = targets_BT != IGNORED
    logits_BTV, after = model(tokens_BT)
    logits_NV, state = asked_logits(model, tokens_BT, asked_BT)
    torch.testing.assert_close(logits_NV, logits_BTV[asked_BT])
    second_NV, _ = asked_logits(model, tokens_BT, asked_BT, state)
    torch.testing.assert_close(second_NV, model(tokens_BT, after)[0][asked_BT])


@pytest.mark.parametrize("name", NAMES)
def test_rows_read_in_chunks_are_scored_as_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, size = contenders.build(name, SHAPE, 0), Size(4, 24)
    train(model, COPYING, 0, PLAN)
    whole = score(model, COPYING, size, 40)
    assert whole.accuracy > 0
    monkeypatch.setattr(reading, "CHUNK", 5)
    monkeypatch.setattr(reading, "_AT_ONCE", 40 * 20)
    assert score(model, COPYING, size, 40) == whole


def noted(task: Task) -> tuple[Task, list[torch.Tensor]]:
    """Return a task that notes the tokens of what it draws, and its notes."""
    drawn: list[torch.Tensor] = []

    def draw(chance: np.random.Generator, rows: int, size: Size) -> tuple[torch.Tensor, torch.Tensor]:
        found = task.draw(chance, rows, size)
        drawn.append(found[0])
        return found

    return dataclasses.replace(task, draw=draw), drawn


def test_a_score_counts_answers_and_whole_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model, size = build("attention"), Size(2, 4)
    train(model, COPYING, 0, PLAN)
    found = score(model, COPYING, size, 100)
    chance = numpy_stream(0, "recall-evaluated", "copying", "2x4", 0)
    tokens_BT, targets_BT = COPYING.draw(chance, 100, size)
    right_BS = (model(tokens_BT)[0].argmax(-1) == targets_BT)[:, 2:]
    assert found.answers == 200
    assert found.accuracy == pytest.approx(float(right_BS.double().mean()))
    assert found.whole_rows == pytest.approx(float(right_BS.all(1).double().mean()))
    assert model.training
    task, drawn = noted(COPYING)
    monkeypatch.setattr(reading, "_AT_ONCE", 200)
    assert score(model, task, size, 101).answers == 202
    assert [len(tokens_BT) for tokens_BT in drawn] == [50, 50, 1]
    assert not torch.equal(drawn[0], drawn[1])


def test_attention_keeps_what_it_reads_and_the_others_do_not() -> None:
    floats = {name: score(build(name), COPYING, Size(4, 24), 2).state_floats_per_layer for name in MODELS}
    assert floats["attention"] == 2 * 23 * 16 + 3 * 16
    assert floats["stack"] == floats["zero"] == 16 + 3 * 16
    assert floats["lstm"] == 2 * 16
    assert floats["decay"] == floats["delta"] > floats["hybrid"] > floats["stack"]
    state = build("stack").initial_state(5)
    assert state_floats(state) == 2 * floats["stack"]


def test_a_training_is_the_plain_loop_over_asked_answers() -> None:
    plan, (ours, plain) = Plan(steps=3, batch_tokens=64, rate=1e-2, clip=0.5), (build("stack"), build("stack"))
    task, drawn = noted(COPYING)
    curve = train(ours, task, 0, plan).curve
    optimizer = build_optimizer(plain, OptimizerConfig(learning_rate=plan.rate, weight_decay=0.1))
    for step, tokens_BT in enumerate(drawn[2:]):
        half = tokens_BT.shape[1] // 2  # the string, then the delimiter and the string again
        optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 1e-2 * rate_share(step / 3)
        optimizer.zero_grad()
        logits_BSV = plain(tokens_BT)[0][:, half:]
        loss = torch.nn.functional.cross_entropy(logits_BSV.flatten(0, 1), tokens_BT[:, :half].flatten())
        loss.backward()
        assert torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5) > 0.5
        optimizer.step()
        assert curve[step].loss == pytest.approx(loss.item(), abs=1e-3)
        right_BS = logits_BSV.argmax(-1) == tokens_BT[:, :half]
        assert curve[step].accuracy == pytest.approx(float(right_BS.double().mean()), abs=1e-4)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_tied_head_is_the_embedding_and_stays_it() -> None:
    tied, plain = build("delta", dataclasses.replace(SHAPE, tied=True)), build("delta")
    assert torch.equal(tied.embedding.weight, plain.embedding.weight)
    before = tied.embedding.weight.clone()
    train(tied, COPYING, 0, dataclasses.replace(PLAN, steps=2))
    assert tied.head.weight is tied.embedding.weight
    assert tied.head.bias is None
    assert (tied.embedding.weight != before).all()  # rows that were not read too: each is a wrong answer
    saved = SHAPE.vocabulary * (SHAPE.width + 1)
    assert sum(p.numel() for p in plain.parameters()) - sum(p.numel() for p in tied.parameters()) == saved


@pytest.mark.slow
def test_products_of_the_training_may_be_bf16() -> None:
    first = []
    for precision in ("fp32", "bf16"):
        plan = dataclasses.replace(PLAN, steps=1, precision=precision)
        first.append(train(model := build("delta"), COPYING, 0, plan).curve[0].loss)
        assert model.head.weight.dtype == torch.float32
    assert first[0] != first[1] == pytest.approx(first[0], abs=0.05)


def test_a_tiny_attention_learns_and_its_result_is_written(tmp_path: Path) -> None:
    answer_all(QUESTION, ["attention"], 1, out := tmp_path / "result.json")
    written = json.loads(out.read_text())
    assert {*written} == {"question", "settings", "floors", "runs"}
    assert {*written["settings"]} == {"task", "trained", "evaluated", "shape", "plan", "asked_tokens"}
    assert written["floors"] == {"4x8": 1 / 26, "4x24": 1 / 26}
    (only,) = written["runs"]
    assert {*only} == {
        *("model", "seed", "parameters", "state_floats_per_layer", "evaluations"),
        *("steps", "seconds", "curve", "machine", "command"),
    }
    assert {"processor", "torch_threads", "torch"} <= {*only["machine"]}
    assert (only["model"], only["seed"], only["steps"]) == ("attention", 0, 60)
    assert {*only["evaluations"]} == {"4x8", "4x24"}
    assert {*only["evaluations"]["4x24"]} == {"answers", "accuracy", "whole_rows", "state_floats_per_layer"}
    assert {*only["curve"][0]} == {"step", "seconds", "loss", "accuracy"}
    assert only["curve"][-1]["step"] == 60
    assert len(only["curve"]) == 50
    assert only["curve"][0]["loss"] > math.log(26) > only["curve"][-1]["loss"] + 0.1
    assert only["evaluations"]["4x8"]["accuracy"] > 1.5 / 26
    assert not list(tmp_path.glob(".*"))


def test_each_result_is_written_at_once_and_never_made_again(
    tmp_path: Path, tiny: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, asked = tmp_path / "result.json", []
    answer = Question.answer

    def counted(self: Question, name: str, seed: int, command: str) -> dict:
        written = json.loads(out.read_text())["runs"] if out.exists() else []
        assert [(one["model"], one["seed"]) for one in written] == asked
        asked.append((name, seed))
        return answer(self, name, seed, command)

    monkeypatch.setattr(Question, "answer", counted)
    answer_all(tiny, ["zero", "lstm"], 1, out)
    before = out.read_bytes()
    answer_all(tiny, ["lstm", "zero"], 1, out)
    assert out.read_bytes() == before
    answer_all(tiny, ["zero", "lstm"], 2, out)
    assert asked == [("zero", 0), ("lstm", 0), ("zero", 1), ("lstm", 1)]
    assert [one["seed"] for one in json.loads(out.read_text())["runs"]] == [0, 0, 1, 1]


def test_a_seed_gives_the_same_training_and_another_seed_another(tiny: Question) -> None:
    losses = []
    for seed in (0, 0, 1):
        found = tiny.answer("stack", seed, "")
        losses.append([point["loss"] for point in found["curve"]])
    assert losses[0] == losses[1] != losses[2]


def test_a_result_of_other_settings_and_a_file_of_something_else_are_refused(tmp_path: Path, tiny: Question) -> None:
    out = tmp_path / "result.json"
    answer_all(tiny, ["zero"], 1, out)
    with pytest.raises(UserError, match=r"result.json' has another plan \(.*'steps': 2,.*choose another --out"):
        answer_all(QUESTION, ["zero"], 1, out)
    for content in ("{}", "[]", "no"):
        out.write_text(content)
        with pytest.raises(UserError, match=r"result.json' is no result of this benchmark"):
            answer_all(tiny, ["zero"], 1, out)
    with pytest.raises(UserError, match="absent' is not a directory"):
        answer_all(tiny, ["zero"], 1, tmp_path / "absent" / "result.json")


def test_what_cannot_be_built_is_refused_before_anything_is_trained(tiny: Question, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown model 'stak': did you mean 'stack'"):
        answer_all(tiny, ["zero", "stak"], 1, tmp_path / "result.json")
    with pytest.raises(UserError, match="--seeds 0: give at least 1"):
        answer_all(tiny, ["zero"], 0, tmp_path / "result.json")
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_named_twice_is_trained_once(tiny: Question) -> None:
    assert len(answer_all(tiny, ["zero", "zero"], 1)["runs"]) == 1


def test_the_rate_rises_then_falls_to_nothing() -> None:
    shares = [rate_share(progress / 100) for progress in range(101)]
    assert shares[0] == pytest.approx(0.01)
    assert shares[5] == pytest.approx(1.0)
    assert shares[:6] == sorted(shares[:6])
    assert shares[5:] == sorted(shares[5:], reverse=True)
    assert shares[-1] == pytest.approx(0.0)


def test_what_is_over_first_ends_a_training() -> None:
    assert Plan(steps=10).progress(5, 1e9) == 0.5
    assert Plan(seconds=10.0).progress(10**9, 2.5) == 0.25
    assert Plan(steps=4, seconds=10.0).progress(2, 7.5) == Plan(steps=4, seconds=10.0).progress(3, 5.0) == 0.75
    trained = train(build("zero"), COPYING, 0, Plan(seconds=0.05, batch_tokens=64))
    assert trained.steps > 0
    assert 0.05 <= trained.seconds == pytest.approx(trained.curve[-1].seconds, abs=0.01)
    with pytest.raises(UserError, match="neither steps nor seconds"):
        Plan()
    with pytest.raises(UserError, match="steps is 0: it must be above 0"):
        Plan(steps=0)
    with pytest.raises(UserError, match="seconds is inf: it must be above 0"):
        Plan(seconds=math.inf)
    with pytest.raises(UserError, match="rate is nan: it must be above 0"):
        Plan(steps=1, rate=math.nan)
    with pytest.raises(UserError, match=r"weight_decay is -1\.0: it must be at least 0"):
        Plan(steps=1, weight_decay=-1.0)
    with pytest.raises(UserError, match="unknown precision 'fp16'"):
        Plan(steps=1, precision="fp16")


def test_each_step_has_fresh_rows_of_one_of_the_sizes() -> None:
    task, drawn = noted(COPYING)
    train(build("zero"), task, 0, dataclasses.replace(PLAN, steps=20))
    assert {tuple(tokens_BT.shape) for tokens_BT in drawn} == {(64, 4), (32, 8)}
    assert len({tuple(tokens_BT.flatten().tolist()) for tokens_BT in drawn}) == 2 + 20  # two compile the kernels
