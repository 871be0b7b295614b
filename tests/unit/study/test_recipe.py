"""The study of the recipe: arms at equal tokens and at equal time, what decides, its table, its Japanese."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from studies.recipe import arms as recipe
from studies.recipe.claims import lower, students_p
from studies.recipe.tables import HEADER, TEXT, TITLE, tables

from newllm.messages import catalogue
from newllm.statistics import mean_interval
from newllm.study import decide, load_study, plan, run_study
from newllm.study.design import Row
from newllm.training.config import RunConfig
from newllm.words.studies import own_table

STUDY = load_study("recipe")
ARMS = {arm.name: arm for arm in STUDY.arms}
LENGTHS = {  # updates of an arm at equal time, by its change: those of the defaults through its cost
    "defaults": {"matrices": 259, "ngrams": 280, "ngrams-decay": 280, "pairs": 286, "together": 238, "muon": 224},
    "long": {
        "matrices": 1552,
        "ngrams": 1682,
        "ngrams-decay": 1682,
        "pairs": 1714,
        "muon": 1343,
        "muon-decay": 1343,
    },
}
DIFFERENT = {
    "matrices": {"model.rule": "gated,gated,delta,gated"},
    "ngrams": {"model.ngram_rows": 8192},
    "ngrams-decay": {"model.ngram_rows": 8192, "optimizer.ngram_decay": 3.0},
    "pairs": {"model.ngram_rows": 8192, "model.ngram_longest": 2},
    "together": {"model.rule": "gated,gated,delta,gated", "model.ngram_rows": 8192},
    "muon": {"optimizer.name": "muon"},
    "decay": {"optimizer.weight_decay": 1.0, "optimizer.final": 0.0},
    "muon-decay": {"optimizer.name": "muon", "optimizer.weight_decay": 1.0, "optimizer.final": 0.0},
    "tied": {"model.tied_embeddings": True},
    "embedding": {"model.initialisation": "scaled-embedding"},
}


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunConfig]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(tmp_path_factory.mktemp("cache")))
        return {cell.arm: cell.config for cell in plan(STUDY, tmp_path_factory.mktemp("texts"), 1)}


def flat(config: RunConfig) -> dict[str, Any]:
    """Return all settings by their dotted names, but for how long a run is."""
    parts = {part: value for part, value in dataclasses.asdict(config).items() if isinstance(value, dict)}
    found = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
    return {name: value for name, value in found.items() if not name.startswith("training.")}


def rows(arm: str, losses: list[float], **more: Any) -> list[Row]:
    return [{"arm": arm, "seed": n, "data": "t", "last_validation": loss, **more} for n, loss in enumerate(losses)]


def test_an_arm_at_equal_time_has_as_many_updates_as_its_cost_allows(configs) -> None:
    found = {name: config.training.steps for name, config in configs.items() if name.endswith("-time")}
    short = {f"{change}-time": updates for change, updates in LENGTHS["defaults"].items()}
    assert found == short | {f"long-{change}-time": updates for change, updates in LENGTHS["long"].items()}
    others = {name: config.training.steps for name, config in configs.items() if name not in found}
    assert others == {name: 1800 if name.startswith("long") else 300 for name in others}


def test_all_arms_have_updates_of_2048_tokens_of_preset_small(configs) -> None:
    sizes = {(c.preset, c.data.batch * c.data.window * c.training.accumulate) for c in configs.values()}
    assert sizes == {("small", recipe.TOKENS)} == {("small", 2048)}
    assert {config.numerics.threads for config in configs.values()} == {1}


def test_an_arm_differs_from_its_control_in_its_change_alone(configs) -> None:
    for name, config in configs.items():
        if not (control := ARMS[name].control):
            assert name in recipe.UPDATES
            continue
        before = flat(configs[control])
        change = name.removeprefix("long-").removesuffix("-time")
        assert {key: value for key, value in flat(config).items() if value != before[key]} == DIFFERENT[change]


def test_each_change_is_decided_once_at_equal_time_and_once_at_equal_tokens() -> None:
    for claim in STUDY.claims:
        changed, control = claim.arms
        assert ARMS[changed].control == control
        assert (claim.needs, claim.compares) == (5, True)
    decided = sorted(claim.arms[0] for claim in STUDY.claims)
    assert decided == sorted(arm.name for arm in STUDY.arms if arm.control)
    assert len({claim.id for claim in STUDY.claims}) == len(STUDY.claims)


def test_a_claim_that_says_equal_time_is_decided_by_the_arm_that_has_it() -> None:
    said = {claim.arms[0]: claim.text for claim in STUDY.claims}
    assert "at equal time (300 updates)" in said["matrices-time"]
    assert "at equal tokens (300 updates)" in said["matrices"]
    assert "at equal tokens, which take equal time (300 updates)" in said["decay"]
    assert "at equal time (1,800 updates)" in said["long-muon-time"]


CONTROL = [1.500, 1.510, 1.490, 1.505, 1.495]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ([-0.020, -0.022, -0.018, -0.021, -0.019], "holds"),
        ([0.020, 0.022, 0.018, 0.021, 0.019], "does not hold"),
        ([-0.020, 0.022, -0.018, 0.021, 0.000], "undecided"),
        ([-0.020, -0.022, -0.018, -0.021], "undecided"),
    ],
)
def test_five_seeds_decide_and_four_do_not(changes: list[float], verdict: str) -> None:
    changed = [loss + change for loss, change in zip(CONTROL, changes, strict=False)]
    found = {
        claim["id"]: claim
        for claim in decide(STUDY, [*rows("defaults", CONTROL[: len(changes)]), *rows("matrices-time", changed)])
    }
    assert found["matrices"]["verdict"] == verdict
    if len(changes) == 5:
        assert found["matrices"]["numbers"]["difference"][0] == pytest.approx(-sum(changes) / 5)
    assert found["ngrams"]["numbers"] == {"not_run": ["ngrams-time"]}


def test_the_interval_and_the_p_value_agree() -> None:
    for spread in (0.010, 0.017, 0.018, 0.03):  # at 0.0177 the interval's end is at 0
        differences = [0.01 + spread * part for part in (-0.8, -0.3, 0.0, 0.4, 0.7)]
        interval = mean_interval(differences)
        assert interval.low is not None
        assert (students_p(differences) < 0.05) == (interval.low > 0)


def test_differences_without_a_spread_have_a_p_value_too() -> None:
    assert students_p([0.0, 0.0, 0.0]) == 1.0
    assert 0 < students_p([0.1, 0.1, 0.1]) < 1e-9


def test_lower_compares_seed_by_seed() -> None:
    given = {"matrices": rows("matrices", [1.0, 2.0, 3.0]), "defaults": rows("defaults", [1.1, 2.2, 3.3])}
    found = lower(given, "matrices", "defaults")
    assert found.verdict == "holds"
    assert found.numbers["difference"][0] == pytest.approx(0.2)


def test_the_table_has_updates_readings_time_and_gains() -> None:
    more = {"parameters": 3351553, "train_tokens": 1_000_000}
    results = {
        "arms": [
            {"name": name, "settings": list(ARMS[name].settings), "epochs": 1, "control": ARMS[name].control}
            for name in ("defaults", "muon-time", "tied")
        ],
        "rows": [
            *rows("defaults", [1.5, 1.6, 1.7], seconds=60.0, **more),
            *rows("muon-time", [1.4, 1.5, 1.6], seconds=61.4, **more),
            *rows("tied", [1.75], seconds=50.0, **more),
        ],
    }
    (table,) = tables(results)
    assert list(map(tuple, table.rows)) == [
        ("defaults", "3,351,553", "300", "0.61", "60", "1.6000", ""),
        ("muon-time", "3,351,553", "224", "0.46", "61", "1.5000", "0.1000 [0.1000, 0.1000]"),
        ("tied", "3,351,553", "300", "0.61", "50", "1.7500", "-0.2500"),
    ]


def test_all_that_it_says_is_there_in_japanese() -> None:
    said = {STUDY.title, TITLE, TEXT, *HEADER, *(arm.purpose for arm in STUDY.arms)}
    said |= {text for claim in STUDY.claims for text in (claim.text, claim.measure)}
    japanese = STUDY.translations["ja"]
    assert said - set(japanese) == set()
    assert all(any(ord(letter) > 0x3000 for letter in japanese[text]) or text == "Muon." for text in said)
    table = tables({"arms": [], "rows": []})[0]
    assert own_table(table, {"translations": STUDY.translations}, catalogue("ja")).header[0] == "条件"


@pytest.mark.slow
def test_it_runs_on_a_text_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{n} times {n} is {n * n}.\n" for n in range(3000)))
    few = ("training.evaluate_every=2", "data.window=32", "data.batch=2", "model.width=64", "model.hidden=64")
    arms = tuple(
        dataclasses.replace(ARMS[name], settings=(*ARMS[name].settings, "model.layers=4", "model.context=64", *few))
        for name in recipe.QUICK
    )
    study = dataclasses.replace(STUDY, arms=arms, sets=(str(text),))
    results = run_study("recipe", tmp_path / "out", study=study, seeds=1)
    assert [row["arm"] for row in results["rows"]] == list(recipe.QUICK)
    assert all(row["seconds"] > 0 and row["train_tokens"] > 40_000 for row in results["rows"])
    assert len({row["parameters"] for row in results["rows"]}) == 3
    kept = json.loads((tmp_path / "out/tables.json").read_text())["tables"]
    assert [row[0] for row in kept[0]["rows"]] == list(recipe.QUICK)
