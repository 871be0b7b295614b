"""The first moments of a run: one process has the directory, and says so, from before its texts are read."""

import io
import json
import os
import sys

import pytest

from newllm.api import trained, training_curves
from newllm.cli import main as command
from newllm.cli.main import main
from newllm.messages import catalogue


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen once, while the first run prepares its texts; False makes those texts a mistake."""
    prepare = trained.prepare

    def arrange(happens) -> None:
        waiting = [happens]

        def prepared(*arguments, **options):
            if waiting and waiting.pop()() is False:
                raise trained.UserError("this text will not do")
            return prepare(*arguments, **options)

        monkeypatch.setattr(trained, "prepare", prepared)

    return arrange


@pytest.fixture
def options(text, tiny) -> list[str]:
    return ["train", str(text), *tiny, "--steps", "1", "--quiet"]


def test_two_that_start_together_take_two_places(meanwhile, options, call, tmp_path) -> None:
    meanwhile(lambda: main(options))
    assert call(*options).code == 0
    for name in ("text", "text-2"):
        assert json.loads((tmp_path / f"here/runs/{name}/summary.json").read_bytes())["status"] == "finished"


def test_a_start_that_fails_takes_nothing_of_another_away(meanwhile, options, call, content, tmp_path) -> None:
    seen = {}

    def other() -> bool:
        assert main(options) == 0
        seen.update(content(tmp_path / "here/runs/text-2"))
        return False

    meanwhile(other)
    assert call(*options).code == 2
    assert not (tmp_path / "here/runs/text").exists()
    assert content(tmp_path / "here/runs/text-2") == seen


def test_a_place_that_another_prepares_is_refused_and_left_alone(meanwhile, options, call, tmp_path) -> None:
    run, codes = tmp_path / "deep/run", []
    meanwhile(lambda: codes.append(main([*options, "--out", str(run)])))
    done = call(*options, "--out", run)
    assert (done.code, codes) == (0, [2])
    assert f"'{run}' is being trained by another process" in done.err


def test_standard_input_of_another_is_not_overwritten(meanwhile, options, call, text, tmp_path, monkeypatch) -> None:
    run, codes = tmp_path / "run", []
    options[1] = "-"

    def feed(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    def other() -> None:
        feed(text.read_bytes()[::-1])
        codes.append(main([*options, "--out", str(run)]))

    meanwhile(other)
    feed(text.read_bytes())
    assert (call(*options, "--out", run).code, codes) == (0, [2])
    assert (run / "standard-input.txt").read_bytes() == text.read_bytes()


def test_the_summary_is_there_before_the_texts_are_read(meanwhile, options, call, tmp_path) -> None:
    run, seen = tmp_path / "run", []
    meanwhile(lambda: seen.append(json.loads((run / "summary.json").read_bytes())))
    assert call(*options, "--out", run).code == 0
    assert (seen[0]["status"], seen[0]["pid"], seen[0]["step"]) == ("running", os.getpid(), 0)
    assert json.loads((run / "summary.json").read_bytes())["started"] == seen[0]["started"]


@pytest.mark.parametrize("there", [False, True])
def test_a_failed_start_leaves_a_place_as_it_was(there, meanwhile, options, call, tmp_path) -> None:
    run = tmp_path / "deep/run"
    if there:
        run.mkdir(parents=True)
    meanwhile(lambda: False)
    assert call(*options, "--out", run).code == 2
    assert list(run.parent.iterdir() if there else [run.parent]) == [run if there else run.parent]
    assert (run.exists(), run.parent.exists()) == (there, there)
    assert not there or not list(run.iterdir())


def test_a_failed_start_keeps_what_others_put_there(meanwhile, options, call, tmp_path) -> None:
    run = tmp_path / "run"
    meanwhile(lambda: bool((run / "notes.txt").write_text("")))
    assert call(*options, "--out", run).code == 2
    assert [item.name for item in run.iterdir()] == ["notes.txt"]


def test_a_run_that_fails_before_its_first_step_says_so(options, call, tmp_path, monkeypatch) -> None:
    def no_memory(*_: object) -> None:
        raise trained.UserError("no memory")

    monkeypatch.setattr("newllm.training.loop.build_optimizer", no_memory)
    assert call(*options, "--out", tmp_path / "run").code == 2
    summary = json.loads((tmp_path / "run/summary.json").read_bytes())
    assert (summary["status"], summary["message"]) == ("failed", "no memory")


def test_curves_that_are_missing_are_drawn_when_a_finished_run_is_resumed(call, run, monkeypatch) -> None:
    monkeypatch.setattr(training_curves, "draw_training_curves", lambda _, place, **__: place.write_bytes(b"drawn"))
    (run / "training_curves.png").unlink(missing_ok=True)
    assert call("train", "--resume", run).code == 0
    assert (run / "training_curves.png").read_bytes() == b"drawn"


def test_missing_curves_do_not_need_the_texts_for_the_rest(call, run) -> None:
    (run / "training_curves.png").unlink(missing_ok=True)
    (run / "data.json").write_text("{}")
    done = call("train", "--resume", run)
    assert done.code == 0
    assert "training_curves.png' is missing and cannot be drawn: " in done.err


def test_a_norm_on_write_is_told_to_run_step_by_step(call, text, tiny, tmp_path) -> None:
    options = ["--norm", "write", "--steps", 1, "--out", tmp_path / "run", "--json"]
    done = call("train", text, *tiny, *options)
    assert json.loads(done.out)["scan_backend"] == "sequential"
    assert done.err.count("position after position") == 1
    assert 'scan_backend = "torch"' in (tmp_path / "run/config.toml").read_text()


def test_a_body_without_a_scan_names_none(call, text, tiny, tmp_path) -> None:
    done = call("train", text, *tiny, "--body", "attention", "--steps", 1, "--out", tmp_path / "run", "--json")
    assert json.loads(done.out)["scan_backend"] == "none"
    assert "scan" not in done.err


def test_a_setting_that_the_budget_lowers_is_told(call, text, tiny, tmp_path) -> None:
    options = ["--steps", 20, "--set", "optimizer.warmup=15", "--out", tmp_path / "run"]
    assert "note: optimizer.warmup is 2, not 15: the run has only 20 steps" in call("train", text, *tiny, *options).err
    options = ["--steps", 20, "--out", tmp_path / "run-2"]
    assert "warmup" not in call("train", text, *tiny, *options).err


def test_the_settings_that_everybody_changes_have_options(call, text, tmp_path) -> None:
    from newllm.training.config_file import load_config

    run = tmp_path / "run"
    shape = ["--width", 64, "--layers", 2, "--window", 16, "--batch", 3, "--accumulate", 2, "--lr", "1e-3"]
    numerics = ["--set=numerics.precision=fp32", "--set=numerics.scan_backend=torch", "--device=cpu"]
    assert call("train", text, *shape, *numerics, "--steps", 1, "--out", run, "--quiet").code == 0
    config = load_config(run / "config.toml")
    model = config.model
    assert (model.width, model.context, model.hidden, model.heads, model.layers) == (64, 64, 176, 2, 2)
    assert (config.data.window, model.window, config.data.batch, config.training.accumulate) == (16, 16, 3, 2)
    assert config.optimizer.learning_rate == 1e-3


def test_a_setting_has_the_last_word_over_its_option(call, text, tiny, tmp_path) -> None:
    from newllm.training.config_file import load_config

    options = ["--width", 64, "--lr", "1e-3", *tiny, "--set=optimizer.learning_rate=2e-3", "--steps", 1]
    assert call("train", text, *options, "--out", tmp_path / "run", "--quiet").code == 0
    config = load_config(tmp_path / "run/config.toml")
    assert (config.model.width, config.optimizer.learning_rate) == (32, 2e-3)


def test_a_run_is_trained_longer_from_the_command_line(call, text, tiny, tmp_path) -> None:
    run = tmp_path / "run"
    assert call("train", text, *tiny, "--steps", 3, "--out", run, "--quiet").code == 0
    done = call("train", "--resume", run, "--steps", 5)
    assert done.code == 0
    assert "note: the schedule was 3 steps, it becomes 5 steps" in done.err
    assert "finished: " in done.out
    assert ", 5 steps," in done.out


def test_a_run_by_the_clock_of_few_steps_writes_no_sample_and_says_so(call, text, tiny, tmp_path, monkeypatch) -> None:
    """Each update takes a minute of a clock of our own."""
    from types import SimpleNamespace

    from newllm.training import pace
    from newllm.training.step import Stepper

    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr("newllm.training.resolve._seconds_per_token", lambda *_: 0.01)
    update = Stepper.update

    def slow(self, step):
        clock.now += 60.0
        return update(self, step)

    monkeypatch.setattr(Stepper, "update", slow)
    monkeypatch.setattr("newllm.cli.main.time", SimpleNamespace(monotonic=lambda: clock.now))
    done = call("train", text, *tiny, "--seconds", 150, "--out", tmp_path / "run")
    assert done.code == 0
    assert "only 2 updates fit into 150 s here and now: one takes 60 s" in done.err
    assert "no sample: after so few steps it would be noise; to train longer: newllm train --resume" in done.out
    assert "sample, temperature" not in done.out


def test_where_the_time_is_over_the_last_sample_of_the_training_is_shown(call, text, tiny, tmp_path, capsys) -> None:
    from types import SimpleNamespace

    from newllm.cli.train import _show_sample
    from newllm.trace.samples import samples_of

    run = tmp_path / "run"
    assert (
        call("train", text, *tiny, "--steps", 4, "--set=training.evaluate_every=2", "--out", run, "--quiet").code == 0
    )
    config = SimpleNamespace(parallel=SimpleNamespace(is_sharded=False))
    trained = SimpleNamespace(path=run, seconds=20.0, summary=SimpleNamespace(step=40), config=config)
    last = samples_of((run / "samples.jsonl").read_bytes())[-1]
    capsys.readouterr()
    _show_sample(trained, catalogue("en"), time_is_over=True)
    said = capsys.readouterr().out
    assert said.startswith(f"sample, as the model wrote it at step {last.step}:\n\n    ")
    assert said.endswith(f'write on with: newllm generate {run} --prompt "..."\n')
    (run / "samples.jsonl").unlink()
    _show_sample(trained, catalogue("en"), time_is_over=True)
    assert capsys.readouterr().out == f"no sample: the time is up; to write one: newllm generate {run}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell how old a process is")
def test_the_seconds_begin_with_this_process_and_not_with_a_shell_that_turned_into_it(monkeypatch) -> None:
    monkeypatch.setattr(command.time, "process_time", lambda: 1e9)  # it has worked all its life
    monkeypatch.setattr(command.time, "clock_gettime", lambda _: 2e9)
    assert 1e9 < command._age() < 2e9
    monkeypatch.setattr(command.time, "process_time", lambda: 0.5)
    assert command._age() == 0.5
