"""What a run writes while it goes, and which of its snapshots stay: files by hand, a clock of our own."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import newllm
from newllm.checksum import read_checked, write_checked
from newllm.data import prepare, train_tokenizer
from newllm.errors import UserError
from newllm.model.context_summary import ContextSummary
from newllm.trace import Context, Summary, Validation, read_trace
from newllm.training.budget import Budget
from newllm.training.config import OptimizerConfig
from newllm.training.configure import configure
from newllm.training.context_watch import last_real
from newllm.training.environment import describe_environment, differences, resolve_device, using_threads
from newllm.training.evaluation import Evaluation
from newllm.training.journal import Journal, announce, restore
from newllm.training.optimizer import build_optimizer
from newllm.training.read_through import read_through
from newllm.training.resolve import build_model, resolve
from newllm.training.run import BusyError, RunDirectory
from newllm.training.same_texts import same_corpus
from newllm.training.snapshots import (
    PIN,
    Progress,
    choose_snapshot,
    list_snapshots,
    load_model,
    load_progress,
    load_training_state,
    newest_snapshot,
    prune_snapshots,
    refuse_broken,
    snapshot_tensors,
    training_tensors,
    write_snapshot,
)
from newllm.training.step import StepReport, clip_norm


def _report(step: int, loss: float = 2.0, context: Any = None) -> StepReport:
    return StepReport(step, loss, 3.0, 1e-3, context, 10)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("newllm.training.journal.time", SimpleNamespace(monotonic=lambda: clock.now))
    summary = Summary(steps=9, parameters=7, scan_backend="none", precision="fp32", device="cpu")
    made = Journal(RunDirectory(tmp_path), summary, Progress())
    yield made, clock
    made.close()


def _summary(place: Path) -> dict[str, Any]:
    return read_checked(place / "summary.json")


def test_the_summary_is_written_once_a_second_and_the_pace_is_that_of_the_whole_run(journal, tmp_path: Path) -> None:
    made, clock = journal
    assert (_summary(tmp_path)["step"], _summary(tmp_path)["tokens_per_second"]) == (0, 0.0)
    for step, now, written in ((1, 0.5, 0), (2, 0.999, 0), (3, 1.0, 3), (4, 1.999, 3), (5, 2.0, 5)):
        clock.now = now
        made.stepped(_report(step), 0.3, {})
        assert _summary(tmp_path)["step"] == written
    told = _summary(tmp_path)
    assert (told["tokens"], told["seconds"], told["tokens_per_second"]) == (50, 1.5, 33.3)
    made.stepped(_report(6, float("nan")), 0.3, {})
    made.save()
    assert (_summary(tmp_path)["step"], made.progress.seconds) == (5, 1.5)


def test_a_row_has_what_was_measured_of_its_update(journal, tmp_path: Path) -> None:
    made, _ = journal
    made.mark({})
    made.mark({"recovery": 1.0})
    made.stepped(_report(1, context=ContextSummary(mean=0.5, std=0.25, norm=4.0)), 0.1, {"more": 7.0})
    assert made.summary.last_context == Context(1, 4.0, 0.5, 0.25)
    assert made.evaluated(Evaluation(20.0, 10, None), {"classes": 3.0})
    assert not made.evaluated(Evaluation(30.0, 10, 5), {})
    assert made.progress.last == {
        "step": 1, "loss": 3.0, "bits_per_byte": pytest.approx(6 / np.log(2)), "perplexity": pytest.approx(np.exp(3)),
    }  # fmt: skip
    assert made.progress.best == {
        "step": 1, "loss": 2.0, "bits_per_byte": None, "perplexity": pytest.approx(np.exp(2))
    }  # fmt: skip
    signals = read_trace(tmp_path / "trace.jsonl").signals
    told = {name: dict(zip(one.step.tolist(), one.value.tolist(), strict=True)) for name, one in signals.items()}
    assert told["recovery"] == {0: 1.0}
    assert (told["context_norm"], told["context_mean"], told["context_std"]) == ({1: 4.0}, {1: 0.5}, {1: 0.25})
    assert (told["loss"], told["gradient_norm"], told["learning_rate"]) == ({1: 2.0}, {1: 3.0}, {1: 1e-3})
    assert (told["more"], told["classes"]) == ({1: 7.0}, {1: 3.0})
    assert told["validation_loss"] == {1: 3.0}
    assert told["validation_bits_per_byte"] == {1: pytest.approx(6 / np.log(2))}


def test_what_was_before_a_stop_is_put_back(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    announce(run, configure("tiny", None, None, [], {}), {"budget": 5.0})
    told = _summary(tmp_path)
    assert (told["steps"], told["parameters"], told["step"]) == (0, 0, 0)
    assert told["preparation"] == {"budget": 5.0}
    for at, kept in ((3, True), (4, True), (5, False)):
        before = Summary.load(run.summary)
        before.last_context, before.findings = Context(at, 1.0, 0.0, 1.0), [{"kind": "spike"}]
        before.save(run.summary)
        now = Summary(steps=9, parameters=7, scan_backend="none", precision="fp32", device="cpu")
        best = vars(Validation(2, 1.5, None, 4.5))
        restore(now, run, Progress(step=4, best=best, last=best | {"loss": None}))
        assert now.best_validation is not None
        assert (vars(now.best_validation), now.last_validation) == (best, None)
        assert (now.last_context is not None) == kept
        assert (now.started, now.findings, now.preparation) == (before.started, before.findings, {"budget": 5.0})


def _kept(place: Path, *steps: int, pinned: tuple[int, ...] = (), broken: tuple[int, ...] = ()) -> Path:
    for step in (*steps, *broken):
        (place / f"step-{step:08d}").mkdir(parents=True)
        if step in steps:
            (place / f"step-{step:08d}/state.json").touch()
        if step in pinned:
            (place / f"step-{step:08d}" / PIN).touch()
    return place


@pytest.mark.parametrize(
    ("keep", "best", "left"),
    [(2, None, [0, 3, 5, 6]), (2, 2, [0, 2, 3, 5, 6]), (1, 5, [0, 3, 5, 6]), (9, None, [0, 1, 2, 3, 5, 6])],
)
def test_the_last_the_best_the_first_and_the_pinned_stay(tmp_path: Path, keep: int, best: int | None, left) -> None:
    place = _kept(tmp_path, 0, 1, 2, 3, 5, 6, pinned=(3,))
    prune_snapshots(place, keep, best)
    assert list(list_snapshots(place)) == left


def test_a_snapshot_without_its_state_is_refused_where_it_is_the_newest(tmp_path: Path) -> None:
    place = _kept(tmp_path / "a", 4, 8, broken=(6,))
    (place / "step-12").mkdir()
    (place / "step-0000000x").mkdir()
    refuse_broken(place)
    assert {at: path.name for at, path in list_snapshots(place).items()} == {4: "step-00000004", 8: "step-00000008"}
    assert [newest_snapshot(place, step) for step in (3, 4, 7, 8, 9)] == [
        None, *[place / f"step-{step:08d}" for step in (4, 4, 8, 8)]
    ]  # fmt: skip
    assert choose_snapshot(place, "8").name == "step-00000008"
    for wanted in ("6", "-8", "²"):
        with pytest.raises(UserError, match="this run has best, last and the steps 4, 8"):
            choose_snapshot(place, wanted)
    for other in (_kept(tmp_path / "b", 4, broken=(5,)), _kept(tmp_path / "c", broken=(0,))):
        with pytest.raises(UserError, match=r"is damaged \(state\.json is missing\): remove it to go on"):
            refuse_broken(other)


def test_a_progress_is_read_as_it_was_written_and_begins_at_nothing(tmp_path: Path) -> None:
    assert vars(Progress()) == {
        "step": 0, "tokens": 0, "seconds": 0.0, "best": None, "last": None, "identity": "", "tokenizer": "",
    }  # fmt: skip
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    progress = Progress(7, 70, 1.5, {"step": 3}, {"step": 7}, "ab", "cd")
    tensors = training_tensors(model, optimizer, {"context": torch.ones(2)})
    place = write_snapshot(tmp_path / "snapshots", tensors, progress)
    assert place.name == "step-00000007"
    assert load_progress(place) == progress
    assert sorted(path.name for path in place.iterdir()) == [
        "model.safetensors", "optimizer.safetensors", "state.json"
    ]  # fmt: skip
    assert set(json.loads((place / "state.json").read_text())["sha256"]) == {
        "model.safetensors", "optimizer.safetensors", "state.json",
    }  # fmt: skip


def test_an_optimizer_is_what_its_settings_say() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    for name, kind in (("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)):
        made = build_optimizer(model, OptimizerConfig(name=name, learning_rate=0.5, beta1=0.7, beta2=0.8, epsilon=0.1))
        assert type(made) is kind
        assert [(group["lr"], group["weight_decay"]) for group in made.param_groups] == [(0.5, 0.1), (0.5, 0.0)]
        given = {key: made.param_groups[0].get(key) for key in ("momentum", "betas", "eps")}
        sgd = {"momentum": 0.7, "betas": None, "eps": None}
        assert given == (sgd if name == "sgd" else {"momentum": None, "betas": (0.7, 0.8), "eps": 0.1})
        assert [len(group["params"]) for group in made.param_groups] == [1, 3]


@pytest.mark.parametrize(("largest", "left"), [(0.0, 5.0), (5.1, 5.0), (2.5, 2.5), (4.9, 4.9)])
def test_a_gradient_is_clipped_to_its_largest_norm(largest: float, left: float) -> None:
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(3)]
    weights[0].grad, weights[1].grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert clip_norm(largest)(weights) == 5.0
    assert float(torch.cat([w.grad for w in weights if w.grad is not None]).norm()) == pytest.approx(left, rel=1e-5)


def test_the_last_real_position_of_each_row() -> None:
    batch: Any = SimpleNamespace(targets=np.array([[1, -1, -1], [1, 2, 3], [-1, 2, -1]]))
    assert last_real(batch).tolist() == [0, 2, 1]


def test_how_far_the_reading_is_comes_to_its_end_and_never_past_it() -> None:
    settings = ("model.width=8", "model.layers=1", "model.hidden=8", "model.context=8", "model.heads=2")
    model, told = newllm.build("tiny", settings=settings), []
    texts = [b"a" * 2050, b"", b"b" * 10]
    found = read_through(model, train_tokenizer("bytes", [], 1), texts, progress=lambda *far: told.append(far))
    assert told == [(2050 * 1024 // 2051, 2060), (2050 * 2048 // 2051, 2060), (2050, 2060), (2060, 2060)]
    assert (found.tokens, found.bytes) == (2060, 2060)
    assert model.training
    with pytest.raises(UserError, match="nothing to predict"):
        read_through(model, train_tokenizer("bytes", [], 1), [b""])


def test_what_is_not_as_it_was_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = describe_environment()
    assert differences(now) == []
    assert differences({}) == []
    assert [str(one) for one in differences({**now, "torch": "0.1", "python": "2"})] == [
        f"this run began with torch 0.1, here it is {now['torch']}"
    ]
    before = torch.get_num_threads()
    with using_threads(1):
        assert torch.get_num_threads() == 1
        with using_threads(0):
            assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    for cuda, mps, name in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert resolve_device("auto") == name
    with pytest.raises(UserError, match=r"--device 'meta' is not here: take one of auto, cpu, cuda, mps"):
        resolve_device("meta")


def _refused(run: RunDirectory) -> str:
    with pytest.raises(UserError) as told:
        run.check_free()
    return str(told.value).removeprefix(f"'{run.path}' ")


def test_a_new_run_may_be_made_in_an_empty_place_or_where_a_start_was_killed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.check_free()
    assert run.names() == set()
    run.path.mkdir()
    run.check_free()
    (run.path / "data.json").touch()
    assert _refused(run).startswith("is not empty and holds no run: choose another --out")  # nobody locked it
    for name in (".lock", "tokenizer.json", "summary.json", "standard-input.txt", ".x.tmp"):
        (run.path / name).touch()
    run.check_free()
    (run.path / "notes").touch()
    assert _refused(run).startswith("is not empty and holds no run")
    (run.path / "config.toml").touch()
    assert _refused(run).startswith("holds a run already: choose another --out, or go on with --resume")
    with pytest.raises(UserError, match=r"config\.toml' is damaged: it does not say data\.texts"):
        run.load_config()
    with pytest.raises(UserError, match=r"holds no run \(no config.toml\)"):
        RunDirectory(tmp_path / "nowhere").load_config()
    (tmp_path / "link").symlink_to("gone")
    for place, said in (("link", "is a link that leads nowhere"), ("link/below", "is a link that leads nowhere")):
        with pytest.raises(UserError, match=f"'{tmp_path / 'link'}' {said}"):
            RunDirectory(tmp_path / place).check_free()
    with pytest.raises(UserError, match="notes' is a file: choose another --out"):
        RunDirectory(run.path / "notes" / "below").check_free()


def test_of_two_that_want_a_run_one_has_it(tmp_path: Path) -> None:
    one, other = RunDirectory(tmp_path), RunDirectory(tmp_path)
    with one.lock():
        one.check_lock()
        with pytest.raises(BusyError, match="is being trained by another process"), other.lock():
            pass
        (tmp_path / ".lock").unlink()
        with pytest.raises(BusyError, match="was removed while this process had it"):
            one.check_lock()
    one.check_lock()


def test_what_a_kill_left_is_removed_everywhere(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for folder in ("", "snapshots", "recoveries", "snapshots/step-00000004"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / ".x.tmp").touch()
    (tmp_path / "snapshots/step-00000004/state.json").touch()
    run.remove_leftovers()
    assert list(tmp_path.rglob(".x.tmp")) == []
    assert run.last_step() == 4


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = nn.Linear(2, 1)
    tensors = training_tensors(model, torch.optim.SGD(model.parameters(), lr=0.1), None)
    return write_snapshot(tmp_path, tensors, Progress(7, identity="a"))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("state.json", lambda state: {**state, "step": 8}, "state.json is not what was written"),
        ("state.json", lambda state: {**state, "schema": 2}, "state.json is not of this version"),
        ("state.json", lambda _: {"schema": 1}, "state.json is not of this version"),
        ("state.json", lambda state: [state], "state.json is not of this version"),
        ("state.json", lambda state: {**state, "sha256": 7}, "state.json is not what was written"),
        ("state.json", None, "state.json cannot be read"), ("model.safetensors", None, "is not what was written"),
    ],
)  # fmt: skip
def test_a_damaged_snapshot_says_in_which_file(saved: Path, name: str, change, said: str) -> None:
    place = saved / name
    place.write_text("x" if change is None else json.dumps(change(json.loads(place.read_text()))))
    with pytest.raises(UserError, match=rf"step-00000007' is damaged \(.*{said}\): remove it to go on"):
        load_progress(saved) if name == "state.json" else load_model(saved, nn.Linear(2, 1))


def test_weights_go_into_the_model_that_they_are_of(saved: Path) -> None:
    assert snapshot_tensors(saved)[0].keys() == {"weight", "bias"}
    assert load_training_state(saved, nn.Linear(2, 1), torch.optim.SGD([nn.Parameter(torch.ones(1))])) is None
    for other in (nn.Linear(3, 1), nn.Linear(2, 1, bias=False), nn.Sequential(nn.Linear(2, 1))):
        with pytest.raises(UserError, match=r"belongs to another model: '.*' does not fit RUN/config\.toml"):
            load_model(saved, other)
    saved.rename(saved.with_name("step-00000008"))
    with pytest.raises(UserError, match="it is of step 7"):
        load_progress(saved.with_name("step-00000008"))


def test_a_run_goes_on_with_the_texts_that_it_began_with(train) -> None:
    place = RunDirectory(train("training.steps=1").path)
    config, told = place.load_config(), read_checked(place.data)
    assert same_corpus(place, config).report["fingerprint"] == told["fingerprint"]
    (source,) = told["sources"]
    for sources, said in (
        ([{**source, "sha256": "0"}], "is not the text that this run began with"),
        ([source, {"name": "gone.txt", "sha256": "0"}], "'gone.txt' is not the text that this run began with"),
        ([], "is new: take it away to go on"),
    ):
        write_checked(place.data, {**told, "sources": sources})
        with pytest.raises(UserError, match=said):
            same_corpus(place, config)
    write_checked(place.data, {"sources": 7})
    with pytest.raises(UserError, match=r"data\.json' is damaged: the run cannot prove"):
        same_corpus(place, config)


def test_a_vocabulary_holds_what_the_tokenizer_has(text: Path, tiny_settings, tmp_path: Path) -> None:
    corpus = prepare(configure("tiny", None, None, [*tiny_settings, f'data.texts=["{text}"]'], {}).data, cache=tmp_path)
    for given, size in ((0, 257), (257, 257), (300, 300)):
        config = configure("tiny", None, None, [*tiny_settings, f"model.vocabulary={given}"], {})
        complete, model = resolve(config, corpus, Budget(tokens=65))
        assert (complete.model.vocabulary, model.embedding.num_embeddings) == (size, size)
        assert complete.training.steps == 3  # 32 targets a step
    with pytest.raises(UserError, match=r"model\.vocabulary 256 is smaller than the tokenizer's 257"):
        resolve(configure("tiny", None, None, [*tiny_settings, "model.vocabulary=256"], {}), corpus, Budget(steps=1))
    assert model.body.recompute is False
    again = configure("tiny", None, None, [*tiny_settings, "model.vocabulary=257", "training.recompute=true"], {})
    assert build_model(again).body.recompute is True
