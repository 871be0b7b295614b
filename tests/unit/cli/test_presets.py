"""The founding document's presets from the packaged sentences to a sample."""

import json

import pytest

import newllm
from newllm.generation import Sampling

ONE_THREAD = ["--set", "numerics.threads=1"]  # two wait for each other where another process computes
FOUNDING_PRESETS = [
    "founding-baseline",
    "founding-experiment1",
    "founding-experiment2",
    "founding-experiment3",
    "founding-transformer",
]


@pytest.mark.slow
@pytest.mark.parametrize("preset", FOUNDING_PRESETS)
def test_a_founding_preset_runs_two_epochs(preset, call, tmp_path) -> None:
    run = tmp_path / "run"
    done = call("train", "--preset", preset, *ONE_THREAD, "--steps", 4, "--out", run, "--json", "--quiet")
    told = json.loads(done.out)
    assert (done.code, told["status"], told["step"]) == (0, "finished", 4)
    assert told["last_validation"]["bits_per_byte"] is None
    data = json.loads((run / "data.json").read_bytes())
    assert (data["format"], data["tokenizer"]["name"]) == ("sentences", "word")
    assert [row["step"] for row in map(json.loads, (run / "trace.jsonl").read_text().splitlines())][-1] == 4
    if preset == "founding-baseline":
        assert told["parameters"] == 3_009_768


def test_the_baseline_has_the_documents_parameters() -> None:
    assert sum(parameter.numel() for parameter in newllm.build("founding-baseline").parameters()) == 3_009_768


def test_building_hangs_on_the_seed(call) -> None:
    import torch

    first, again, other = (newllm.build("tiny", seed=seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert call("generate", "none").code == 2


def test_a_word_level_run_ends_at_its_learned_positions_or_the_end_token(call, tmp_path) -> None:
    small = ["model.width=32", "model.hidden=32", "model.layers=1", "model.context=32"]
    settings = [f"--set={setting}" for setting in small]
    run = tmp_path / "run"
    assert (
        call(
            "train", "--preset", "founding-baseline", *settings, *ONE_THREAD, "--steps", 2, "--out", run, "--quiet"
        ).code
        == 0
    )
    results = [
        newllm.load(run).generate("the", 100, seed=seed, sampling=Sampling(temperature=1.0)) for seed in range(20)
    ]
    assert {result.stopped_by for result in results} <= {"positions", "end"}
    assert all(result.tokens <= 31 for result in results)
    longest = newllm.load(run).generate("", 100, sampling=Sampling(temperature=0.0))
    assert longest.stopped_by in ("positions", "end")
    told = json.loads(call("generate", run, "--tokens", 100, "--json").out)
    assert told["stopped_by"] in ("positions", "end")
