"""`newllm train --guard`: what it takes, what it says, how it ends."""

import json

import pytest

SPOILT = [
    *("--set", "data.carry=true", "--set", "optimizer.learning_rate=1e-2", "--set", "optimizer.warmup=10"),
    *("--steps", "70", "--set", "training.evaluate_every=35"),
]


@pytest.mark.slow
def test_a_bare_guard_replays_and_says_what_it_did(call, spoilt, tiny, tmp_path) -> None:
    done = call("train", spoilt, *tiny, *SPOILT, "--out", tmp_path / "run", "--json", "--guard")
    told = json.loads(done.out)
    assert (done.code, told["status"], told["step"]) == (0, "finished", 70)
    (only,) = told["recoveries"]
    assert (only["action"], only["policy"]) == ("remedy", "guard")
    assert "rolled back to step 40" in only["sentence"]
    assert only["sentence"] in " ".join(done.err.split()), "said while it trained"
    whole = json.loads((tmp_path / "run/recoveries.json").read_bytes())
    assert whole["recoveries"][0]["tried"][0]["class"]
    assert told["recoveries"] == json.loads((tmp_path / "run/summary.json").read_bytes())["recoveries"]


def test_ask_stops_and_says_how_to_go_on(call, spoilt, tiny, tmp_path) -> None:
    run = tmp_path / "run"
    done = call("train", spoilt, *tiny, *SPOILT, "--out", run, "--guard", "ask", "--quiet", "--json")
    told = json.loads(done.out)
    assert (done.code, told["status"]) == (1, "interrupted")
    assert "go on with --resume and --guard (replays remedies)" in told["message"]
    on = call("train", "--resume", run, "--guard", "rollback-and-skip", "--json", "--quiet")
    assert on.code == 0
    assert [one["action"] for one in json.loads(on.out)["recoveries"]] == ["asked", "remedy"]


def test_a_healthy_guarded_run_says_nothing_of_it(call, text, tiny, tmp_path) -> None:
    done = call("train", text, *tiny, "--steps", 6, "--out", tmp_path / "run", "--guard")
    assert done.code == 0
    assert "rolled back" not in done.out + done.err
    assert not (tmp_path / "run/recoveries.json").exists()
    assert 'guard = "guard"' in (tmp_path / "run/config.toml").read_text()


def test_the_policy_of_the_configuration_counts(call, text, tiny, tmp_path) -> None:
    call("train", text, *tiny, "--steps", 2, "--out", tmp_path / "run", "--set", "training.guard=ask", "--quiet")
    assert 'guard = "ask"' in (tmp_path / "run/config.toml").read_text()
    call("train", "--config", tmp_path / "run/config.toml", "--out", tmp_path / "again", "--quiet")
    assert 'guard = "ask"' in (tmp_path / "again/config.toml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--guard", "gaurd"], "--guard 'gaurd' is no policy: give one of off, ask, guard, rollback-and-skip"),
        (["--set", "training.guard=gaurd"], "unknown guard policy 'gaurd': did you mean 'guard'?"),
    ],
)
def test_a_policy_that_does_not_exist_is_one_line(options, said, refused, text, tiny, tmp_path) -> None:
    assert said in refused("train", text, *tiny, "--steps", 2, "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_a_text_behind_a_bare_guard_is_no_policy(refused, text) -> None:
    assert "or --guard alone behind all TEXT" in refused("train", "--guard", text)


def test_resume_takes_no_policy_that_does_not_exist(refused, run, content) -> None:
    before = content(run)
    assert "is no policy" in refused("train", "--resume", run, "--guard", "x")
    assert content(run) == before
