"""`newllm generate` and `newllm.load` at their bounds: what is read, where it ends, and what their defaults are."""

import io
import sys
from pathlib import Path

import pytest

import newllm
from newllm.cli.main import main
from newllm.generation import Sampling


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run whose model has 32 learned positions."""
    run = tmp_path_factory.mktemp("short") / "run"
    quick = ("numerics.scan_backend=torch", "numerics.threads=1", "model.layers=1")
    small = [
        *(f"--set={setting}" for setting in quick),
        *(f"--set=model.{name}=8" for name in ("hidden", "context", "width")),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(cache))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        assert main(["train", "--preset", "seed-baseline", *small, "--steps", "1", "--quiet", "--out", str(run)]) == 0
    return run


def test_where_the_positions_end_is_said(call, short) -> None:
    seen = [call("generate", short, "--tokens", 100, "--temperature", 9, "--seed", seed) for seed in range(3)]
    ends = [one for one in seen if one.err]
    assert ends
    assert {one.err for one in ends} == {"this model has only 32 learned positions, and the text ends there\n"}
    at = next(seed for seed, one in enumerate(seen) if one.err)
    assert call("generate", short, "--tokens", 100, "--temperature", 9, "--seed", at, "--quiet").err == ""


def test_a_prompt_of_standard_input_is_read_and_not_written_again(call, refused, finished, monkeypatch) -> None:
    def given(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    given("the sea é".encode())
    piped = call("generate", finished, "--prompt", "-", "--tokens", 5)
    said = call("generate", finished, "--prompt", "the sea é", "--tokens", 5)
    assert f"the sea é{piped.out}" == said.out
    assert piped.out.endswith("\n")
    given(b"ab\xff")
    assert "standard input ('-') is not UTF-8 at byte 2: convert it first" in refused(
        "generate", finished, "--prompt", "-"
    )


def test_what_is_left_out_is_the_likeliest_or_the_usual(finished) -> None:
    loaded = newllm.load(finished, device="cpu")
    assert loaded.generate("the", 9) == loaded.generate("the", 9, seed=0, sampling=Sampling(), weights="fp32")
    assert loaded.generate("the", 9, seed=1).text != loaded.generate("the", 9).text
    assert loaded.generate().tokens == 200
    assert not loaded.model.training


def test_a_model_without_a_run_has_the_vocabulary_of_bytes_and_its_seed() -> None:
    small = ["model.width=8", "model.layers=1", "model.hidden=8", "model.context=8", "model.heads=2"]
    first, again, other = (newllm.build("tiny", settings=small, seed=seed) for seed in (0, 0, 1))
    assert first.embedding.num_embeddings == 257
    assert [bool((first.embedding.weight == one.embedding.weight).all()) for one in (again, other)] == [True, False]
    assert newllm.build("tiny", settings=[*small, "model.vocabulary=11"]).embedding.num_embeddings == 11
    with pytest.raises(newllm.UserError, match=r"another tokenizer than bytes: --set model\.vocabulary=N too"):
        newllm.build("tiny", settings=[*small, "data.tokenizer=bpe"])


def test_no_replay_has_fewer_than_no_workers(finished) -> None:
    with pytest.raises(newllm.UserError, match="workers -1: give 0 or more"):
        newllm.replay(finished, workers=-1)


def test_a_model_is_used_without_what_the_clock_has_decided(call, refused, run) -> None:
    config = run / "config.toml"
    config.write_text(
        config.read_text().replace("plan = []", "plan = [[0, 6, 0]]").replace("seconds = 0.0", "seconds = 9.0")
    )
    assert call("generate", run, "--tokens", 2, "--json").code == 0
    assert "schedule.jsonl' is missing" in refused("train", "--resume", run)


def test_a_replay_has_five_minutes_where_nobody_says_otherwise(finished, monkeypatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr("newllm.api.replayed._replay_run", lambda *given: asked.append(given[2].seconds))
    newllm.replay(finished)
    newllm.replay(finished, budget=7)
    assert asked == [300.0, 7]
