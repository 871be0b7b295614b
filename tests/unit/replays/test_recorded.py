"""A loop beside a recording of the training that it stands for."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import newllm
from newllm.errors import UserError
from newllm.messages import message
from newllm.replays.session.store import read_verdict
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import record_original
from newllm.replays.watcher import Watcher
from newllm.report.source import read_source
from newllm.trace import Verdict


def recorded(loop: Loop, out: Path, callback: Any = None, rounding: float = 0.0) -> Path:
    """Record a loop's training, with something in it that is not in the loop."""
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    with torch.random.fork_rng(), newllm.record(replica.model, replica.optimizer, out=out) as recorder:
        for step in range(loop.steps):
            if callback is not None:
                callback(replica, step)
            recorder.step(replica.update(step).loss * (1 + rounding))
    return out


def rate_at(first: int, factor: float, rate: float = 0.02) -> Any:
    """Return a callback that multiplies the rate for three updates."""

    def callback(replica: Any, step: int) -> None:
        for group in replica.optimizer.param_groups:
            group["lr"] = rate * (factor if first <= step < first + 3 else 1.0)

    return callback


def test_the_same_training_is_said_to_be_the_same(bad_loop: Loop, tmp_path: Path) -> None:
    comparison = record_original(bad_loop, recorded=recorded(bad_loop, tmp_path / "run")).comparison
    assert comparison is not None
    assert (comparison.compared, comparison.first, comparison.leaves, comparison.largest) == (60, None, None, None)
    assert comparison.spike == comparison.replayed_spike == 41
    same, spike = map(str, comparison.sentences)
    assert same == f"The losses of this training are those of {tmp_path / 'run'} to the bit, over 60 steps."
    assert spike == "The spike of the recording at step 41 is in this training too, at step 41."


def test_a_callback_that_sets_the_rate_does_not_go_unseen(loop: Loop, tmp_path: Path) -> None:
    path = recorded(loop, tmp_path / "run", rate_at(30, 100))
    with pytest.raises(UserError, match=r"^nothing to replay: the doctor finds no spike in this training\. ") as caught:
        newllm.replay(loop, recorded=path)
    said = str(caught.value)
    assert "differ from those of" in said
    assert " from step 32 on (" in said, (
        "the rate is another in the update that leads on from step 30: its loss comes later"
    )
    assert "something was at work there that is not here, a callback for example" in said
    assert "The spike of the recording at step 3" in said
    assert "is not in this training." in said
    assert "\n" not in said


def test_it_does_not_go_unseen_where_the_loop_has_a_spike_of_its_own(bad_loop: Loop, tmp_path: Path) -> None:
    path = recorded(bad_loop, tmp_path / "run", rate_at(20, 200))
    comparison = record_original(bad_loop, recorded=path).comparison
    assert comparison is not None
    assert comparison.leaves is not None
    assert comparison.leaves["step"] == 22
    assert comparison.largest is not None
    assert comparison.is_another


def test_another_draw_is_said_to_be_one(bad_loop: Loop, tmp_path: Path) -> None:
    path = recorded(dataclasses.replace(bad_loop, seed=5), tmp_path / "run")
    known = dataclasses.replace(bad_loop, notices=(message("notice-loop-dropout", call="fit"),))
    comparison = record_original(known, recorded=path).comparison
    assert comparison is not None
    assert comparison.by_chance
    assert not comparison.is_another
    assert "here random numbers are drawn in another way, so the losses differ by chance" in str(
        comparison.sentences[0]
    )


def test_a_loss_that_draws_may_differ_as_its_batches_do(bad_loop: Loop, tmp_path: Path) -> None:
    """Of anyone's plain loop nothing is known but that its loss draws random numbers, for dropout."""

    def another(replica: Any, step: int) -> None:  # noqa: ARG001 (a callback's form)
        replica._seed = 77

    path = recorded(bad_loop, tmp_path / "run", another)
    comparison = record_original(bad_loop, recorded=path).comparison
    assert comparison is not None
    assert comparison.leaves is not None
    assert comparison.leaves["step"] == 1
    assert (comparison.by_chance, comparison.is_another) == (True, False)

    def sure(seed: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        model, optimizer = bad_loop.build(seed)  # type: ignore[misc]
        model[2].p = 0.0
        return model, optimizer

    comparison = record_original(dataclasses.replace(bad_loop, build=sure), recorded=path).comparison
    assert comparison is not None
    assert comparison.is_another, "nothing is drawn here: then chance is no reason"
    assert str(comparison.sentences[-1]).startswith("So nothing of these replays is kept: newllm.replay(loop, out=...)")


def test_rounding_is_told_from_another_training(bad_loop: Loop, tmp_path: Path) -> None:
    path = recorded(bad_loop, tmp_path / "run", rounding=1e-7)
    comparison = record_original(bad_loop, recorded=path).comparison
    assert comparison is not None
    assert comparison.first is not None
    assert comparison.leaves is None
    assert " but for rounding, over 60 steps (first at step 1: " in str(comparison.sentences[0])


def test_a_verdict_begins_with_it_and_keeps_it(bad_loop: Loop, tmp_path: Path) -> None:
    path = recorded(bad_loop, tmp_path / "run")
    verdict = newllm.replay(bad_loop, recorded=path, budget=20, only=["replace-batches"])
    assert verdict.sentences[0].startswith("The losses of this training are those of")
    assert verdict.sentences[1].startswith("The spike of the recording")
    assert [str(one) for one in verdict.messages.sentences] == list(verdict.sentences)
    data = json.loads(json.dumps(verdict.as_dict()))
    assert data["recorded"]["compared"] == 60
    assert Verdict.from_dict(data).recorded == data["recorded"]
    assert "recorded" not in dataclasses.replace(verdict, recorded=None).as_dict()


def test_what_cannot_be_compared_is_one_clear_line(bad_loop: Loop, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no trace\.jsonl; give a directory that newllm\.record wrote$"):
        newllm.replay(bad_loop, recorded=tmp_path)
    with pytest.raises(UserError, match=r"^recorded='.*' is held against a newllm\.Loop: 'a-run' is a run and its own"):
        newllm.replay("a-run", recorded=tmp_path)


def counting(loop: Loop) -> tuple[Loop, list[int]]:
    """Return a loop that notes which batches it is asked for."""
    asked: list[int] = []

    def batch(step: int) -> Any:
        asked.append(step)
        return loop.batch(step)

    return dataclasses.replace(loop, batch=batch), asked


@pytest.mark.slow
def test_what_a_loop_was_replayed_is_kept_and_gone_on_with(bad_loop: Loop, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    first_loop, first = counting(bad_loop)
    verdict = newllm.replay(first_loop, out=out, budget=60, only=["replace-batches"])
    place = out / "replays" / f"step-{verdict.spike['onset']:08d}"
    assert verdict.run == str(out)
    kept = read_verdict(place)
    assert kept is not None
    assert kept.interventions == verdict.interventions
    assert (out / "trace.jsonl").is_file()
    again_loop, again = counting(bad_loop)
    second = newllm.replay(again_loop, out=out, budget=60, only=["replace-batches"])
    assert [one.effect for one in second.interventions] == [one.effect for one in verdict.interventions]
    assert second.sentences[0] == f"The losses of this training are those of {out} to the bit, over 60 steps."
    assert len(again) < len(first) / 3, "the training, its reproduction, and no replay"
    assert read_source(out).replays[0].verdict is not None


@pytest.mark.slow
def test_replays_are_kept_with_a_recording_of_the_same_training(bad_loop: Loop, tmp_path: Path) -> None:
    path = recorded(bad_loop, tmp_path / "run")
    newllm.replay(bad_loop, recorded=path, budget=20, only=["replace-batches"])
    assert [one.name for one in (path / "replays").iterdir() if one.is_dir()] == ["step-00000041"]
    kept = read_verdict(path / "replays" / "step-00000041")
    assert kept is not None
    assert kept.recorded is not None
    other = recorded(dataclasses.replace(bad_loop, seed=5), tmp_path / "other")
    heard: list[str] = []
    watcher = Watcher()
    watcher.noticed = lambda said: heard.append(str(said))  # type: ignore[method-assign]
    verdict = newllm.replay(bad_loop, recorded=other, budget=20, only=["replace-batches"], watcher=watcher)
    assert any("nothing is written there" in said for said in heard)
    assert verdict.run == "this training"
    assert not (other / "replays").exists(), "what was replayed is another training"


@pytest.mark.slow
def test_another_training_does_not_go_on_with_these_replays(bad_loop: Loop, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    newllm.replay(bad_loop, out=out, budget=20, only=["replace-batches"])
    before = sorted(one.name for one in out.rglob("*"))
    verdict = newllm.replay(dataclasses.replace(bad_loop, seed=5), out=out, budget=20, only=["replace-batches"])
    assert verdict.run == "this training"
    assert "differ from those of" in verdict.sentences[0]
    assert sorted(one.name for one in out.rglob("*")) == before


def test_a_place_that_makes_no_sense_is_one_clear_line(bad_loop: Loop, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^recorded='a' and out='b': give one, the results stand in either$"):
        newllm.replay(bad_loop, recorded="a", out="b")
    with pytest.raises(UserError, match=r"^out='b' is for a newllm\.Loop: the results of the run 'a-run' stand in its"):
        newllm.replay("a-run", out="b")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        newllm.replay(bad_loop, out=tmp_path / "file")
