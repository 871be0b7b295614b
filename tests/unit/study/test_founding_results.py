"""The committed results: every verdict follows from the rows, every number on the pages from results and replay."""

from pathlib import Path
from typing import Any

import pytest
from studies.founding import STUDY, figure_runs
from studies.founding.page import PAGES, page, write
from studies.founding.printed_section import printed_data, read_figures
from studies.founding.replay_file import read_replay

from newllm.checksum import opened, sealed
from newllm.study import claims_table, decide, load_results
from newllm.study.rounding import rounded
from newllm.study.run import write_table

FOLDER = Path(__file__).parents[3] / "studies/founding"


@pytest.fixture(scope="module")
def results():
    return load_results(FOLDER / "results.json")


def test_the_table_of_claims_follows_from_the_rows(results) -> None:
    again = decide(STUDY, results["rows"])
    assert [claim["verdict"] for claim in again] == [claim["verdict"] for claim in results["claims"]]
    for now, before in zip(again, results["claims"], strict=True):
        assert (now["id"], now["measure"], now["arms"]) == (before["id"], before["measure"], before["arms"])
        assert now["p"] == pytest.approx(before["p"])
        assert rounded(now["numbers"], 5) == rounded(before["numbers"], 5)
        assert (now["text"], now["p_holm"]) == (before["text"], pytest.approx(before["p_holm"]))


@pytest.mark.parametrize("name", ["results.json", "figures.json", "replay.json", "printed.json", "study.json"])
def test_every_file_that_is_read_back_has_its_checksum(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert content in (sealed(opened(content)), sealed(opened(content), indent=2))


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_follow_from_the_results_and_the_replay(results, name: str) -> None:
    assert page(results, name, read_replay(FOLDER), read_figures(FOLDER)) == (FOLDER / name).read_text()


@pytest.mark.parametrize("arms", [("baseline",), ("transformer",), ("sgd",), ("baseline", "experiment2")])
def test_a_study_that_had_time_for_a_few_arms_alone_has_its_page(
    results, arms: tuple[str, ...], tmp_path: Path
) -> None:
    few: dict[str, Any] = {
        **results,
        "arms": [arm for arm in results["arms"] if arm["name"] in arms],
        "rows": [row for row in results["rows"] if row["arm"] in arms],
        "curves": {arm: curves for arm, curves in results["curves"].items() if arm in arms},
    }
    few["claims"] = decide(STUDY, few["rows"])
    write(tmp_path, few)
    for name in PAGES:
        text = (tmp_path / name).read_text()
        for picture in ("runs.png", "effects.png"):
            assert (f"({picture})" in text) == (tmp_path / picture).exists()


def test_what_a_report_shows_of_the_documents_figures_follows_from_the_results(results) -> None:
    data = printed_data(results, read_figures(FOLDER) or {}, ["en", "ja"])
    assert (FOLDER / "printed.json").read_bytes() == sealed(data, indent=2)  # with its checksum


def test_every_run_of_the_figures_was_done_with_every_seed() -> None:
    figures = read_figures(FOLDER) or {}
    cells = {(row["arm"], row["seed"]) for row in figures["rows"]}
    assert cells == {(arm, seed) for arm in figure_runs.MEASURED for seed in range(figure_runs.STUDY.seeds)}
    assert figures["failed"] == {}
    assert figures["environment"]["processor"]


def test_the_table_files_are_the_tables_of_the_results(results, tmp_path: Path) -> None:
    for table in [claims_table(results), *STUDY.tables(results)]:
        write_table(tmp_path, table)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [f"{name}.{ending}" for name in ("arms", "claims", "spikes") for ending in ("csv", "md")]
    for name in written:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_what_was_run_is_what_the_study_says(results) -> None:
    keys = {"name": "name", "purpose": "claim", "preset": "preset", "control": "control"}  # as results.json has them
    of_cells = {key: [getattr(arm, field) for arm in STUDY.arms] for field, key in keys.items()}
    assert {key: [arm[key] for arm in results["arms"]] for key in of_cells} == of_cells
    for arm, told in zip(STUDY.arms, results["arms"], strict=True):
        assert (list(arm.settings), arm.epochs, arm.variant) == (told["settings"], told["epochs"], told["variant"])
    assert (STUDY.quick_seeds, STUDY.quick_seconds, STUDY.seeds) == (2, 300.0, 10)


def test_every_arm_was_run_with_every_seed_and_no_seed_is_dropped(results) -> None:
    assert results["failed"] == {}
    cells = {(row["arm"], row["seed"]) for row in results["rows"]}
    assert cells == {(arm.name, seed) for arm in STUDY.arms for seed in range(STUDY.seeds)}
    assert set(results["sets"]) == set(STUDY.sets)
    for row in results["rows"]:
        assert row["data"] == STUDY.sets[row["seed"] % len(STUDY.sets)]
