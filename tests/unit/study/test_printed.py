"""Every figure of the document beside ours: the list, the rule by which one is reproduced, and what is measured."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from studies.founding import document, figure_runs
from studies.founding.labels import labels, translations
from studies.founding.printed import printed
from studies.founding.printed_parts import CHANNELS, large, norm_share
from studies.founding.printed_section import printed_data, read_figures
from studies.founding.reproduced import VERDICTS, compare_all
from studies.founding.tables import tables

from newllm.errors import UserError
from newllm.statistics import prediction_interval
from newllm.study import load_results, load_study, plan
from newllm.study.cell import train_cell
from newllm.study.cell_recording import no_signals
from newllm.study.record import read_record
from newllm.training.run import RunDirectory

STUDY = Path(__file__).parents[3] / "studies" / "founding"


def figure_row(arm: str, seed: int, **changes) -> dict:
    """A run whose every loss is 5 nats and a little, by seed."""
    loss = 5.0 + 0.1 * seed
    series = [loss] * 51
    return {
        "arm": arm, "seed": seed, "data": f"set-{seed}", "train_loss": series, "validation_loss": series,
        "best_validation": loss, "correct": [6] * 51, "targets": {"train": 132, "validation": 35}, "words": 91,
        "parameters": document.PARAMETERS[arm],
        "context": {name: [0.5 + seed] * 51 for name in ("mean", "std", "norm")},
        **changes,
    }  # fmt: skip


def compared(changes=None, seeds: int = 6) -> dict[str, Any]:
    """Compare everything with such runs; `changes` are of the figures' rows."""
    arms = [{"name": arm} for arm in document.PARAMETERS]
    rows = [figure_row(arm["name"], seed, **(changes or {})) for arm in arms for seed in range(seeds)]
    best = [
        {"arm": arm, "seed": seed, "data": f"set-{seed}", "best_validation": loss + 0.01 * seed, "best_epoch": 18}
        for arm, loss in document.BEST_VALIDATION.items()
        for seed in range(seeds)
    ]
    results = {"arms": [{"name": arm} for arm in document.BEST_VALIDATION], "rows": best}
    return {one.printed.id: one for one in compare_all(results, {"arms": arms, "rows": rows})}


def test_every_figure_has_one_id_a_place_and_words() -> None:
    figures = printed()
    assert len({figure.id for figure in figures}) == len(figures)
    assert all(figure.section in {"1", "2", "3A", "3B", "3C", "3D", "4", "6", "table"} for figure in figures)
    measured = {figure.measure for figure in figures if figure.measure}
    assert measured == set(labels("en").measures)
    assert {figure.reason for figure in figures if figure.reason} == set(labels("en").reasons_not_compared)
    assert all(bool(figure.measure) != bool(figure.reason) for figure in figures)


def test_the_list_has_the_contexts_and_both_epochs_of_experiment_2_as_they_are_printed() -> None:
    texts = {figure.id: figure.text for figure in printed()}
    assert [texts[f"baseline/epoch-50/context_{name}"] for name in ("mean", "std", "norm")] == [
        "-0.0539", "0.6230", "7.1440",
    ]  # fmt: skip
    assert texts["experiment2/epoch-19/train_loss"] == "5.2175"
    assert texts["experiment2/epoch-50/validation_perplexity"] == "2364.34"
    assert texts["baseline/epoch-19/validation_loss"] == "11.1040"


def test_the_printed_perplexities_and_rises_are_those_of_the_printed_losses() -> None:
    for train, train_perplexity, validation, validation_perplexity in document.EPOCHS_OF_EXPERIMENT_2.values():
        assert math.exp(float(train)) == pytest.approx(float(train_perplexity), rel=2e-4)
        assert math.exp(float(validation)) == pytest.approx(float(validation_perplexity), rel=2e-4)
    for (run, epoch), percent in document.RISES.items():
        losses = dict(document.CURVES[run])
        assert round(100 * (losses[epoch] / losses[epoch - 1] - 1)) == percent


def test_a_loss_inside_the_prediction_interval_is_reproduced_and_one_outside_is_not() -> None:
    found = compared()
    one = found["experiment2/epoch-19/train_loss"]  # 5.2175 between 5.0 and 5.5
    assert (one.verdict, one.runs) == ("reproduced", 6)
    expected: Any = prediction_interval([math.log(5.0 + 0.1 * seed) for seed in range(6)])
    assert one.one_more.low == pytest.approx(math.exp(expected.low))
    assert one.one_more.high == pytest.approx(math.exp(expected.high))
    assert found["baseline/epoch-20/validation_loss"].verdict == "not reproduced"  # 14.7028
    assert found["baseline/epoch-20/validation_loss"].ours.estimate == pytest.approx(5.25)


def test_the_loss_and_the_perplexity_of_an_epoch_have_one_verdict() -> None:
    for shift in np.linspace(-1.5, 1.5, 13):
        losses = [5.7 + shift + 0.05 * (seed - 2.5) for seed in range(6)]
        rows = [figure_row("experiment2", seed, validation_loss=[losses[seed]] * 51) for seed in range(6)]
        base = {"arms": [{"name": "experiment2"}, {"name": "baseline"}], "rows": [*rows, figure_row("baseline", 0)]}
        found = {one.printed.id: one for one in compare_all({"arms": [], "rows": []}, base)}
        loss, perplexity = (found[f"experiment2/epoch-19/validation_{name}"] for name in ("loss", "perplexity"))
        assert loss.verdict == perplexity.verdict
        ends: Any = loss.one_more
        seen: Any = perplexity.one_more
        assert (seen.low, seen.high) == pytest.approx((math.exp(ends.low), math.exp(ends.high)))


def test_a_perplexity_has_the_median_of_its_loss() -> None:
    losses = (5.2, 6.0, 7.5, 12.4, 14.8, 21.0)
    rows = [figure_row("experiment2", seed, validation_loss=[losses[seed]] * 51) for seed in range(6)]
    base = {"arms": [{"name": "experiment2"}], "rows": rows}
    found = {one.printed.id: one.ours for one in compare_all({"arms": [], "rows": []}, base)}
    loss: Any = found["experiment2/epoch-11/validation_loss"]
    perplexity: Any = found["experiment2/epoch-11/validation_perplexity"]
    assert loss.estimate == pytest.approx(9.95)
    assert [perplexity.estimate, perplexity.low, perplexity.high] == pytest.approx(
        [math.exp(value) for value in (loss.estimate, loss.low, loss.high)]
    )


def test_two_runs_that_lie_far_apart_give_an_interval_without_an_upper_end() -> None:
    rows = [figure_row("experiment2", seed, validation_loss=[loss] * 51) for seed, loss in enumerate((5.0, 30.0))]
    base = {"arms": [{"name": "experiment2"}], "rows": rows}
    found = {one.printed.id: one for one in compare_all({"arms": [], "rows": []}, base)}
    one: Any = found["experiment2/epoch-11/validation_perplexity"]
    assert (one.verdict, one.one_more.high) == ("reproduced", math.inf)
    assert one.says_little
    assert not found["experiment2/epoch-19/train_loss"].says_little  # 5 and 5.1
    assert [large(value) for value in (math.inf, 1.034e16, 378_300_000, 32_510, 2182, 0.0785, 50)] == [
        "∞", "1.03e16", "3.78e8", "32500", "2180", "0.0785", "50",
    ]  # fmt: skip


def test_counts_must_be_equal_and_rounding_is_allowed_for() -> None:
    found = compared()
    assert found["baseline/parameters"].verdict == "reproduced"
    assert found["experiment2/parameters_by_the_baseline's"].verdict == "reproduced"  # 4.003 is printed as 4
    assert found["baseline/accuracy"].verdict == "reproduced"  # 6/35 is printed as 0.1714
    assert found["all/vocabulary"].verdict == "reproduced"
    assert compared({"words": 92})["all/vocabulary"].verdict == "not reproduced"
    assert compared({"correct": [7] * 51})["baseline/accuracy"].verdict == "not reproduced"


def test_a_single_run_and_a_run_that_ended_before_cannot_be_compared() -> None:
    one = compared(seeds=1)["baseline/epoch-17/validation_loss"]
    assert (one.verdict, one.runs) == ("cannot be compared", 1)
    short = compared({"validation_loss": [5.0] * 10})
    assert short["baseline/epoch-17/validation_loss"].verdict == "cannot be compared"
    assert {one.verdict for one in compared().values()} == set(VERDICTS)


def test_the_documents_context_statistics_are_of_several_vectors_of_unlike_lengths() -> None:
    shares = {run: norm_share([*map(float, document.CONTEXTS[run])], channels) for run, channels in CHANNELS.items()}
    assert shares == {"baseline": pytest.approx(0.714, abs=5e-4), "experiment2": pytest.approx(0.791, abs=5e-4)}
    assert norm_share([*map(float, document.CONTEXTS["experiment2"])], 256) > 1  # no 256 numbers can have these


def test_a_prediction_interval_holds_one_more_number_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 7))
    inside = 0
    for *known, one_more in draws:
        found: Any = prediction_interval(known)
        inside += found.low <= one_more <= found.high
    assert inside / len(draws) == pytest.approx(0.95, abs=0.012)
    assert prediction_interval([2.0]).low is None


def test_figures_of_another_study_are_refused(tmp_path) -> None:
    assert read_figures(tmp_path) is None
    (tmp_path / "figures.json").write_text(json.dumps({"schema": 1, "study": "founding"}))
    with pytest.raises(UserError, match="of the study 'founding': copy"):
        read_figures(tmp_path)
    for damaged in ({}, {"arms": [], "seeds": 1, "sets": [], "environment": {}, "rows": [{"arm": "baseline"}]}):
        (tmp_path / "figures.json").write_text(json.dumps({"schema": 1, "study": "founding-figures", **damaged}))
        with pytest.raises(UserError, match="run `newllm study founding-figures` again"):
            read_figures(tmp_path)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_section_says_which_figures_are_not_reproduced_and_what_the_others_are_worth(language) -> None:
    words = labels(language)
    results = load_results(STUDY / "results.json")
    figures: Any = read_figures(STUDY)
    compared = compare_all(results, figures)
    said = printed_data(results, figures, [language])[language]
    missed = [one for one in compared if one.verdict == "not reproduced"]
    assert missed
    for one in missed:
        label = words.measures[one.printed.measure].format(epoch=one.printed.epoch)
        assert f"{one.printed.run}{words.colon}{label}" in said["texts"][1]
    wide = sum(one.says_little for one in compared if one.verdict == "reproduced")
    worth = said["texts"][3]
    assert re.findall(r"\d+", worth)[:3] == ["8", "6", str(wide)]
    wrong, *_ = document.perplexities()
    assert f"{wrong.listed:,}" in worth  # of another run, by the document's own losses
    cells = [cell for table in said["tables"] for row in table["rows"] for cell in row]
    assert not any(re.match("100%\\W+3D", cell) for cell in cells)  # the document prints no such number
    for table in said["tables"]:
        assert all(0 < column < len(table["header"]) for column in table["words"])


def test_the_figures_cells_train_as_the_founding_studys_do_and_add_the_contexts(tmp_path) -> None:
    study = load_study("founding-figures")
    small = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=2")
    study = dataclasses.replace(study, arms=(dataclasses.replace(study.arms[0], epochs=3, settings=small),))
    (cell,) = plan(study, tmp_path, 1)
    torch.manual_seed(5)
    record, plain = (
        read_record(RunDirectory(tmp_path / name), train_cell(cell.config, tmp_path / name, signals))
        for name, signals in (("figures", study.signals), ("plain", no_signals))
    )
    for name in ("train", "validation", "probe"):
        assert record[name] == plain[name]
    row = figure_runs.outcomes(record, None)
    ends = row["contexts"]["validation, ends"]
    assert ends == {name: row["context"][name][-1] for name in ("mean", "std", "norm")}
    assert row["targets"] == {"train": 132, "validation": 35}
    assert row["words"] == 91
    norms = plain["probe"]["context_norm"][-1]
    assert [row["norm_by_position"][at] for at in (0, 1, 3, -1)] == [*norms[:3], norms[-1]]
    for one in row["contexts"].values():
        assert norm_share([one["mean"], one["std"], one["norm"]], 12) <= 1 + 1e-4
    # 31 positions of each of 6 sentences: the last of them are the ends of the padding.
    assert len(row["contexts"]) == 6
    assert len(row["context"]["norm"]) == 4


def test_the_japanese_report_says_every_claim_arm_and_number_in_japanese() -> None:
    results = load_results(STUDY / "results.json")
    said = results["translations"]["ja"]
    assert said == translations()["ja"]
    for table in tables(results):
        assert [text for text in (table.title, *table.header) if text not in said] == []
    texts = [results["title"], *(arm["claim"] for arm in results["arms"])]
    for claim in results["claims"]:
        texts += [claim["text"], claim["measure"], *claim["numbers"]]
    assert [text for text in texts if text not in said] == []
    assert labels("en").study_title == results["title"]
