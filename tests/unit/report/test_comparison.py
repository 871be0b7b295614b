"""Several runs on a page: seeds together as one arm, differences with intervals, nothing of a run obeyed."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.checksum import write_checked
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.run_settings import settings_of
from newllm.messages import catalogue, quoted
from newllm.report.charts.chart import Curves, Section
from newllm.report.sections.comparison import comparison
from newllm.report.several.compared import member_of
from newllm.report.source import Source
from newllm.report.source.numbers import number_in
from newllm.statistics import mean_interval
from newllm.trace import Finding, Series, Trace

EN, JA = catalogue("en"), catalogue("ja")
STEPS = np.arange(0, 101, 10)
HOSTILE = '</script><img src=x onerror=alert(1)>\u202e"'


def source(name: str, seed: int | None = 0, gain: float = 4.0, *, rate: float = 1e-3, axis: str = "step") -> Source:
    """Make a run whose validation loss falls by `gain`; without a seed a log of someone else's."""
    chance = np.random.default_rng(seed)
    loss = 8 - gain * STEPS / 100 + chance.normal(0, 0.05, len(STEPS))
    signals = {"loss": Series(STEPS[1:], loss[1:]), "validation_loss": Series(STEPS, loss + 0.5)}
    summary = {"step": 100, "tokens": 6400, "seconds": 5 / rate / 1000, "parameters": 123, "tokens_per_second": 1280.0}
    config = {"seed": seed, "model": {"rule": "ema"}, "optimizer": {"learning_rate": rate}}
    known: dict[str, Any] = {"summary": summary, "config": config} if seed is not None else {}
    return Source(Path(name), name, trace=Trace(signals, axis=axis), **known)


RUNS = [
    *(source(f"fast-{seed}", seed) for seed in range(3)),
    *(source(f"slow-{seed}", seed, 2.0, rate=5e-4) for seed in range(3)),
]


@pytest.fixture(scope="module")
def made() -> Section:
    """Two arms of three seeds."""
    section = comparison(RUNS, EN)
    assert section is not None
    return section


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def charts(section: Section) -> dict[str, Curves]:
    found = {chart.id: chart for chart in section.charts}
    assert all(isinstance(chart, Curves) for chart in found.values())
    return found  # pyrefly: ignore[bad-return]


def test_a_single_run_has_nothing_to_compare():
    assert comparison(RUNS[:1], EN) is None
    assert comparison([], EN) is None
    assert comparison([RUNS[0], source("other", None, axis="epoch")], EN) is None


def test_the_first_arm_is_the_control_and_seeds_are_counted(made: Section):
    told = text_of(made.html)
    assert "6 runs, 2 arms. The control is learning_rate 0.001." in told
    assert "learning_rate 0.001 3 seeds" in told
    assert "learning_rate 5e-4 3 seeds" in told


def test_the_difference_is_paired_and_says_on_which_side_it_lies(made: Section):
    bests = [[member_of(one).numbers["best_validation"] for one in RUNS[at : at + 3]] for at in (0, 3)]
    found = mean_interval([second - first for first, second in zip(*bests, strict=True) if first and second])
    assert f"+{found.estimate:.3g}" in made.html
    assert f"{found.low:.3g}" in made.html
    assert "3 pairs, higher" in text_of(made.html)


def test_what_is_the_same_for_all_stands_once(made: Section):
    table = text_of(made.html[made.html.index("<table>") : made.html.index("</table>")])
    assert "Parameters" not in table
    assert "Parameters 123" in text_of(made.html)
    assert "Step reaching the control" in table
    assert "never" in table


def test_only_what_differs_in_the_configurations_is_told(made: Section):
    assert "<code>optimizer.learning_rate</code>" in made.html
    assert "model.rule" not in made.html
    assert "seed</code>" not in made.html


def test_an_arm_is_its_mean_with_a_band_over_its_faint_runs(made: Section):
    lines = charts(made)["compare-validation"].lines
    assert [line.faint for line in lines] == [False, True, True, True] * 2
    mean, *runs = lines[:4]
    assert mean.low is not None
    assert mean.high is not None
    assert mean.y == pytest.approx(np.mean([run.y for run in runs], axis=0))
    assert (mean.low < mean.y).all()
    assert len({line.name for line in lines}) == 8
    assert len({lines[0].colour, lines[4].colour}) == 2


def test_the_difference_is_drawn_over_zero(made: Section):
    chart = charts(made)["compare-difference"]
    zero, line = chart.lines
    assert zero.y.tolist() == [0, 0]
    assert line.low is not None
    assert line.y[-1] > 1
    assert not chart.log


def test_where_steps_take_another_time_validation_is_drawn_by_time_too(made: Section):
    drawn = charts(made)
    assert "compare-tokens" not in drawn  # a step has as many tokens in both
    ends = [line.x[-1] for line in drawn["compare-seconds"].lines if not line.faint]
    assert ends == pytest.approx([5.0, 10.0])


def test_at_equal_progress_every_run_is_drawn_with_x_rising(made: Section):
    lines = charts(made)["compare-progress"].lines
    assert len(lines) == 6
    for line in lines:
        assert (np.diff(line.x.astype(np.float32)) > 0).all()


def test_all_charts_can_be_sent(made: Section):
    json.dumps(made.as_dict(), allow_nan=False)


def test_logs_without_a_configuration_are_compared_run_by_run():
    section = comparison([source("a.csv", None), source("b.csv", None)], JA)
    assert section is not None
    told = text_of(section.html)
    assert "2実行、2条件。対照はa.csv。" in told
    assert "設定が分からないため" in told
    assert "ログには設定がない" in told


def recording(place: Path, code: str, *arguments: str, **settings: Any) -> Source:
    """Make a recording of a program of somebody's own, whose code is kept."""
    place.mkdir()
    about = {"main": "train.py", "module": None, "directory": "/here", "root": "/here", "out": f"/here/{place.name}"}
    kept = {"files": {"train.py": code}, "data": {}, "versions": {}, "left_out": 0, "arguments": list(arguments)}
    write_checked(place / "program.json", {"schema": 1, **about, **kept})
    signals = {"loss": Series(STEPS[1:], 1 / STEPS[1:]), "validation_loss": Series(STEPS, 2 / (STEPS + 1.0))}
    facts = Facts(settings=settings_of({}, {"config": settings}))
    return Source(place, place.name, own=True, trace=Trace(signals), facts=facts)


def test_recordings_of_one_program_are_an_arm_where_they_differ_by_the_seed(tmp_path):
    said = {"lr": 0.1, "log_every": 10}
    sources = [
        recording(tmp_path / "one", "lr = args.lr", "--out", "one", "--seed", "1", **said, seed=1),
        recording(tmp_path / "two", "lr = args.lr", "--out", "two", "--seed", "2", **said, seed=2),
        recording(tmp_path / "lower", "lr = args.lr", "--lr", "0.05", **(said | {"lr": 0.05}), seed=1),
        recording(tmp_path / "other", "lr = args.lr / 2", "--seed", "1", **said, seed=1),
    ]
    assert [member_of(one).seed for one in sources] == [1, 2, 1, 1]
    assert sorted(member_of(sources[0]).settings) == ["lr", "program", "seed"]
    section = comparison(sources, EN)
    assert section is not None
    assert "4 runs, 3 arms" in text_of(section.html)
    assert re.search(r"<code>lr</code>.*0\.1.*0\.05", section.html)
    assert "<code>program</code>" in section.html
    assert EN("compare-unknown", runs="") not in section.html


def test_recordings_without_their_code_are_compared_run_by_run(tmp_path):
    sources = [recording(tmp_path / name, "x = 1", lr=0.1) for name in ("one", "two")]
    for one in sources:
        (one.path / "program.json").unlink()
    section = comparison(sources, EN)
    assert section is not None
    assert "The settings of these runs are not known" in text_of(section.html)


def test_runs_whose_steps_count_something_else_are_named():
    section = comparison([*RUNS[:2], source("by-epoch", None, axis="epoch")], EN)
    assert section is not None
    assert "count something else: by-epoch" in text_of(section.html)


def test_a_seed_that_was_run_twice_is_named_and_counts_once():
    section = comparison([RUNS[0], RUNS[1], source("again", 1)], EN)
    assert section is not None
    assert "count once: again" in text_of(section.html)
    assert "2 seeds" in text_of(section.html)


def test_findings_are_counted_by_severity():
    faulty = source("a", 0)
    faulty = Source(
        faulty.path, "a", trace=faulty.trace, findings=(Finding(kind="spike", severity="fault", sentence=quoted("")),)
    )
    section = comparison([faulty, RUNS[0]], EN)
    assert section is not None
    assert "1 fault" in section.html
    assert "none" in section.html


def test_a_diverged_run_keeps_its_place_and_ends_as_nan():
    bad = source("bad", 1)
    bad.trace.signals["validation_loss"].value[5:] = np.nan
    section = comparison([RUNS[0], bad], EN)
    assert section is not None
    assert np.isnan(charts(section)["compare-validation"].lines[0].y).any()
    json.dumps(section.as_dict(), allow_nan=False)


def test_runs_of_one_arm_have_a_band_and_no_difference():
    section = comparison(RUNS[:3], EN)
    assert section is not None
    assert "3 runs of one arm" in text_of(section.html)
    assert "Difference from the control" not in section.html
    assert set(charts(section)) == {"compare-validation", "compare-training", "compare-progress"}


def test_nothing_in_a_run_is_obeyed():
    config = {"seed": 0, HOSTILE: HOSTILE, "model": {HOSTILE: [HOSTILE]}}
    bad = Source(
        Path("x"), HOSTILE, trace=RUNS[0].trace, config=config, summary={"step": "x", "tokens": [], "seconds": True}
    )
    section = comparison([RUNS[0], bad], EN)
    assert section is not None
    assert "<img" not in section.html
    assert "\u202e" not in section.html
    assert "\u202e" not in json.dumps([line.label for chart in charts(section).values() for line in chart.lines])


def test_numbers_of_a_file_that_nobody_checked():
    assert number_in({"a": {"b": 2}}, "a", "b") == 2.0
    for bad in ({"a": 3}, {"a": {"b": True}}, {"a": {"b": "2"}}, {"a": {"b": 10**400}}, {"a": {"b": float("nan")}}, {}):
        assert number_in(bad, "a", "b") is None


def test_a_recorders_run_has_its_parameters_too():
    recorded = replace(source("hf"), summary={}, facts=Facts(parameters=112_384))
    assert member_of(recorded).numbers["parameters"] == 112_384


def test_nats_of_different_tokens_are_not_subtracted():
    runs = [source("bytes", 0), source("words", 0, 2.0, rate=5e-4)]
    data = [{"tokenizer": {"name": name}, "sources": [{"name": name, "sha256": name}]} for name in ("bytes", "word")]
    told = comparison([replace(run, data=one) for run, one in zip(runs, data, strict=True)], EN)
    alike = comparison([replace(run, data=data[0]) for run in runs], EN)
    assert told is not None
    assert alike is not None
    assert EN("compare-other_tokens") in text_of(told.html)
    assert EN("compare-other_texts") in text_of(told.html)
    assert "compare-difference" not in charts(told)
    assert EN("compare-to_control") not in told.html
    assert "compare-difference" in charts(alike)
    assert EN("compare-to_control") in alike.html


def test_losses_of_other_units_share_no_chart_and_bits_per_byte_do():
    steps = np.arange(0, 101, 10)
    runs = [source("bytes", 0), source("bytes-2", 0, rate=2e-3), source("words", 0, 2.0, rate=5e-4)]
    for run in runs:
        run.trace.signals["validation_bits_per_byte"] = Series(steps, np.ones(len(steps)))
    names = ("bytes", "bytes", "words")
    section = comparison([replace(run, data={"tokenizer": name}) for run, name in zip(runs, names, strict=True)], EN)
    assert section is not None
    drawn = {name: [line.label for line in chart.lines] for name, chart in charts(section).items()}
    assert drawn["compare-bits"] == ["bytes", "bytes-2", "words"]
    assert drawn["compare-validation"] == drawn["compare-training"] == ["bytes", "bytes-2"]
    assert charts(section)["compare-bits"].unit == EN("unit-bits-per-byte")


def test_the_same_seed_again_is_shown_and_counts_once():
    again = replace(RUNS[0], name="once more")
    section = comparison([RUNS[0], again], EN)
    assert section is not None
    label = EN("compare-again", name="once more")
    assert [(line.label, line.faint) for line in charts(section)["compare-validation"].lines][1:] == [(label, True)]
    assert label in text_of(section.html)
    assert EN("compare-repeated", runs="once more") in text_of(section.html)


def test_who_was_not_diagnosed_counts_as_no_healthy_run():
    unknown = [replace(one, judged=False) for one in RUNS]
    section = comparison([*RUNS[:2], unknown[2], *unknown[3:]], EN)
    assert section is not None
    assert "none (2 of 3 diagnosed)" in section.html
    assert "not diagnosed" in section.html
    whole = comparison(unknown, EN)
    assert whole is not None
    assert "not diagnosed" in whole.html
    assert "none" not in whole.html


def test_an_arm_that_lacks_a_signal_hides_no_later_one():
    without = [source(f"none-{seed}", seed, rate=2e-3) for seed in range(2)]
    for one in without:
        del one.trace.signals["validation_loss"]
    section = comparison([*RUNS[:2], *without, *RUNS[3:5]], EN)
    assert section is not None
    assert [line.name for line in charts(section)["compare-validation"].lines if not line.faint] == ["arm-0", "arm-2"]
    assert [line.name for line in charts(section)["compare-training"].lines if not line.faint] == [
        "arm-0",
        "arm-1",
        "arm-2",
    ]


def better_of(*runs: Source) -> str:
    section = comparison(runs, EN)
    assert section is not None
    found = re.search(r'<p class="better">(.*?)</p>', section.html)
    return text_of(found[1]) if found else ""


def test_the_better_arm_is_named_first_and_how_certain_that_is():
    said = better_of(*RUNS)
    assert said.startswith("learning_rate 0.001 is better: Best validation loss 4.")
    assert "for the mean of 3 shared seeds" in said
    assert "excludes 0" in said
    alike = [replace(one, config={**one.config, "optimizer": {"learning_rate": 0.5}}) for one in RUNS[:3]]
    near = [
        replace(
            one, trace=Trace({name: Series(of.step, of.value + 1e-3 * at) for name, of in one.trace.signals.items()})
        )
        for at, one in zip((5, -4, 1), alike, strict=True)
    ]
    assert "includes 0" in better_of(*RUNS[:3], *near)
    assert "not certain: one run of each" in better_of(RUNS[0], RUNS[3])
    assert "do equally well" in better_of(RUNS[0], alike[0])
    assert better_of(RUNS[0], source("a-log", None)).startswith(("a-log", RUNS[0].name))


def test_nothing_is_better_where_losses_cannot_be_compared():
    other = replace(RUNS[3], data={"vocabulary": 50_000}, facts=Facts(vocabulary=50_000))
    first = replace(RUNS[0], facts=Facts(vocabulary=256))
    section = comparison([first, other], EN)
    assert section is not None
    assert ('class="better"' in section.html) == (EN("compare-other_tokens") not in text_of(section.html))
