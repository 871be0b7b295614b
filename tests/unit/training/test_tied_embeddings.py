"""`model.tied_embeddings` through a run: counted, decayed, recorded and saved once, and gone on with to the bit.

`model.ngram_longest` and `optimizer.ngram_decay` too, which runs with n-grams are older than.
"""

import dataclasses
import shutil
from typing import Any

import pytest
import safetensors.numpy
import torch

import newllm
from newllm.errors import UserError
from newllm.generation import fingerprint
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.replays.interventions.model.anatomy import embeddings
from newllm.trace import read_trace
from newllm.training.configure import configure
from newllm.training.snapshots import identity, list_snapshots

TIED = "model.tied_embeddings=true"
NGRAMS = "model.ngram_rows=8"
PAIRS = "model.ngram_longest=2"
DECAY, NONE = "optimizer.ngram_decay=3.0", "optimizer.ngram_decay=0"
SMALL = ("model.width=8", "model.layers=1", "model.hidden=8", "model.context=8", "model.ngram_rows=0")
PLAIN = configure("tiny", None, None, ["model.ngram_rows=0"], {})


def test_a_run_keeps_one_matrix_and_goes_on_to_the_same_bits(train, weights) -> None:
    whole, again = (train(TIED, "training.snapshot_every=8") for _ in range(2))
    bits = weights(whole)
    assert weights(again) == bits
    own = train()
    assert own.summary.parameters - whole.summary.parameters == 257 * (32 + 1)
    last = whole.path / "snapshots/step-00000020"
    names = list(safetensors.numpy.load_file(last / "model.safetensors"))
    moments = {name.rpartition("/")[0] for name in safetensors.numpy.load_file(last / "optimizer.safetensors")}
    assert "embedding.weight" in names
    assert not [name for name in (*names, *moments) if "head" in name]
    (again.path / "summary.json").unlink()
    shutil.rmtree(again.path / "snapshots/step-00000020")
    assert max(list_snapshots(again.path / "snapshots")) == 16
    assert weights(newllm.resume(again.path)) == bits
    loaded = newllm.load(whole.path, device="cpu")
    assert loaded.model.head.weight is loaded.model.embedding.weight
    for precision in ("fp32", "bf16"):
        assert loaded.generate("the whale", 12, weights=precision).tokens == 12
    signals = read_trace(whole.path / "trace.jsonl").signals
    layers = {name.partition("/")[2] for name in signals if name.startswith("gradient_norm/")}
    assert "embedding" in layers
    assert "head" not in layers


def test_another_model_is_refused(train) -> None:
    run = train(TIED)
    config = run.path / "config.toml"
    config.write_text(config.read_text().replace("tied_embeddings = true", "tied_embeddings = false"))
    with pytest.raises(UserError, match=r"belongs to another model: 'head\.(weight|bias)' does not fit"):
        newllm.load(run.path, device="cpu")


def test_what_has_neither_is_what_it_was_before_these_settings() -> None:
    """Runs are older than a tied head and than tables of n-grams (context files: `test_context_file`)."""
    config = PLAIN
    assert identity(config, "data") == "d0547caf6e501ade4fcd5c7c56bd9817289092bcc792805e7767ebfccbf590f0"
    tied, ngrams = (
        dataclasses.replace(config.model, tied_embeddings=True),
        dataclasses.replace(config.model, ngram_rows=8),
    )
    for setting, model in ((TIED, tied), (NGRAMS, ngrams)):
        assert identity(dataclasses.replace(config, model=model), "data") != identity(config, "data")
        assert fingerprint(newllm.build("tiny", settings=[*SMALL, setting])) != fingerprint(
            newllm.build("tiny", settings=SMALL)
        )


def test_tables_of_pairs_and_triples_are_what_they_were_before_pairs_alone() -> None:
    """Runs and contexts with n-grams are older than `ngram_longest`."""
    tiny = PLAIN
    both, alone = (
        dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, ngram_rows=8, ngram_longest=longest))
        for longest in (3, 2)
    )
    assert identity(both, "data") == "db71041820a9f9dfd490957d0b6c3ccb1468400a726e2805e797f8248ea71ec6"
    assert identity(alone, "data") != identity(both, "data")
    shape = ModelConfig(vocabulary=3, width=4, hidden=4, context=4, layers=1, window=4, ngram_rows=2)
    model = LanguageModel(shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    assert fingerprint(model) == "984f78407fd9daa5676b4e13ae3a63704574dcb121763780325040c153ae175d"
    model.config = dataclasses.replace(shape, ngram_longest=2)
    assert fingerprint(model) != "984f78407fd9daa5676b4e13ae3a63704574dcb121763780325040c153ae175d"


def test_tables_that_decay_like_all_else_are_what_they_were_before_they_could_decay_more() -> None:
    tiny = PLAIN
    shape = dataclasses.replace(tiny.model, ngram_rows=8)
    before, more = (
        dataclasses.replace(tiny, model=shape, optimizer=dataclasses.replace(tiny.optimizer, ngram_decay=decay))
        for decay in (0.0, 3.0)
    )
    assert identity(before, "data") == "db71041820a9f9dfd490957d0b6c3ccb1468400a726e2805e797f8248ea71ec6"
    assert identity(more, "data") != identity(before, "data")


def test_a_run_whose_tables_decay_more_goes_on_to_the_same_bits_and_is_read_like_any_other(train, weights) -> None:
    """Decay acts in training alone: what was trained is decoded as it is, compiled or not, and has its fingerprint."""
    whole, again, plain = (train(NGRAMS, decay, "training.snapshot_every=8") for decay in (DECAY, DECAY, NONE))
    (again.path / "summary.json").unlink()
    shutil.rmtree(again.path / "snapshots/step-00000020")
    assert weights(newllm.resume(again.path)) == weights(whole)
    assert weights(plain) != weights(whole)
    loaded, trained = (newllm.load(run.path, device="cpu") for run in (whole, plain))
    assert loaded.model.config == trained.model.config
    trained.model.load_state_dict(loaded.model.state_dict())
    assert fingerprint(trained.model) == fingerprint(loaded.model)
    assert loaded.generate("the whale", 12, seed=1).text == trained.generate("the whale", 12, seed=1).text


def test_a_run_of_before_these_settings_is_read_and_goes_on_to_the_same_bits(train, weights) -> None:
    whole, older = (train(NGRAMS, NONE, "training.snapshot_every=8") for _ in range(2))
    config = older.path / "config.toml"
    for line in ("ngram_longest = 3\n", "ngram_decay = 0.0\n"):
        assert line in config.read_text()
        config.write_text(config.read_text().replace(line, ""))
    assert newllm.load(older.path, device="cpu").model.config.ngram_longest == 3
    (older.path / "summary.json").unlink()
    shutil.rmtree(older.path / "snapshots/step-00000020")
    assert weights(newllm.resume(older.path)) == weights(whole)


def test_a_run_of_pairs_alone_has_one_table_and_goes_on_to_the_same_bits(train, weights) -> None:
    whole, again = (train(NGRAMS, PAIRS, "training.snapshot_every=8") for _ in range(2))
    names = list(safetensors.numpy.load_file(whole.path / "snapshots/step-00000020/model.safetensors"))
    assert [name for name in names if name.startswith("ngrams")] == ["ngrams.pairs.weight"]
    (again.path / "summary.json").unlink()
    shutil.rmtree(again.path / "snapshots/step-00000020")
    assert weights(newllm.resume(again.path)) == weights(whole)
    assert newllm.load(whole.path, device="cpu").generate("the whale", 12).tokens == 12
    config = whole.path / "config.toml"
    config.write_text(config.read_text().replace("ngram_longest = 2", "ngram_longest = 3"))
    with pytest.raises(UserError, match=r"belongs to another model: 'ngrams\.triples\.weight' does not fit"):
        newllm.load(whole.path, device="cpu")


def test_to_change_it_is_not_to_change_the_embedding_alone() -> None:
    assert list(embeddings(newllm.build("tiny", settings=SMALL))) == ["embedding"]
    assert list(embeddings(newllm.build("tiny", settings=[*SMALL, TIED]))) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_the_check_sees_that_it_is_tied(replaced: bool) -> None:
    model: Any = newllm.build("tiny", settings=[*SMALL, TIED, "model.vocabulary=20"])
    if replaced:
        model.head = torch.nn.Linear(8, 20, bias=False)
    tokens = torch.randint(20, (8, 16), generator=torch.Generator().manual_seed(0))

    def loss(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(model(tokens[:, :-1])[0].transpose(1, 2), tokens[:, 1:])

    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-2), loss, tokens, seconds=60)
    (found,) = (one for one in report.outcomes if one.probe == "tied")
    assert found.status == ("unchecked" if replaced else "sound")
    assert not report.wrong
    if not replaced:
        assert found.evidence == {"embedding": "embedding", "head": "head"}
