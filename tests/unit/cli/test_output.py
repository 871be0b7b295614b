"""What the commands print: one JSON object and nothing else, or nothing, or text for people."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from newllm.checksum import read_checked, write_checked

SUMMARY = {
    *("schema", "status", "pid", "heartbeat", "step", "steps", "parameters", "tokens", "seconds", "tokens_per_second"),
    *("last_validation", "best_validation", "findings", "run"),
}


def _object(out: str) -> dict:
    assert out.count("\n") == 1

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no strict JSON")

    return json.loads(out, parse_constant=refuse)


def test_train_prints_its_summary_as_json(call, text, tiny, tmp_path) -> None:
    done = call("train", text, *tiny, "--steps", 4, "--out", tmp_path / "run", "--json")
    told = _object(done.out)
    assert done.code == 0
    assert told.keys() >= SUMMARY
    assert (told["schema"], told["status"], told["step"], told["steps"]) == (1, "finished", 4, 4)
    assert told["tokens"] == 4 * 2 * 16
    assert told["run"] == str(tmp_path / "run")
    assert told["best_validation"].keys() >= {"step", "loss", "bits_per_byte"}
    written = read_checked(tmp_path / "run/summary.json")
    assert {**written, "run": told["run"]} == told
    again = call("train", "--resume", tmp_path / "run", "--json", "--quiet")
    assert _object(again.out) == told
    assert again.err == ""


def test_a_number_that_is_not_finite_is_null(call, text, tiny, tmp_path) -> None:
    """With a learning rate so high that the validation loss is infinite or no number."""
    options = ["--set", "optimizer.learning_rate=1e30", "--set", "optimizer.clip=0", "--set", "optimizer.warmup=0"]
    options += ["--steps", 3, "--set", "training.evaluate_every=1"]
    done = call("train", text, *tiny, *options, "--out", tmp_path / "run", "--json", "--quiet")
    assert done.code == 1
    told = _object(done.out)
    assert told["status"] == "diverged"
    assert told["last_validation"]["loss"] is None or told["last_validation"]["perplexity"] is None


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["generate", "{run}", "--tokens", "5"], {"schema", "text", "tokens", "seed", "stopped_by"}),
        (
            ["eval", "{run}", "{text}"],
            {"schema", "tokens", "bytes", "nats", "nats_per_token", "perplexity", "bits_per_byte"},
        ),
    ],
    ids=["generate", "eval"],
)
def test_the_other_commands_print_one_object_too(arguments, keys, call, finished, text) -> None:
    arguments = [item.format(run=finished, text=text) for item in arguments]
    done = call(*arguments, "--json")
    told = _object(done.out)
    assert done.code == 0
    assert told.keys() >= keys
    assert told["schema"] == 1
    assert done.err == ""
    assert call(*arguments, "--json", "--quiet") == done


def test_quiet_is_quiet(call, text, tiny, tmp_path, finished) -> None:
    done = call("train", text, *tiny, "--steps", 2, "--out", tmp_path / "run", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    said = call("generate", finished, "--prompt", "the", "--tokens", 5, "--quiet")
    assert said.err == ""
    assert not said.out.startswith("the")


def test_a_person_is_told_where_the_run_is_and_how_to_go_on(call, text, tiny, tmp_path) -> None:
    done = call("train", text, *tiny, "--steps", 2, "--out", tmp_path / "run")
    assert f"finished: {tmp_path / 'run'}, 2 steps" in done.out
    assert f"newllm generate {tmp_path / 'run'}" in done.out
    assert "training 28,257 parameters for 2 steps" in done.err
    assert "validation" in done.err


def test_without_out_the_run_is_named_by_its_text(call, text, tiny) -> None:
    for name in ("runs/text", "runs/text-2"):
        told = json.loads(call("train", text, *tiny, "--steps", 1, "--json", "--quiet").out)
        assert told["run"] == name


def test_a_preset_that_brings_its_texts_names_the_run(call) -> None:
    """Presets of the founding document share their sentences: named after them, nobody could tell the runs apart."""
    small = ("--set", "model.hidden=8", "--set", "model.context=8", "--set", "model.width=8", "--steps", 1)
    for preset in ("founding-experiment1", "seed-experiment1"):  # the second is the former name of the first
        call("train", "--preset", preset, *small, "--quiet")
        assert Path(f"runs/{preset}/summary.json").exists()
    weights = [
        list(Path(f"runs/{name}").glob("snapshots/*/model.safetensors"))
        for name in ("founding-experiment1", "seed-experiment1")
    ]
    assert [one.read_bytes() for one in weights[0]] == [one.read_bytes() for one in weights[1]] != []


def test_a_run_made_among_its_texts_can_be_resumed(call, text, tiny) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_bytes(text.read_bytes())
    for texts in (".", "**/*.*"):
        run = Path(json.loads(call("train", texts, *tiny, "--steps", 2, "--json", "--quiet").out)["run"])
        summary = run / "summary.json"
        write_checked(summary, read_checked(summary) | {"status": "running"})
        assert call("train", "--resume", run, "--quiet").code == 0
        sources = json.loads((run / "data.json").read_bytes())["sources"]
        assert [Path(source["name"]).name for source in sources] == ["a.txt", "b.txt"]


def test_without_a_number_of_tokens_it_writes_two_hundred_and_reads_no_more_than_it_was_given(call, finished) -> None:
    told = json.loads(call("generate", finished, "--json").out)
    assert (told["tokens"], told["seed"], told["stopped_by"]) == (200, 0, "tokens")
    done = call("generate", finished, "--prompt", "the", "--tokens", 3)
    assert done.out.startswith("the")
    assert done.out.endswith("\n")


def test_generation_hangs_on_the_seed_alone(call, finished) -> None:
    options = ["generate", finished, "--prompt", "the ", "--tokens", 30, "--json"]
    first = json.loads(call(*options).out)
    assert json.loads(call(*options).out) == first
    assert json.loads(call(*options, "--seed", 1).out)["text"] != first["text"]


def test_a_context_goes_on_where_it_stopped(call, finished, tmp_path) -> None:
    whole = json.loads(call("generate", finished, "--prompt", "the ", "--tokens", 30, "--json").out)
    context = tmp_path / "context"
    options = ["generate", finished, "--json", "--tokens"]
    first = json.loads(call(*options, 10, "--prompt", "the ", "--context-out", context).out)
    second = json.loads(call(*options, 20, "--context-in", context).out)
    assert (first["text"] + second["text"]).count("�") == pytest.approx(whole["text"].count("�"), abs=2)
    if "�" not in whole["text"]:
        assert first["text"] + second["text"] == whole["text"]
    assert first["tokens"] + second["tokens"] == whole["tokens"]


def test_no_tokens_only_read_the_prompt(call, finished, tmp_path) -> None:
    whole = json.loads(call("generate", finished, "--prompt", "the ", "--tokens", 30, "--json").out)
    context = tmp_path / "context"
    done = call("generate", finished, "--prompt", "the ", "--tokens", 0, "--context-out", context)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert json.loads(call("generate", finished, "--context-in", context, "--tokens", 30, "--json").out) == whole
    told = json.loads(call("generate", finished, "--tokens", 0, "--json").out)
    assert (told["text"], told["tokens"], told["stopped_by"]) == ("", 0, "tokens")


def test_ctrl_c_keeps_the_context(call, finished, tmp_path, monkeypatch) -> None:
    from newllm.generation import Continuation

    whole = json.loads(call("generate", finished, "--prompt", "the ", "--tokens", 30, "--json").out)
    context = tmp_path / "context"
    step = Continuation.advance

    def interrupted(self) -> str:
        if len(self.ids) == 10:
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Continuation, "advance", interrupted)
        done = call("generate", finished, "--prompt", "the ", "--tokens", 30, "--context-out", context)
    assert (done.code, done.err) == (130, "newllm: stopped\n")
    rest = json.loads(call("generate", finished, "--context-in", context, "--tokens", 20, "--json").out)
    assert rest["tokens"] == whole["tokens"] - 10
    assert whole["text"][-8:] == rest["text"][-8:]


def test_help_and_version_print_and_end_well(process) -> None:
    done = process("-m", "newllm.cli.main", "--help")
    assert done.returncode == 0
    for command in (b"train", b"generate", b"eval"):
        assert command in done.stdout
        assert process("-m", "newllm.cli.main", command.decode(), "--help").returncode == 0
    assert process("-m", "newllm.cli.main", "--version").stdout.startswith(b"newllm 0.")
    assert process("-m", "newllm.cli.main").returncode == 0


def test_help_imports_nothing_heavy(process) -> None:
    program = (
        "import sys; from newllm.cli.main import main\n"
        "try: main({})\n"
        "except SystemExit: pass\n"
        "heavy = set(sys.modules) & {{'torch', 'numpy', 'rich', 'matplotlib', 'tokenizers', 'safetensors', 'numba'}}\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    for arguments in (["--help"], ["train", "--help"], []):
        assert process("-c", program.format(arguments)).stderr == b"[]\n"
    heavy = process("-c", "import newllm, sys; newllm.UserError; print('torch' in sys.modules)")
    assert heavy.stdout == b"False\n"


@pytest.mark.slow
def test_standard_input_trains_and_can_be_resumed(process, text, tiny, tmp_path) -> None:
    run = tmp_path / "run"
    options = ["-m", "newllm.cli.main", "train"]
    done = process(*options, "-", *tiny, "--steps", 4, "--out", run, "--quiet", stdin=text.read_bytes())
    assert done.returncode == 0, done.stderr
    assert (run / "standard-input.txt").read_bytes() == text.read_bytes()
    write_checked(run / "summary.json", read_checked(run / "summary.json") | {"status": "running"})
    last = max(run.glob("snapshots/step-*"))
    expected = (last / "model.safetensors").read_bytes()
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    done = process(*options, "--resume", run, "--json", "--quiet")
    assert json.loads(done.stdout)["status"] == "finished"
    assert (last / "model.safetensors").read_bytes() == expected


@pytest.mark.slow
def test_an_empty_standard_input_leaves_nothing(process, tiny, tmp_path) -> None:
    done = process("-m", "newllm.cli.main", "train", "-", *tiny, "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"standard input ('-') is empty" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_closed_pipe_is_no_error_and_keeps_the_context(finished, call, tmp_path) -> None:
    context = tmp_path / "context"
    options = f"--tokens 3000 --context-out {context}"
    command = f"{shlex.quote(sys.executable)} -m newllm.cli.main generate {finished} {options} | head -c 5"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert call("generate", finished, "--context-in", context, "--tokens", 5, "--quiet").code == 0
