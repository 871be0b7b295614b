"""Settings at their bounds, presets in full, and what budgets, decisions and pins come to: arithmetic, by hand."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import pytest

from newllm.errors import UserError
from newllm.training.budget import LARGEST, Budget, shortened, steps_for_tokens, with_clock, with_steps
from newllm.training.config import RunConfig, left_automatic
from newllm.training.config_file import merge, save_config
from newllm.training.configure import configure
from newllm.training.presets import PRESETS, preset, with_body, with_width
from newllm.training.resolve import build_model


def _written(config: RunConfig, place: Path) -> list[str]:
    """The lines of a configuration, each with its part."""
    save_config(config, place / "config.toml")
    part, lines = "", []
    for line in (place / "config.toml").read_text().splitlines():
        part = line.strip("[]") + "." if line.startswith("[") else part
        lines += [] if line.startswith("[") or not line else [f"{part}{line}"]
    return lines


@pytest.mark.parametrize(("width", "matrix"), [(256, 64), (100, 50), (130, 26), (96, 48), (24, 24), (7, 7)])
def test_matrices_take_the_largest_width_that_divides_the_context(width: int, matrix: int) -> None:
    model = with_width(preset("small"), width).model
    assert (model.context, model.head_width) == (width, matrix)
    dataclasses.replace(model, rule="delta").check()


def test_presets_are_what_they_were(as_kept, tmp_path) -> None:
    small = _written(preset("small"), tmp_path)
    others = {name: [line for line in _written(PRESETS[name], tmp_path) if line not in small] for name in PRESETS}
    told = [*small, *(f"{name}: {line}" for name, lines in others.items() for line in lines)]
    as_kept("presets", "".join(f"{line}\n" for line in told))


@pytest.mark.parametrize(
    ("settings", "blamed"),
    [
        (["model.ngram_rows=3_000_000_000", "model.positions=4_000_000_000"], "model.ngram_rows 3000000000"),
        (
            ["model.ngram_rows=3_000_000_000", "model.ngram_longest=2", "model.positions=4_000_000_000"],
            "model.positions 4000000000",
        ),
        (["model.ngram_rows=1_000", "model.positions=3_000_000_000"], "model.positions 3000000000"),
        (["model.ngram_rows=1_000_000", "model.layers=100_000"], "width 128, 100000 layers, hidden 352, context 128,"),
        (["model.ngram_rows=1_000", "model.vocabulary=1_000_000_000"], "context 128, vocabulary 1000000000"),
    ],
)
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_what_there_is_no_memory_for_is_named(monkeypatch, settings: list[str], blamed: str, error: Exception) -> None:
    def has_no_room(*_: object) -> None:
        raise error

    monkeypatch.setattr("newllm.training.resolve.LanguageModel", has_no_room)
    with pytest.raises(UserError, match=f"^no memory for .*{re.escape(blamed)}"):
        build_model(configure("tiny", None, None, settings, {}))


def test_a_table_that_no_number_of_64_bits_counts_is_named_too() -> None:
    with pytest.raises(UserError, match=r"model\.ngram_rows 40000000000000000: take a smaller"):
        build_model(configure("tiny", None, None, ["model.vocabulary=257", "model.ngram_rows=40000000000000000"], {}))


LEAST = {  # the least that may be, and what may not be any more
    "optimizer.learning_rate": (1e-300, 0.0), "optimizer.beta1": (0.0, -0.1), "optimizer.beta2": (0.0, -0.1),
    "optimizer.epsilon": (0.0, -1e-9), "optimizer.weight_decay": (0.0, -1e-9), "optimizer.clip": (0.0, -1e-9),
    "optimizer.ngram_decay": (0.0, -1e-9),
    "optimizer.warmup": (0, -1), "optimizer.final": (0.0, -1e-9), "training.steps": (1, 0),
    "training.seconds": (0.0, -1e-9), "training.evaluations": (0, -1), "training.accumulate": (1, 0),
    "training.evaluate_every": (0, -1), "training.evaluate_tokens": (0, -1), "training.snapshot_every": (0, -1),
    "training.keep": (1, 0), "training.ring_every": (0, -1), "numerics.threads": (0, -1), "seed": (0, -1),
}  # fmt: skip
MOST = {
    "optimizer.beta1": (0.999, 1.0), "optimizer.beta2": (0.999, 1.0), "optimizer.final": (1.0, 1.001),
    "numerics.threads": (4096, 4097),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "good", "bad"), [(n, *pair) for bounds in (LEAST, MOST) for n, pair in bounds.items()]
)
def test_what_may_just_be_is_taken_and_what_may_not_is_named(name: str, good: float, bad: float) -> None:
    configure(None, None, None, [f"{name}={good}"], {}).check()
    with pytest.raises(UserError, match=rf"^{name} is {bad}: it must be "):
        configure(None, None, None, [f"{name}={bad}"], {}).check()


@pytest.mark.parametrize(
    ("rows", "good"),
    [("[[0, 2000, 0]]", True), ("[[0, 0, 0], [0, 2000, 5]]", True), ("[[0, 9, 9], [9, 9, 9], [9, 2000, 9]]", True),
     ("[[0, 9, 0], [5, 9, 4], [9, 2000, 9]]", False), ("[[0, 9, 0], [8, 9, 8], [7, 2000, 9]]", False),
     ("[[0, 9, 0], [10, 9, 10], [10, 2000, 10]]", False)],
)  # fmt: skip
def test_a_plan_follows_the_steps(rows: str, good: bool) -> None:
    config = configure(None, None, None, [f"training.plan={rows}"], {})
    if good:
        config.check()
        return
    with pytest.raises(UserError, match="which cannot be"):
        config.check()


def test_learned_positions_hold_a_window_that_just_fits() -> None:
    configure(None, None, None, ["model.positions=256", "data.window=256"], {}).check()
    with pytest.raises(UserError, match=r"data\.window 257 is longer than the 256 learned positions"):
        configure(None, None, None, ["model.positions=256", "data.window=257"], {}).check()


DECIDED: dict[str, Any] = {
    "data": {"texts": ["a"]}, "model": {"vocabulary": 1}, "training": {"evaluate_every": 1, "snapshot_every": 1},
    "numerics": {"device": "cpu", "threads": 1, "precision": "fp32", "scan_backend": "torch"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "left"),
    [({}, None), ({"model": {"vocabulary": 0}}, "model.vocabulary"), ({"training": {"seconds": 5.0}}, "training.plan"),
     ({"training": {"seconds": 5.0, "plan": [[0, 2000, 5]]}}, None),
     ({"training": {"evaluate_every": 0}}, "training.evaluate_every"),
     ({"training": {"snapshot_every": 0}}, "training.snapshot_every"),
     ({"training": {"evaluate_every": 0, "snapshot_every": 0, "evaluations": 1}}, None),
     ({"numerics": {"device": "auto"}}, "numerics.device"), ({"numerics": {"threads": 0}}, "numerics.threads"),
     ({"numerics": {"scan_backend": "auto"}}, "numerics.scan_backend")],
)  # fmt: skip
def test_what_is_left_automatic_is_named(changes: dict[str, Any], left: str | None) -> None:
    assert left_automatic(merge(merge(RunConfig(), DECIDED, where=""), changes, where="")) == left


@pytest.mark.parametrize(
    ("width", "shape"),
    [(256, (704, 256, 8)), (64, (176, 64, 2)), (1, (8, 1, 8)), (512, (1408, 512, 16)), (100, (272, 100, 8)),
     (20, (56, 20, 1))],
)  # fmt: skip
def test_a_width_takes_what_is_inside_of_it_with_it(width: int, shape: tuple[int, int, int]) -> None:
    model = with_width(preset("small"), width).model
    assert (model.width, model.hidden, model.context, model.heads) == (width, *shape)
    with pytest.raises(UserError, match=r"model\.width is 0: it must be at least 1"):
        with_width(preset("small"), 0)


@pytest.mark.parametrize(
    ("body", "of", "shape"),
    [("lstm", "small", (512, 2, 0, 2e-3)), ("cell", "small", (512, 8, 0, 2e-3)),
     ("zero-cell", "small", (512, 8, 0, 2e-3)), ("attention", "small", (704, 4, 0, 3e-3)),
     ("founding-transformer", "small", (1024, 4, 256, 2e-3)), ("zero-stack", "small", (704, 4, 0, 2e-3)),
     ("zero-cell", "founding-baseline", (512, 8, 32, 1e-4)),
     ("attention", "founding-transformer", (1024, 6, 32, 1.5e-4)),
     ("founding-transformer", "founding-baseline", (512, 8, 32, 1e-4))],
)  # fmt: skip
def test_another_body_has_about_as_many_parameters(body: str, of: str, shape: tuple[int, int, int, float]) -> None:
    config = with_body(preset(of), body)
    model = config.model
    assert (model.body, model.width) == (body, 256)
    assert (model.hidden, model.layers, model.positions) == shape[:3]
    assert config.optimizer.learning_rate == pytest.approx(shape[3])
    assert with_body(config, body) == config  # it is that body by now


def test_what_a_budget_may_be_at_most() -> None:
    Budget(steps=LARGEST).check()
    with pytest.raises(UserError, match=r"--steps 1000000000001: it must be at most 1,000,000,000,000"):
        Budget(steps=10**12 + 1).check()


@pytest.mark.parametrize(("steps", "warmup"), [(5, 1), (19, 1), (20, 2), (499, 49), (500, 50), (5000, 50)])
def test_a_warm_up_takes_a_tenth_of_the_steps_at_most(steps: int, warmup: int) -> None:
    config = with_steps(preset("small"), steps)
    assert (config.training.steps, config.optimizer.warmup) == (steps, warmup)
    assert with_steps(preset("founding-baseline"), steps).optimizer.warmup == 0


def test_what_a_budget_shortens_is_told_where_it_was_asked_for() -> None:
    asked = configure("small", None, None, ["optimizer.warmup=40", "training.evaluate_tokens=9000"], {})
    bought = with_steps(asked, 100)
    bought = dataclasses.replace(bought, training=dataclasses.replace(bought.training, evaluate_tokens=8999))
    settings = [" optimizer.warmup =40", "training.evaluate_tokens=9000"]
    behind = "the run has only 100 steps, and the original value would take up too many of them"
    assert list(map(str, shortened(asked, bought, settings))) == [
        f"optimizer.warmup is 10, not 40: {behind}", f"training.evaluate_tokens is 8,999, not 9,000: {behind}"
    ]  # fmt: skip
    assert list(map(str, shortened(asked, bought, settings[:1]))) == [f"optimizer.warmup is 10, not 40: {behind}"]
    assert shortened(asked, asked, settings) == []


def test_tokens_buy_the_steps_that_see_them() -> None:
    assert [steps_for_tokens(tokens, 10.0) for tokens in (1, 10, 11, 20)] == [1, 1, 2, 2]


def test_a_budget_in_seconds_is_shared_out() -> None:
    """256 x 32 tokens an update at 3e-3 s, 0.85 of the time; 11 evaluations in 0.15 of it."""
    base = configure("small", None, None, ["data.window=10", "data.batch=10"], {})
    config = with_clock(base, 120.0, 100.0, 1e-3)
    assert (config.training.steps, config.training.evaluate_tokens) == (283, 4096)  # 85 / 0.3; 1363 tokens are too few
    assert config.training.evaluations == round(283 / min(283, math.ceil(4096 / 3 / 0.2 / 100)))
    assert with_clock(base, 120.0, 100.0, 1e-4).training.evaluate_tokens == 13_636  # 15 / 11 / 1e-4
    every = configure("small", None, None, ["training.evaluate_every=7", "training.evaluate_tokens=9"], {})
    config = with_clock(every, 120.0, 100.0, 1e-3)
    assert (config.training.evaluations, config.training.evaluate_tokens) == (0, 9)
    twice = configure("small", None, None, ["data.window=10", "data.batch=10", "training.accumulate=2"], {})
    assert with_clock(twice, 120.0, 100.0, 1e-3).training.steps == 141
    all_of_it = configure("small", None, None, ["training.evaluate_tokens=0"], {})
    assert with_clock(all_of_it, 120.0, 100.0, 1e-7).training.evaluate_tokens == 13_636_363
