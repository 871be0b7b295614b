"""Every mistake is exit 2 and one line that quotes the input; nothing is overwritten or left behind."""

import json
import shutil

import filelock
import pytest

from newllm.checksum import read_checked, write_checked

MISTAKES = [
    (["trian"], "unknown command 'trian' (did you mean 'train'?)"),
    (["--jsn"], "unknown option '--jsn'"),
    (["train", "{text}", "--stpes", "5"], "unknown option '--stpes': did you mean --steps?"),
    (["generate", "x", "--temprature", "5"], "unknown option '--temprature': did you mean --temperature?"),
    (["eval", "x", "y", "--snapshto=3"], "unknown option '--snapshto=3': did you mean --snapshot?"),
    (["train", "{text}", "--step", "5"], "unknown option '--step': did you mean --steps?"),  # no abbreviations
    (["train", "{text}", "--steps", "many"], "--steps: invalid int value: 'many'"),
    (["train", "{text}", "--steps", "1.5"], "--steps: invalid int value: '1.5'"),
    (["train", "{text}", "--seconds", "soon"], "--seconds: invalid float value: 'soon'"),
    (["train", "{text}", "--steps"], "--steps: expected one argument"),
    (["train", "{text}", "--seed", "x"], "--seed: invalid int value: 'x'"),
    (["train", "{text}", "--seed", "-1"], "seed is -1"),
    (["train", "{text}", "--steps", "5", "--tokens", "6"], "give one of --steps and --tokens, not both"),
    (["train", "{text}", "--steps", "5", "--seconds", "6"], "give one of --steps and --seconds, not both"),
    (["train", "{text}", "--steps", "0"], "--steps 0: it must be above 0"),
    (["train", "{text}", "--steps", "-3"], "--steps -3: it must be above 0"),
    (["train", "{text}", "--tokens", "-3"], "--tokens -3"),
    (["train", "{text}", "--seconds", "0"], "--seconds 0.0"),
    (["train", "{text}", "--seconds", "nan"], "--seconds nan"),
    (["train", "{text}", "--preset", "tinny"], "unknown preset 'tinny': did you mean 'tiny'?"),
    (["train", "{text}", "--preset", "a\nb"], "unknown preset 'a b'"),
    (["train", "{text}", "--rule", "gatde"], "unknown rule 'gatde': did you mean 'gated'?"),
    (
        ["train", "{text}", "--rule", "SSDS"],
        "known: additive, delta, dual, ema, gated, kda, lstm, signed-delta; a pattern",
    ),
    (["train", "{text}", "--rule", "gateddelta"], "a pattern of blocks has commas, as in gated,gated,delta,gated"),
    (["train", "{text}", "--body", "stak"], "unknown body 'stak': did you mean 'stack'?"),
    (["train", "{text}", "--norm", "wirte"], "unknown norm 'wirte': did you mean 'write'?"),
    (["train", "{text}", "--device", "banana"], "--device 'banana' is not here"),
    (["train", "{text}", "--device", "cuda:77"], "--device 'cuda:77' is not here"),
    (["train", "{text}", "--device", "meta"], "--device 'meta' is not here"),
    (["train", "{text}", "--device", ""], "--device '' is not here"),
    (["train", "{text}", "--errors", "ignore"], "unknown data.errors 'ignore'"),
    (["train", "{text}", "--set", "model.widht=3"], "did you mean 'model.width'?"),
    (["train", "{text}", "--set", "model=3"], "--set 'model=3': model is 3"),
    (["train", "{text}", "--set", "model.width"], "--set 'model.width': write KEY=VALUE"),
    (["train", "{text}", "--set", "model.width=wide"], "--set 'model.width=wide': model.width is 'wide'"),
    (["train", "{text}", "--set", "model.width=0"], "model.width is 0"),
    (["train", "{text}", "--out", "a" * 300], "may not write 'aaa"),
    (["train", f"{'a' * 300}.csv#text"], "aaa"),
    *(([command, "a" * 300], "aaa") for command in ("doctor", "report", "generate", "replay", "cache", "ui")),
    (["train", "{text}", "--set", "data.window=100000"], "--set data.window="),
    (["train", "{text}", "--set", "preset=medium"], "take --preset medium"),
    (["train", "{text}", "--set", "data.carry=true", "--set", "model.positions=256"], "--set model.positions=0"),
    (["train", "{text}", "--set", "model.positions=9"], "--set model.positions=256"),
    (["train", "{text}", "--set", "model.vocabulary=7"], "model.vocabulary 7 is smaller than the tokenizer's 257"),
    (["train", "{text}", "--config", "{tmp}/no.toml"], "cannot read the configuration '{tmp}/no.toml'"),
    (["train", "{text}", "--config", "{tmp}"], "cannot read the configuration '{tmp}'"),
    (["train", "{text}", "--config", "{text}"], "'{text}' is not a TOML file"),
    (["train", "{tmp}/no.txt"], "no file '{tmp}/no.txt'"),
    (["train", "{tmp}/*.none"], "pattern '{tmp}/*.none' matches no file"),
    (["train", "bundled:moby"], "unknown bundled text 'moby': did you mean 'moby-dick'?"),
    (["train", "{text}", "--resume", "r"], "--resume r takes the run's own configuration: drop TEXT"),
    (["train", "--resume", "r", "--seed", "0"], "drop --seed"),
    (["train", "--resume", "r", "--lr", "9"], "drop --lr"),
    (["train", "--resume", "{run}", "--steps", "0"], "--steps 0: it must be above 0"),
    (["train", "--resume", "{run}", "--steps", "5", "--seconds", "6"], "give one of --steps and --seconds, not both"),
    (["train", "--resume", "{run}", "--steps", "6"], "--steps 6: '{run}' has done 6 steps already: give more"),
    (["train", "--resume", "{run}", "--tokens", "7"], "--tokens 7: '{run}' has done 6 steps already: give more"),
    (["train", "{text}", "--width", "0"], "model.width is 0: it must be at least 1"),
    (["train", "{text}", "--width", "wide"], "--width: invalid int value: 'wide'"),
    (["train", "{text}", "--lr", "0"], "optimizer.learning_rate is 0.0: it must be above 0"),
    (["train", "{text}", "--lr", "nan"], "optimizer.learning_rate is nan"),
    (["train", "{text}", "--set", "width=7"], "unknown setting 'width': did you mean 'model.width'?"),
    (["train", "{text}", "--set", "window=7"], "did you mean 'model.window' or 'data.window'?"),
    (["train", "{text}", "--set", "sead=7"], "did you mean 'seed'?"),
    (["train", "{text}", "--device", "gpu"], "--device 'gpu' is not here: take one of auto, cpu, cuda, mps"),
    (["train", "--resume", "{tmp}/none"], "'{tmp}/none' holds no run"),
    (["train", "--resume", "{text}"], "'{text}' holds no run"),
    (["generate"], "the following arguments are required: RUN"),
    (["generate", "{tmp}/none"], "'{tmp}/none' holds no run"),
    (["eval", "{tmp}/none", "{text}"], "'{tmp}/none' holds no run"),
    (["eval", "{run}"], "required: TEXT"),
    (["eval", "{run}", "{tmp}/no.txt"], "no file '{tmp}/no.txt'"),
    (
        ["eval", "{run}", "{text}", "--snapshot", "7"],
        "--snapshot '7': this run has best, last and the steps 0, 2, 4, 6",
    ),
    (["generate", "{run}", "--snapshot", "bset"], "--snapshot 'bset': this run has best, last and the steps"),
    (["generate", "{run}", "--temperature", "-1"], "temperature is -1.0"),
    (["generate", "{run}", "--temperature", "nan"], "temperature is nan"),
    (["generate", "{run}", "--temperature", "hot"], "--temperature: invalid float value: 'hot'"),
    (["generate", "{run}", "--top-k", "-1"], "top_k is -1"),
    (["generate", "{run}", "--weights", "fp16"], "unknown weights 'fp16': did you mean"),
    (["generate", "{run}", "--top-p", "0"], "top_p is 0.0"),
    (["generate", "{run}", "--tokens", "-1"], "--tokens -1: it must be 0 or more"),
    (["generate", "{run}", "--device", "banana"], "--device 'banana' is not here"),
    (["generate", "{run}", "--context-in", "{tmp}/none"], "no context file '{tmp}/none'"),
    (["generate", "{run}", "--context-in", "{text}"], "'{text}' is damaged"),
    (["generate", "{run}", "--context-out", "{tmp}/no/where"], "make directory '{tmp}/no' first"),
    (["generate", "{run}", "--context-out", "{tmp}"], "'{tmp}': it is a directory"),
    (["generate", "{run}", "--context-out", "{text}"], "'{text}' holds something else: choose another --context-out"),
    (["eval", "{run}", "{text}", "--errors", "ignore"], "unknown data.errors 'ignore'"),
    (["eval", "{run}", "{text}", "{tmp}/caf\udce9.txt"], "caf\\udce9.txt' is not valid UTF-8: rename it"),
    (["train", "{tmp}/caf\udce9.txt"], "caf\\udce9.txt' is not valid UTF-8: rename it"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[" ".join(given)[:60] for given, _ in MISTAKES])
def test_a_mistake_is_one_line_that_quotes_it(arguments, said, refused, text, finished, tmp_path, content) -> None:
    names = {"text": text, "run": finished, "tmp": tmp_path}
    before = content(tmp_path), content(finished)
    assert said.format(**names) in refused(*(item.format(**names) for item in arguments))
    assert (content(tmp_path), content(finished)) == before


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"ab\0c" * 100, "is binary: NUL byte at offset 2"),
        (b"a" * 500 + b"\xff" + b"b" * 500, "is not valid UTF-8: byte 0xff at offset 500"),
        (b"ab", "tokens in"),
        (b"too short for a window", "window of 256 targets"),
    ],
)
def test_a_text_that_will_not_do_is_refused(raw, said, refused, tmp_path, content) -> None:
    (tmp_path / "bad.txt").write_bytes(raw)
    before = content(tmp_path)
    line = refused("train", tmp_path / "bad.txt", "--out", tmp_path / "new")
    assert said in line
    assert f"'{tmp_path / 'bad.txt'}'" in line
    assert content(tmp_path) == before


def test_invalid_utf8_can_be_replaced_as_the_message_says(refused, call, text, tiny, tmp_path) -> None:
    (tmp_path / "bad.txt").write_bytes(text.read_bytes() + b"\xff end")
    options = ["train", tmp_path / "bad.txt", *tiny, "--steps", 1, "--out", tmp_path / "new", "--quiet"]
    assert "--errors replace" in refused(*options)
    assert call(*options, "--errors", "replace").code == 0
    assert call("train", "--resume", tmp_path / "new", "--quiet").code == 0


def test_a_directory_that_holds_a_run_is_not_overwritten(refused, text, tiny, run, content) -> None:
    before = content(run)
    line = refused("train", text, *tiny, "--out", run)
    assert f"'{run}' holds a run already" in line
    assert f"--resume {run}" in line
    assert content(run) == before


def test_a_place_that_is_taken_is_refused(refused, text, tiny, tmp_path, content) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/notes.txt").write_text("mine")
    (tmp_path / "foreign2").mkdir()
    (tmp_path / "foreign2/tokenizer.json").write_text("mine")
    before = content(tmp_path)
    assert "is a file: choose another --out" in refused("train", text, *tiny, "--out", tmp_path / "file")
    for name in ("foreign", "foreign2"):
        line = refused("train", text, *tiny, "--out", tmp_path / name)
        assert f"'{tmp_path / name}' is not empty and holds no run" in line
    assert f"{tmp_path / 'file'}" in refused("train", text, *tiny, "--out", tmp_path / "file/below")
    assert content(tmp_path) == before


@pytest.mark.parametrize("below", ["", "below"])
def test_a_link_that_leads_nowhere_is_one_line(below, refused, text, tiny, tmp_path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    line = refused("train", text, *tiny, "--out", tmp_path / "link" / below)
    assert f"'{tmp_path / 'link'}' is a link that leads nowhere: choose another --out" in line
    assert not (tmp_path / "nowhere").exists()


def test_resume_of_a_finished_run_changes_nothing(call, run, content) -> None:
    before = content(run)
    assert call("train", "--resume", run).code == 0
    assert content(run) == before


def test_resume_with_another_text_is_refused(refused, call, text, tiny, tmp_path, content) -> None:
    (tmp_path / "own.txt").write_bytes(text.read_bytes())
    (tmp_path / "texts").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "texts" / name).write_bytes(text.read_bytes()[: 3000 if name == "a.txt" else 2500])
    run = tmp_path / "run"
    options = ["train", tmp_path / "own.txt", tmp_path / "texts", *tiny, "--steps", 2, "--quiet", "--out", run]
    assert call(*options).code == 0
    write_checked(run / "summary.json", read_checked(run / "summary.json") | {"status": "running"})
    before = content(run)
    (tmp_path / "texts/b.txt").unlink()
    assert "b.txt' is not the text that this run began with: put that back" in refused("train", "--resume", run)
    (tmp_path / "texts/b.txt").write_bytes(text.read_bytes()[:2500])
    (tmp_path / "texts/c.txt").write_bytes(text.read_bytes()[:2000])
    assert "c.txt' is new: take it away to go on" in refused("train", "--resume", run)
    (tmp_path / "texts/c.txt").unlink()
    (tmp_path / "own.txt").write_bytes(text.read_bytes() + b"!")
    assert f"'{tmp_path / 'own.txt'}' is not the text" in refused("train", "--resume", run)
    (tmp_path / "own.txt").unlink()
    assert f"no file '{tmp_path / 'own.txt'}'" in refused("train", "--resume", run)
    assert content(run) == before


def test_resume_while_another_process_trains_is_refused(refused, stopped, content) -> None:
    before = content(stopped)
    with filelock.FileLock(stopped / ".lock"):
        assert f"'{stopped}' is being trained by another process" in refused("train", "--resume", stopped)
    assert content(stopped) == before


def test_a_place_that_another_process_prepares_is_refused(refused, text, tiny, tmp_path) -> None:
    (tmp_path / "new").mkdir()
    with filelock.FileLock(tmp_path / "new/.lock"):
        assert "another process" in refused("train", text, *tiny, "--steps", 1, "--out", tmp_path / "new")


DAMAGE = {
    "no TOML": ("config.toml", lambda _: b"[model\n", "config.toml' is not a TOML file"),
    "binary config": ("config.toml", lambda content: b"\xff" + content, "config.toml' is not a TOML file"),
    "cut config": ("config.toml", lambda content: content[: content.index(b"[training]")], "config.toml' is damaged"),
    "short config": ("config.toml", lambda content: content[: content.index(b"threads")], "config.toml' is damaged"),
    "empty config": ("config.toml", lambda _: b"", "config.toml' is damaged"),
    "wrong type": ("config.toml", lambda c: c.replace(b"seed = 0", b'seed = "x"', 1), "seed is 'x'"),
    "unknown rule": ("config.toml", lambda c: c.replace(b'"gated"', b'"gatde"'), "did you mean 'gated'?"),
    "future schema": ("config.toml", lambda c: c.replace(b"schema = 1", b"schema = 9"), "schema 9"),
    "another width": ("config.toml", lambda c: c.replace(b"width = 32", b"width = 16"), "belongs to another model"),
    "no steps": ("config.toml", lambda c: c.replace(b"steps = 6", b"steps = -6"), "training.steps is -6"),
    "data": ("data.json", lambda content: content[:50], "data.json' is damaged"),
    "empty data": ("data.json", lambda _: b"", "data.json' is damaged"),
    "list data": ("data.json", lambda _: b"[]", "data.json' is damaged"),
    "tokenizer": ("tokenizer.json", lambda content: content[:-9], "tokenizer.json' is damaged"),
    "foreign tokenizer": ("tokenizer.json", lambda _: b'{"a": 1}', "tokenizer.json' is damaged, it is not the one"),
    "trace": ("trace.jsonl", lambda content: b"nonsense\n" + content, "trace.jsonl' line 1"),
    "binary trace": ("trace.jsonl", lambda content: b"\xff\xfe\n" + content, "trace.jsonl' line 1"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_resume_of_a_damaged_run_names_the_file(damage, refused, stopped, content) -> None:
    name, change, said = DAMAGE[damage]
    (stopped / name).write_bytes(change((stopped / name).read_bytes()))
    before = content(stopped)
    assert said in refused("train", "--resume", stopped)
    assert content(stopped) == before


@pytest.mark.parametrize("change", [lambda content: content[:-9], lambda _: b""], ids=["cut", "empty"])
def test_a_damaged_summary_is_written_anew(change, call, stopped) -> None:
    (stopped / "summary.json").write_bytes(change((stopped / "summary.json").read_bytes()))
    assert call("train", "--resume", stopped, "--quiet").code == 0
    assert json.loads((stopped / "summary.json").read_bytes())["status"] == "finished"


def test_a_resumed_run_keeps_its_start_and_its_findings(call, stopped) -> None:
    before = read_checked(stopped / "summary.json")
    before |= {"started": "2020-01-01T00:00:00+00:00", "findings": [{"kind": "spike"}]}
    write_checked(stopped / "summary.json", before)
    assert call("train", "--resume", stopped, "--quiet").code == 0
    after = json.loads((stopped / "summary.json").read_bytes())
    assert (after["started"], after["findings"]) == (before["started"], before["findings"])


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_resume_from_a_damaged_snapshot_says_which_to_remove(name, refused, call, stopped, content) -> None:
    place = stopped / "snapshots/step-00000004"
    changed = bytearray((place / name).read_bytes())
    changed[len(changed) // 2] ^= 1
    (place / name).write_bytes(changed)
    before = content(stopped)
    line = refused("train", "--resume", stopped)
    assert f"snapshot '{place}' is damaged ({name}" in line
    assert "remove it" in line
    assert content(stopped) == before
    shutil.rmtree(place)
    assert call("train", "--resume", stopped, "--quiet").code == 0


@pytest.mark.parametrize("command", [["generate", "{run}"], ["eval", "{run}", "{text}"]], ids=["generate", "eval"])
@pytest.mark.parametrize("damage", [name for name in DAMAGE if DAMAGE[name][0] in ("config.toml", "tokenizer.json")])
def test_reading_a_damaged_run_names_the_file(damage, command, refused, run, text) -> None:
    name, change, said = DAMAGE[damage]
    (run / name).write_bytes(change((run / name).read_bytes()))
    assert said in refused(*(item.format(run=run, text=text) for item in command))


def test_a_run_without_a_snapshot_says_so(refused, stopped) -> None:
    shutil.rmtree(stopped / "snapshots")
    assert "has no snapshot yet" in refused("generate", stopped)


def test_a_context_of_another_model_or_a_damaged_one_is_refused(refused, call, run, tmp_path) -> None:
    context = tmp_path / "context"
    assert call("generate", run, "--tokens", 2, "--snapshot", 2, "--context-out", context, "--quiet").code == 0
    assert "was written by another model" in refused("generate", run, "--snapshot", 6, "--context-in", context)
    context.write_bytes(context.read_bytes()[:-3])
    assert f"'{context}' is damaged" in refused("generate", run, "--snapshot", 2, "--context-in", context)


@pytest.mark.parametrize("tokenizer", ["bytes", "word"])
def test_a_text_of_blanks_cannot_be_evaluated_word_by_word(tokenizer, refused, call, text, tiny, tmp_path) -> None:
    (tmp_path / "blank.txt").write_text("  \n \n")
    options = ["--set", f"data.tokenizer={tokenizer}", "--steps", 1, "--quiet"]
    assert call("train", text, *tiny, *options, "--out", tmp_path / "new").code == 0
    if tokenizer == "bytes":
        assert call("eval", tmp_path / "new", tmp_path / "blank.txt").code == 0
    else:
        assert "nothing to predict" in refused("eval", tmp_path / "new", tmp_path / "blank.txt")
