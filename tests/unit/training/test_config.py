"""Settings: strict reading, nearest names, and that what is written reads back."""

import dataclasses

import pytest

from newllm.errors import UserError
from newllm.model.config import NORM_NAMES
from newllm.recurrence.scan import BACKENDS
from newllm.training.budget import Budget, with_clock
from newllm.training.config import SCAN_BACKENDS, RunConfig, left_automatic, scan_that_runs
from newllm.training.config_file import load_config, merge, parse_setting, save_config
from newllm.training.configure import configure
from newllm.training.presets import PRESETS, preset, with_body


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_reads_back(name, tmp_path) -> None:
    config = preset(name)
    config.check()
    save_config(config, tmp_path / "config.toml")
    assert load_config(tmp_path / "config.toml") == config


@pytest.mark.parametrize(
    "body", ["cell", "zero-cell", "stack", "zero-stack", "attention", "founding-transformer", "lstm"]
)
@pytest.mark.parametrize("name", ["tiny", "small", "founding-baseline"])
def test_every_body_fits_every_kind_of_preset(name, body) -> None:
    config = with_body(preset(name), body)
    config.check()
    assert config.model.body == body


@pytest.mark.parametrize(
    ("setting", "part", "name", "value"),
    [
        ("optimizer.learning_rate=1e-3", "optimizer", "learning_rate", 1e-3),
        ("optimizer.learning_rate=1", "optimizer", "learning_rate", 1.0),
        ("optimizer.learning_rate = .5", "optimizer", "learning_rate", 0.5),
        ("training.steps=1e3", "training", "steps", 1000),
        ("training.steps=1_000", "training", "steps", 1000),
        ("model.rule=ema", "model", "rule", "ema"),
        ('model.rule="ema"', "model", "rule", "ema"),
        ("data.carry=true", "data", "carry", True),
        ("data.carry=True", "data", "carry", True),
        ("data.resets=False", "data", "resets", False),
        ("data.texts=a.txt", "data", "texts", ("a.txt",)),
        ('data.texts=["a", "b"]', "data", "texts", ("a", "b")),
    ],
)
def test_settings_take_the_type_of_what_they_replace(setting, part, name, value) -> None:
    got = getattr(getattr(configure(None, None, None, [setting], {}), part), name)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("", "write KEY=VALUE"),
        ("=1", "write KEY=VALUE"),
        ("seed", "write KEY=VALUE"),
        ("sede=1", "did you mean 'seed'?"),
        ("model.widht=1", "did you mean 'model.width'?"),
        ("model=5", "model is 5: it is a part"),
        ("seed.x=1", "seed is {'x': 1}: it must be a whole number"),
        ("seed=1.5", "seed is 1.5: it must be a whole number"),
        ("seed=true", "seed is True: it must be a whole number"),
        ("data.carry=1", "data.carry is 1: it must be true or false, for example false"),
        ("data.carry=yes", "data.carry is 'yes': it must be true or false"),
        ("optimizer.learning_rate=fast", "optimizer.learning_rate is 'fast': it must be a number"),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate is nan: it must be a number"),
        ("optimizer.learning_rate=inf", "optimizer.learning_rate is inf: it must be a number"),
        (f"optimizer.learning_rate=1{400 * '0'}", "it must be a number"),
        ("optimizer.learning_rate=", "optimizer.learning_rate is '': it must be a number"),
        ("model.rule=3", "model.rule is 3: it must be a string"),
        ("data.texts=[1]", "data.texts is [1]: it must be a list of strings"),
        ("training.steps=inf", "training.steps is inf: it must be a whole number"),
        ("training.steps=[]", "training.steps is []: it must be a whole number"),
        ("environment=1", "newllm writes that itself, for the record: drop it"),
        ("environment.torch=1", "newllm writes that itself, for the record: drop it"),
        ("schema=1", "newllm writes that itself, for the record: drop it"),
        (f"seed={9 * 555 * '9'}", "it must be a whole number"),
        (f"seed=0x{500 * 'f'}", "...: it must be below 2^256"),
        (f"seed=0x{5000 * 'f'}", "it must be a whole number"),
        ("model.width=1e30", "model.width is 1000000000000000019884624838656: it must be below 2^63"),
        (f"seed={5000 * '['}", "it must be a whole number"),
        ("preset=medium", "--set 'preset=medium' would change the name alone: take --preset medium"),
    ],
)
def test_a_wrong_setting_is_quoted_with_the_mend(setting, said) -> None:
    with pytest.raises(UserError) as caught:
        configure(None, None, None, [setting], {})
    assert said in str(caught.value)
    assert setting.split("=")[0] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"optimizer": {"name": "adamv"}}, "unknown optimizer 'adamv': did you mean"),
        ({"optimizer": {"schedule": "cosin"}}, "unknown schedule 'cosin': did you mean 'cosine'?"),
        ({"numerics": {"precision": "fp16"}}, "unknown precision 'fp16'"),
        ({"numerics": {"scan_backend": "numbra"}}, "unknown scan backend 'numbra': did you mean 'numba'?"),
        ({"model": {"rule": "gatde"}}, "unknown rule 'gatde': did you mean 'gated'?"),
        ({"model": {"body": "stak"}}, "unknown body 'stak': did you mean"),
        ({"model": {"norm": "reed"}}, "unknown norm 'reed': did you mean 'read'?"),
        ({"optimizer": {"learning_rate": 0.0}}, "optimizer.learning_rate is 0.0: it must be above 0"),
        ({"optimizer": {"beta1": 1.0}}, "optimizer.beta1 is 1.0"),
        ({"optimizer": {"clip": -1.0}}, "optimizer.clip is -1.0"),
        ({"optimizer": {"ngram_decay": 3.0, "name": "adam"}}, "optimizer.name=adamw, or drop it"),
        ({"optimizer": {"final": 2.0}}, "optimizer.final is 2.0"),
        ({"training": {"steps": 0}}, "training.steps is 0: it must be at least 1"),
        ({"training": {"keep": 0}}, "training.keep is 0"),
        ({"training": {"accumulate": 0}}, "training.accumulate is 0"),
        ({"numerics": {"threads": -1}}, "numerics.threads is -1"),
        ({"numerics": {"threads": 10**6}}, "numerics.threads is 1000000: it must be between 0 and 4096"),
        ({"seed": -1}, "seed is -1"),
        ({"schema": 2}, "schema 2"),
        ({"model": {"body": "lstm"}, "data": {"resets": True}}, "body 'lstm' cannot reset inside a row"),
        (
            {"model": {"positions": 100}},
            "data.window 256 is longer than the 100 learned positions: --set model.positions=256",
        ),
        (
            {"model": {"positions": 256}, "data": {"carry": True}},
            "data.carry goes on past the end of the 256 learned positions: --set model.positions=0",
        ),
        (
            {"model": {"positions": 256, "body": "founding-transformer"}, "data": {"carry": True}},
            "data.carry goes on past the end of the 256 learned positions: drop data.carry",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changed, said) -> None:
    with pytest.raises(UserError) as caught:
        merge(RunConfig(), changes=changed, where="here").check()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(steps=1, tokens=1), "one of --steps and --tokens"),
        (Budget(steps=0), "--steps 0: it must be above 0"),
        (Budget(tokens=-5), "--tokens -5"),
        (Budget(seconds=float("nan")), "--seconds nan"),
        (Budget(seconds=float("inf")), "--seconds inf"),
        (Budget(seconds=0.0), "--seconds 0.0"),
    ],
)
def test_a_budget_that_buys_nothing_is_refused(budget, said) -> None:
    with pytest.raises(UserError, match=said):
        budget.check()


def test_a_config_file_may_name_only_what_differs(tmp_path) -> None:
    (tmp_path / "c.toml").write_text('preset = "tiny"\n[optimizer]\nlearning_rate = 1\n')
    config = configure(None, tmp_path / "c.toml", None, ["seed=4"], {})
    assert (config.preset, config.model.width, config.optimizer.learning_rate, config.seed) == ("tiny", 128, 1.0, 4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"model = 3", "model is 3"),
        (b"[modell]\nwidth=1", "did you mean 'model'?"),
        (b"no toml", "is not a TOML file"),
        (b"\xff\xfe", "is not a TOML file"),
        (b"preset = 5", "preset"),
        (b'preset = "tinny"', "did you mean 'tiny'?"),
    ],
)
def test_a_config_file_that_is_nonsense_is_refused(tmp_path, content, said) -> None:
    (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        configure(None, tmp_path / "c.toml", None, [], {}).check()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_config_of_another_schema_is_refused(tmp_path) -> None:
    (tmp_path / "c.toml").write_text("schema = 99")
    with pytest.raises(UserError, match="schema 99"):
        configure(None, tmp_path / "c.toml", None, [], {}).check()


@pytest.mark.parametrize("body", ["attention", "stack"])
def test_the_models_window_follows_the_datas(body, tmp_path) -> None:
    assert configure(None, None, body, ["data.window=512"], {}).model.window == 512
    (tmp_path / "c.toml").write_text("[data]\nwindow = 512\n")
    assert configure(None, tmp_path / "c.toml", body, [], {}).model.window == 512


@pytest.mark.parametrize("order", [1, -1])
def test_a_window_of_the_models_own_stays(order, tmp_path) -> None:
    settings = ["data.window=512", "model.window=64"][::order]
    assert configure(None, None, "attention", settings, {}).model.window == 64
    (tmp_path / "c.toml").write_text("[model]\nwindow = 64\n")
    assert configure(None, tmp_path / "c.toml", None, ["data.window=512"], {}).model.window == 64


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("founding-")])
def test_a_founding_preset_keeps_its_window(name) -> None:
    assert configure(name, None, None, ["data.window=20"], {}).model.window == 32


@pytest.mark.parametrize(
    ("settings", "rows", "decay"),
    [
        ([], 8192, 3.0),
        (["model.ngram_rows=0"], 0, 0.0),
        (["model.ngram_rows=64", "data.texts=a.txt"], 64, 3.0),
        (["optimizer.ngram_decay=1"], 8192, 1.0),
        (["data.tokenizer=bpe"], 0, 0.0),
        (["data.tokenizer=bpe", "model.ngram_rows=64"], 64, 3.0),
        (["optimizer.name=muon"], 8192, 3.0),
        (["optimizer.name=adam"], 0, 0.0),
        (["optimizer.name=sgd", "optimizer.learning_rate=0.5"], 0, 0.0),
        (["optimizer.name=adam", "model.ngram_rows=64"], 64, 0.0),
    ],
)
def test_tables_that_decay_are_the_default_where_they_help(settings, rows, decay) -> None:
    config = configure("tiny", None, None, settings, {})
    config.check()
    assert (config.model.ngram_rows, config.optimizer.ngram_decay) == (rows, decay)


def test_a_decay_that_adam_does_not_have_is_refused_where_it_was_asked_for() -> None:
    config = configure("tiny", None, None, ["optimizer.name=adam", "optimizer.ngram_decay=1"], {})
    with pytest.raises(UserError, match="does not shrink"):
        config.check()


def test_a_runs_own_configuration_stays_as_it_was_before_there_were_tables(tmp_path) -> None:
    plain = configure("tiny", None, None, ["model.ngram_rows=0"], {})
    written = dataclasses.replace(plain, environment={"torch": "2.10"})
    save_config(written, tmp_path / "config.toml")
    older = tmp_path / "older.toml"  # of a version that had no such settings
    lines = (tmp_path / "config.toml").read_text().splitlines(keepends=True)
    older.write_text("".join(line for line in lines if not line.startswith("ngram_")))
    for path in (tmp_path / "config.toml", older):
        assert configure(None, path, None, [], {}) == written
        assert configure(None, path, None, ["model.width=8"], {}).model == dataclasses.replace(plain.model, width=8)


def test_every_scan_backend_can_be_configured() -> None:
    assert SCAN_BACKENDS == BACKENDS


@pytest.mark.parametrize(
    ("body", "norm", "runs"),
    [
        ("stack", "none", "numba"),
        ("stack", "read", "numba"),
        ("zero-stack", "none", "numba"),
        ("stack", "write", "sequential"),
        ("zero-stack", "write", "sequential"),
        *(
            (body, norm, "none")
            for body in ("attention", "lstm", "cell", "founding-transformer")
            for norm in NORM_NAMES
        ),
    ],
)
def test_the_scan_that_runs_is_named(body, norm, runs) -> None:
    changes = {"model": {"body": body, "norm": norm}, "numerics": {"scan_backend": "numba"}}
    assert scan_that_runs(merge(RunConfig(), changes, where="here")) == runs


def test_parse_setting_nests() -> None:
    assert parse_setting("a.b=3") == {"a": {"b": 3}}


def test_what_is_left_to_decide_is_named() -> None:
    assert left_automatic(RunConfig()) == "data.texts"
    numerics = dataclasses.replace(RunConfig().numerics, device="cpu", threads=1, scan_backend="torch")
    config = merge(
        dataclasses.replace(RunConfig(), numerics=numerics),
        {
            "data": {"texts": ["a"]},
            "model": {"vocabulary": 5},
            "training": {"evaluate_every": 1, "snapshot_every": 1},
        },
        where="",
    )
    assert left_automatic(config) == "numerics.precision"


@pytest.mark.parametrize(
    ("left", "per_token", "tokens", "steps"),
    [(100.0, 1e-5, 65_536, 1383), (20.0, 1e-4, 4_096, 27), (1.0, 1e-2, 4_096, 1)],
)
def test_a_short_budget_goes_into_training_and_not_into_evaluations(left, per_token, tokens, steps) -> None:
    config = with_clock(RunConfig(), 120.0, left, per_token)
    assert config.training.evaluate_tokens == tokens
    assert config.training.steps == steps
    assert config.training.plan == ((0, steps, min(50, max(1, steps // 10))),)
    assert config.training.seconds == 120.0
    assert 1 <= config.training.evaluations <= 11


def test_a_plan_is_read_as_it_was_written(tmp_path) -> None:
    config = with_clock(RunConfig(), 120.0, 100.0, 1e-5)
    path = tmp_path / "config.toml"
    save_config(config, path)
    assert load_config(path) == config
    assert "    [0, 1383, 50],\n" in path.read_text()


@pytest.mark.parametrize("wrong", ["7", "[[1, 2]]", "[[0, 5, true]]", '["a"]', "[[0, 0x" + 500 * "f" + ", 5]]"])
def test_a_plan_that_is_none_is_one_line(wrong, tmp_path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[training]\nplan = {wrong}\n")
    with pytest.raises(UserError, match=r"training\.plan is .*: it must be rows of three whole numbers"):
        load_config(path)


@pytest.mark.parametrize("rows", ["[[1, 2000, 3]]", "[[0, 10, 0], [11, 5, 11]]", "[[0, 2000, 0], [10, 2000, 5]]"])
def test_a_plan_that_cannot_have_been_followed_is_one_line(rows, tmp_path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[training]\nplan = {rows}\n")
    with pytest.raises(UserError, match=r"training\.plan has .*, which cannot be"):
        load_config(path).check()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"seed = " + b"9" * 5000, "is not a TOML file"),
        (b"seed = 0x" + b"f" * 5000, "a whole number of a thousand digits"),
        (b"seed = 0x" + b"f" * 500, "it must be below 2^256"),
        (b"seed = " + b"[" * 100_000, "nested too deep"),
        (b"seed = " + b"{a=" * 5000, "nested too deep"),
        (b"schema = [[[[[[[[[[[[1]]]]]]]]]]]]", "this version reads schema 1"),
        (b"schema = 0x" + b"f" * 500, "this version reads schema 1"),
        (b"seed = 1\nseed = 2", "Cannot overwrite a value"),
        (b"seed = \xff", "is not a TOML file"),
        (b"seed = 1\0", "is not a TOML file"),
        (b"[[model]]\nwidth = 8", "it is a part"),
        (b"seed = 2024-01-01", "it must be a whole number"),
        (b"[environment]\na = " + b"[" * 150 + b"]" * 150, ""),
    ],
)
def test_a_hostile_configuration_is_one_line(tmp_path, content, said) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    if not said:
        assert load_config(path).seed == 0
        return
    with pytest.raises(UserError) as caught:
        load_config(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [(f"seed{5000 * '.a'}=1", "seed is a dict nested too deep to show"), (f"data{5000 * '.a'}=1", "'data.a'")],
)
def test_a_name_of_a_thousand_parts_is_cut_in_the_message(setting, said) -> None:
    with pytest.raises(UserError) as caught:
        configure(None, None, None, [setting], {})
    assert said in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_mark_of_utf8_before_a_configuration_says_nothing(tmp_path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbfseed = 7\n")
    assert load_config(tmp_path / "config.toml").seed == 7
