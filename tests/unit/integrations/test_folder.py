import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from newllm.api.loaded import LoadedRun, load
from newllm.cli.main import main
from newllm.data import DataConfig, train_tokenizer
from newllm.errors import UserError
from newllm.integrations.transformers.folder import export_run, import_folder
from newllm.model.config import BODY_NAMES, NORM_NAMES, RULE_NAMES, ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.training.config import RunConfig

TEXT = b"the cat sat on the mat and the dog ran over the hill"


def run_of(path: Path, tokenizer_name="bytes", **settings) -> LoadedRun:
    tokenizer = train_tokenizer(tokenizer_name, [TEXT], 300)
    sizes: dict[str, Any] = {"width": 8, "layers": 2, "hidden": 12, "context": 10, "heads": 2, "window": 16}
    shape = ModelConfig(**sizes | {"vocabulary": tokenizer.vocab_size} | settings)
    layout = "sentences" if tokenizer_name == "word" else "stream"
    config = RunConfig(model=shape, data=DataConfig(format=layout, tokenizer=tokenizer_name))
    return LoadedRun(path, config, LanguageModel(shape, seed=3).eval(), tokenizer, 7)


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return list(first) == list(second) and all(
        value.dtype == second[name].dtype and torch.equal(value, second[name]) for name, value in first.items()
    )


@pytest.mark.parametrize("body", BODY_NAMES)
def test_the_weights_of_every_body_come_back_to_the_bit(tmp_path, body):
    run = run_of(tmp_path, body=body, positions=32 if body == "founding-transformer" else 0)
    export_run(run, tmp_path / "folder")
    back = load(import_folder(tmp_path / "folder", tmp_path / "run").path, device="cpu")
    assert same_weights(run.model, back.model)
    assert back.model.config == run.model.config
    assert back.step == 7
    assert back.config.data.format == "stream"


@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("rule", RULE_NAMES)
def test_so_do_those_of_every_rule_and_norm(tmp_path, rule, norm):
    learn = rule in ("ema", "dual")
    run = run_of(tmp_path, body="cell", fnn="residual", rule=rule, norm=norm, learn_decay=learn, positions=9)
    export_run(run, tmp_path / "folder")
    assert same_weights(run.model, load(import_folder(tmp_path / "folder", tmp_path / "run").path, device="cpu").model)


@pytest.mark.parametrize("learn", [True, False])
def test_a_constant_decay_counts_as_parameters_only_where_it_is_learned(tmp_path, learn):
    run = run_of(tmp_path, body="cell", rule="ema", learn_decay=learn)
    export_run(run, tmp_path / "folder")
    summary = import_folder(tmp_path / "folder", tmp_path / "run").summary
    parameters = sum(value.numel() for value in run.model.parameters())
    assert json.loads(summary.read_text())["parameters"] == parameters


def test_a_tied_head_is_written_once_and_comes_back_tied(tmp_path):
    run, folder = run_of(tmp_path, tied_embeddings=True), tmp_path / "folder"
    export_run(run, folder)
    settings = json.loads((folder / "config.json").read_text())
    assert settings["tie_word_embeddings"] is True
    assert "tied_embeddings" not in settings
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    assert [name for name in weights if "head" in name] == []
    back = load(import_folder(folder, tmp_path / "run").path, device="cpu")
    assert same_weights(run.model, back.model)
    assert back.model.config == run.model.config
    assert back.model.head.weight is back.model.embedding.weight
    weights["model.head.bias"] = torch.zeros(run.tokenizer.vocab_size)
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"does not fit config.json: 'model.head.bias' has shape \[257\], not None"):
        import_folder(folder, tmp_path / "other")


@pytest.mark.parametrize("name", ["bytes", "bpe", "word"])
def test_the_tokenizer_comes_back_to_the_byte(tmp_path, name):
    run = run_of(tmp_path, name)
    export_run(run, tmp_path / "folder")
    back = load(import_folder(tmp_path / "folder", tmp_path / "run").path, device="cpu")
    assert back.tokenizer.to_json() == run.tokenizer.to_json()
    assert back.config.data.tokenizer == name
    assert back.config.data.format == ("sentences" if name == "word" else "stream")


@pytest.mark.parametrize("name", ["bytes", "bpe", "word"])
def test_the_written_tokenizer_gives_the_same_ids_behind_the_begin_token(tmp_path, name):
    from tokenizers import Tokenizer

    run = run_of(tmp_path, name)
    export_run(run, tmp_path / "folder")
    written = Tokenizer.from_file(str(tmp_path / "folder" / "tokenizer.json"))
    for text in ("the dog sat", "Ünïcode 日本\n\n  two", ""):
        assert written.encode(text).ids == [run.tokenizer.begin, *run.tokenizer.encode(text.encode()).tolist()]
        if run.tokenizer.lossless:
            assert written.decode(written.encode(text).ids) == text


def test_what_cannot_be_chosen_in_generation_is_suppressed(tmp_path):
    run = run_of(tmp_path, "word", vocabulary=20)
    export_run(run, tmp_path / "folder")
    generation = json.loads((tmp_path / "folder" / "generation_config.json").read_text())
    assert generation["suppress_tokens"] == [0, 1, 2, *range(run.tokenizer.vocab_size, 20)]


def test_nothing_is_overwritten_but_an_export_by_replace(tmp_path):
    run, folder = run_of(tmp_path), tmp_path / "folder"
    folder.mkdir()
    export_run(run, folder)  # an empty directory is taken
    before = (folder / "config.json").stat().st_mtime_ns
    with pytest.raises(UserError, match=r"'.*folder' is not empty: choose another place, or --replace"):
        export_run(run, folder)
    assert (folder / "config.json").stat().st_mtime_ns == before
    export_run(dataclasses.replace(run, step=9), folder, replace=True)
    assert json.loads((folder / "config.json").read_text())["trained_steps"] == 9
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"'.*folder' holds 'notes.txt' too, which is no part of an export"):
        export_run(run, folder, replace=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"cannot read '.*config.json' \(No such file"):
        export_run(run, other, replace=True)
    with pytest.raises(UserError, match="is a file: choose another place"):
        export_run(run, other / "thesis.txt", replace=True)
    assert (other / "thesis.txt").read_text() == "mine"


def test_an_import_overwrites_nothing_and_leaves_nothing_half_done(tmp_path):
    folder = tmp_path / "folder"
    export_run(run_of(tmp_path), folder)
    import_folder(folder, tmp_path / "run")
    with pytest.raises(UserError, match="holds a run already: choose another --out"):
        import_folder(folder, tmp_path / "run")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="is no tokenizer of newllm"):
        import_folder(folder, tmp_path / "second")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["folder", "run"]


def changed(folder: Path, **settings) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def _other_type(folder):
    changed(folder, model_type="llama")


def _no_object(folder):
    (folder / "config.json").write_text("[]")


def _nested(folder):
    (folder / "config.json").write_text("[" * 100_000)


def _other_width(folder):
    changed(folder, width=16)


def _billions_of_layers(folder):
    changed(folder, layers=10**9)


def _huge(folder):
    changed(folder, width=10**12, hidden=10**12, context=10**12)


def _wrong_type(folder):
    changed(folder, rule=["gated"])


def _unknown_rule(folder):
    changed(folder, rule="gatet")


def _negative_steps(folder):
    changed(folder, trained_steps=-1)


def _format(folder):
    changed(folder, data_format="rows")


def _no_weights(folder):
    (folder / "model.safetensors").unlink()


def _cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-9])


def _other_names(folder):
    path = folder / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    weights["model.extra"] = torch.zeros(1)
    safetensors.torch.save_file(weights, path)


def _whole_numbers(folder):
    path = folder / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    safetensors.torch.save_file({name: value.to(torch.int32) for name, value in weights.items()}, path)


def _no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def _broken_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"model"')


def _lone_surrogate(folder):
    (folder / "tokenizer.json").write_text(r'{"model": {"vocab": {"\ud800": 0}}}')


def _large_tokenizer(folder):
    changed(folder, vocabulary=100)
    path = folder / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    for name in ("embedding.weight", "head.weight", "head.bias"):
        weights[f"model.{name}"] = weights[f"model.{name}"][:100].clone()
    safetensors.torch.save_file(weights, path)


REFUSED = {
    _other_type: "holds a model of type 'llama', not 'newllm'",
    _no_object: "holds a model of type None, not 'newllm'",
    _nested: "is damaged, it is no JSON",
    _other_width: "does not fit config.json: 'model.body.blocks.0",
    _billions_of_layers: "too few for the 1000000000 layers",
    _huge: "describes a model that is too large",
    _wrong_type: r"model.rule is \['gated'\]",
    _unknown_rule: "unknown rule 'gatet': did you mean 'gated'",
    _negative_steps: "trained_steps is -1",
    _format: "data_format is 'rows'",
    _no_weights: r"cannot read '.*model.safetensors' \(No such file or directory\)",
    _cut_weights: "is damaged, it is no whole safetensors file",
    _other_names: "'model.extra' has shape",
    _whole_numbers: "is of torch.int32",
    _no_tokenizer: r"cannot read tokenizer '.*' \(No such file or directory\)",
    _broken_tokenizer: "is no JSON object",
    _lone_surrogate: "is no tokenizer of newllm",
    _large_tokenizer: "a model of 100 tokens cannot use a tokenizer of 257",
}


@pytest.mark.parametrize("damage", REFUSED, ids=lambda damage: damage.__name__)
def test_a_damaged_or_hostile_folder_is_refused_in_one_line(tmp_path, damage):
    folder = tmp_path / "folder"
    export_run(run_of(tmp_path), folder)
    damage(folder)
    with pytest.raises(UserError, match=REFUSED[damage]) as refused:
        import_folder(folder, tmp_path / "run")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_weights_saved_in_bf16_are_read_as_they_are(tmp_path):
    folder = tmp_path / "folder"
    export_run(run_of(tmp_path), folder)
    path = folder / "model.safetensors"
    half = {name: value.bfloat16() for name, value in safetensors.torch.load_file(path).items()}
    safetensors.torch.save_file(half, path)
    back = load(import_folder(folder, tmp_path / "run").path, device="cpu").model.state_dict()
    assert all(torch.equal(value.float(), back[name.removeprefix("model.")]) for name, value in half.items())


def test_a_model_that_was_never_trained_becomes_a_run_of_step_0(tmp_path):
    export_run(dataclasses.replace(run_of(tmp_path), step=0), tmp_path / "folder")
    assert load(import_folder(tmp_path / "folder", tmp_path / "run").path, device="cpu").step == 0


def test_a_folder_is_the_same_whatever_encoding_the_system_prefers(tmp_path, monkeypatch):
    run = run_of(tmp_path, "bpe")
    export_run(run, tmp_path / "folder")
    monkeypatch.setattr(io, "text_encoding", lambda encoding, _=2: encoding or "ascii")
    export_run(run, tmp_path / "other")
    for file in (tmp_path / "folder").iterdir():
        assert (tmp_path / "other" / file.name).read_bytes() == file.read_bytes()


def test_an_imported_run_cannot_go_on_and_says_why(tmp_path, capsys):
    export_run(run_of(tmp_path), tmp_path / "folder")
    run = import_folder(tmp_path / "folder", tmp_path / "run").path
    before = sorted(path.name for path in run.iterdir())
    for budget in ([], ["--steps", "20"]):
        assert main(["train", "--resume", str(run), *budget]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(
            f"newllm: '{run}' was made by newllm import: it has weights and no text, and cannot be tr"
        )
    assert sorted(path.name for path in run.iterdir()) == before


def test_the_run_of_a_folder_above_is_named_as_the_folder(tmp_path, monkeypatch):
    export_run(run_of(tmp_path), tmp_path / "folder")
    (tmp_path / "folder" / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "folder" / "inside")
    assert main(["import", "..", "--quiet"]) == 0
    assert (tmp_path / "folder" / "inside" / "runs" / "folder" / "config.toml").is_file()


def test_the_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export_run(run_of(tmp_path), tmp_path / "folder")
    assert main(["import", "folder", "--lang", "en"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "runs/folder: the model of step 7"
    assert main(["export", "runs/folder", "--to", "hf", "again", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "run": "runs/folder",
        "directory": "again",
        "format": "hf",
        "step": 7,
        "parameters": sum(value.numel() for value in run_of(tmp_path).model.parameters()),
    }
    assert (tmp_path / "again/model.safetensors").read_bytes() == (tmp_path / "folder/model.safetensors").read_bytes()
    assert main(["export", "runs/folder", "--to", "gguf", "other"]) == 2
    assert "unknown format 'gguf'" in capsys.readouterr().err
    assert main(["eval", "runs/folder", "folder/README.md", "--quiet", "--json"]) == 0
