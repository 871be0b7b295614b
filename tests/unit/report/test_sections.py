import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from newllm.messages import catalogue, quoted
from newllm.report.charts.chart import Curves, Heat, Section
from newllm.report.charts.grid import grid_of
from newllm.report.sections import SECTIONS, sections_of
from newllm.report.source import Source, read_source
from newllm.trace import Finding, Series, Trace

EN, JA = catalogue("en"), catalogue("ja")


@pytest.fixture(scope="module")
def source(whole: Path) -> Source:
    return read_source(whole)


def section(source: Source, name: str) -> Section:
    made = SECTIONS[name](source, EN)
    assert made is not None
    return made


def chart(source: Source, name: str, id: str) -> Curves | Heat:
    return next(chart for chart in section(source, name).charts if chart.id == id)


def bare(**signals: list[float]) -> Source:
    made = {name: Series(np.arange(len(values)), np.array(values)) for name, values in signals.items()}
    return Source(Path("x"), "x", trace=Trace(made))


def test_every_chart_has_its_place_and_every_id_is_used_once(source: Source) -> None:
    sections = sections_of(source, EN)
    assert [one.id for one in sections] == [name for name in SECTIONS if name not in ("others", "check")]
    charts = [chart.id for one in sections for chart in one.charts]
    placed = re.findall(r'data-chart="([^"]*)"', "".join(one.html for one in sections))
    assert placed == charts
    assert len(set(charts)) == len(charts) > 15
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in charts)


def test_ids_of_a_second_run_on_the_page_are_others(source: Source) -> None:
    first, second = (sections_of(source.numbered(at), EN) for at in (1, 2))
    ids = [one.id for made in (first, second) for each in made for one in (each, *each.charts)]
    assert len(set(ids)) == len(ids)


def test_a_section_with_nothing_to_show_is_none() -> None:
    shown = {one.id for one in sections_of(bare(loss=[3.0, 2.0, 1.0]), EN)}
    assert shown == {"verdict", "curves", "findings"}
    assert sections_of(bare(), EN) == ()


def test_the_spike_is_marked_on_the_loss_and_explained(source: Source) -> None:
    spikes = [mark for mark in chart(source, "curves", "loss").marks if mark.label == "spike (validation loss)"]
    assert [(mark.first, mark.severity) for mark in spikes] == [(120, "warning")]
    html = section(source, "findings").html
    for part in ("120", EN("finding-spike.explained").split(".")[0], EN("would_tell"), EN("alternatives"), "log ratio"):
        assert part in html


def test_a_finding_that_lasts_is_marked_where_it_begins_and_one_of_the_whole_run_nowhere() -> None:
    found = [
        Finding(kind="diverged", severity="fault", sentence=quoted("a"), first_step=30, last_step=99, signal="loss"),
        Finding(kind="plateau", severity="fault", sentence=quoted("b"), first_step=0, last_step=99, signal="loss"),
    ]
    source = dataclasses.replace(bare(loss=[1.0] * 100), findings=tuple(found))
    (mark,) = chart(source, "curves", "loss").marks
    assert (mark.first, mark.last, mark.label) == (30, 30, "diverged →")


def test_gradients_before_and_after_clipping_share_a_chart(source: Source) -> None:
    gradient = chart(source, "more-curves", "gradient")
    assert isinstance(gradient, Curves)
    assert [line.name for line in gradient.lines] == ["gradient_norm", "gradient_norm_clipped"]
    assert gradient.log


def test_training_and_validation_are_split_by_class_with_counts(source: Source) -> None:
    made = section(source, "classes")
    lines = {line.name: line.colour for chart in made.charts if isinstance(chart, Curves) for line in chart.lines}
    both = ["validation_loss/seen", "loss/seen", "validation_loss/unknown", "validation_loss/end", "loss/end"]
    assert list(lines) == both
    assert lines["loss/end"] == lines["validation_loss/end"] != lines["validation_loss/seen"]
    cells = r'<th scope="row">{}</th><td>{}</td><td>{}\xa0%</td>'
    assert re.search(cells.format("validation, unknown", 10, 33.3), made.html)
    assert re.search(cells.format("training, end of text", 30, "25.0"), made.html)
    assert EN("dashed-by-class") in made.html


def test_where_only_validation_is_split_the_whole_training_loss_stands_beside_it(source: Source) -> None:
    signals = {n: s for n, s in source.trace.signals.items() if not n.startswith(("loss/", "count/"))}
    made = section(dataclasses.replace(source, trace=dataclasses.replace(source.trace, signals=signals)), "classes")
    names = [line.name for chart in made.charts if isinstance(chart, Curves) for line in chart.lines]
    assert names == ["loss", "validation_loss/seen", "validation_loss/unknown", "validation_loss/end"]
    assert EN("dashed-by-class") not in made.html


def test_a_part_of_a_loss_is_no_class_of_tokens() -> None:
    parts = bare(**{"loss": [3.0, 2.0], "loss/box": [2.0, 1.0], "validation_loss/box": [1.0, 1.0]})
    assert SECTIONS["classes"](parts, EN) is None
    counted = bare(**{"loss/rare": [2.0, 1.0], "count/rare": [3.0, 3.0], "validation_loss/end": [1.0, 1.0]})
    (drawn,) = section(counted, "classes").charts
    assert isinstance(drawn, Curves)
    assert [line.name for line in drawn.lines] == ["validation_loss/end", "loss/rare"]


def test_layers_stand_in_the_models_order_not_the_traces(source: Source) -> None:
    heat = chart(source, "layers", "gradient-norm")
    assert isinstance(heat, Heat)
    assert heat.rows == ("embedding", "body.a", "body.b", "head")
    assert heat.values[:, 0] == pytest.approx([1e-3, 1e-2, 1e-1, 1])
    ratio = chart(source, "layers", "update-ratio")
    assert isinstance(ratio, Heat)
    assert ratio.centre == 1e-3


def test_what_is_infinite_stays_and_what_was_not_measured_is_nan() -> None:
    grid = grid_of([Series(np.array([0, 2]), np.array([1.0, np.inf])), Series(np.array([1]), np.array([3.0]))])
    assert grid is not None
    assert np.array_equal(grid.values, [[1, np.nan, np.inf], [np.nan, 3, np.nan]], equal_nan=True)


@pytest.mark.parametrize("value", [1e6, 1e-9, np.inf, 0.0])
def test_a_layer_that_explodes_or_vanishes_for_one_step_of_a_long_run_is_not_lost(value: float) -> None:
    values = np.exp(np.random.default_rng(0).normal(0, 0.1, 100_000))
    values[54_321] = value
    grid = grid_of([Series(np.arange(100_000), values)])
    assert grid is not None
    assert len(grid.x) <= 1500
    column = np.searchsorted(grid.x, 54_321, side="right") - 1
    assert grid.values[0, column] == value


def test_the_context_by_position_grows_upwards_in_the_map_and_along_the_text(source: Source) -> None:
    heat = chart(source, "context", "context-by-position")
    assert isinstance(heat, Heat)
    assert heat.rows == ("after 8", "after 4", "after 2", "after 1")
    along = chart(source, "context", "context-along")
    assert isinstance(along, Curves)
    assert [line.label for line in along.lines][-1] == "step 200"
    assert along.lines[-1].x.tolist() == [1, 2, 4, 8]
    assert along.lines[-1].y == pytest.approx([5, 10, 20, 40])
    growth = chart(source, "context", "context-growth")
    assert isinstance(growth, Curves)
    assert [line.name for line in growth.lines] == ["loop_gain"]
    spread = chart(source, "context", "context-spread")
    assert isinstance(spread, Curves)
    assert [(line.name, line.y[0]) for line in spread.lines] == [("context_mean", -0.05), ("context_std", 0.6)]


def test_confirmed_replays_are_drawn_over_the_null_with_all_of_their_range(source: Source) -> None:
    made = chart(source, "replay", "replay-0-0-loss")
    assert isinstance(made, Curves)
    null, changed = made.lines
    assert (null.name, changed.name, changed.colour) == ("null", "changed", "context")
    assert null.high is not None
    assert (null.high.max(), changed.y.max()) == (9.0, 5.0)
    assert [(mark.first, mark.last) for mark in made.marks] == [(39, 46)]
    html = section(source, "replay").html
    for part in ("residual-fnn", "100\xa0% [80, 120]", "removes it", "0/8", "plain-depth", EN("replay-not_tried")):
        assert part in html


def test_the_verdict_says_what_replays_showed_and_without_them_what_the_doctor_says(source: Source) -> None:
    replayed = section(source, "verdict").html
    assert "The cause is plain-depth" in replayed
    assert EN("null-same") in replayed
    alone = section(dataclasses.replace(source, replays=()), "verdict").html
    assert "newllm replay" in alone
    assert re.search(r"Something is (wrong|doubtful)", alone)
    healthy = section(bare(loss=[3.0, 2.5, 2.0, 1.6, 1.3, 1.1]), "verdict").html
    assert "Nothing wrong found in 6 points of 1 signal." in healthy
    assert "Nothing could be judged" in section(bare(other=[1.0, 2.0]), "verdict").html


def test_a_replay_that_differs_from_its_run_says_that_nothing_follows(source: Source) -> None:
    (one,) = source.replays
    assert one.verdict is not None
    differs = {"identical": False, "first_difference": {"sentence": "Step 7 differs."}}
    verdict = dataclasses.replace(one.verdict, reproduction=differs, sentences=("It cannot be replayed.",))
    html = section(dataclasses.replace(source, replays=(dataclasses.replace(one, verdict=verdict),)), "verdict").html
    for part in ("It cannot be replayed.", EN("null-differs"), "Step 7 differs."):
        assert part in html


def test_the_data_is_told_with_its_checksum_and_the_configuration_with_its_commands(source: Source) -> None:
    data, again = section(source, "data").html, section(source, "configuration").html
    for part in ("animals.txt", "ab" * 32, "train tokens"):
        assert part in data
    for part in ("rule = &quot;additive&quot;", f"newllm train --config {source.path}", "clip-half", "3.11"):
        assert part in again


def test_a_replay_is_offered_where_there_is_something_to_replay(source: Source) -> None:
    spike = Finding(kind="spike", severity="warning", sentence=quoted("it jumps"))
    calm, spiked = (dataclasses.replace(source, replays=(), findings=found) for found in ((), (spike,)))
    assert "newllm replay" not in section(calm, "configuration").html
    for one in (source, spiked):
        assert f"newllm replay {source.path}" in section(one, "configuration").html


def test_replays_of_a_loop_are_gone_on_with_in_python(source: Source) -> None:
    recorded = dataclasses.replace(source, config_text="", config={}, recording={"steps": 3})
    call = f"newllm.replay(loop, recorded=&#x27;{source.path}&#x27;, budget=600)"
    assert call in section(recorded, "configuration").html
    assert call not in section(source, "configuration").html
    assert call not in section(dataclasses.replace(recorded, replays=()), "configuration").html


def test_signals_that_we_do_not_know_are_drawn_and_those_too_many_named() -> None:
    source = bare(**{f"reward_{at}": [1.0, 2.0] for at in range(15)})
    made = section(source, "others")
    assert len(made.charts) == 12
    assert "reward_14" in made.html


def test_what_is_measured_of_matrices_stands_by_layer_and_not_among_the_others() -> None:
    source = bare(**{f"{name}/blocks.{at}": [0.5, 1.0] for name in ("read_error", "context_rank") for at in (1, 3)})
    assert [chart.id for chart in section(source, "layers").charts] == ["read-error", "context-rank"]
    assert "others" not in [one.id for one in sections_of(source, EN)]


def test_a_section_that_fails_says_so_and_the_others_stand(source: Source) -> None:
    broken = dataclasses.replace(source, recoveries=(3,))  # pyrefly: ignore
    made = {one.id: one for one in sections_of(broken, EN)}
    assert EN("section-failed", error="AttributeError") in made["configuration"].html
    assert EN("data-sound") in made["data"].html or EN("data-audits") in made["data"].html


def test_a_class_stands_with_its_first_its_lowest_finite_and_its_last_loss() -> None:
    signals = {"loss/rare": [4.0, np.nan, 1.5, np.inf, 2.0], "count/rare": [1.0, 2.0, 3.0, 4.0, 30.0]}
    signals |= {"loss/seen": [3.0, 3.0, 3.0, 3.0, 3.0], "count/seen": [7.0, 7.0, 7.0, 7.0, 90.0]}
    html = section(bare(**signals), "classes").html
    row = re.search(r'<th scope="row">training, rare</th>(.*?)</tr>', html)
    assert row is not None
    assert re.findall(r">([^<>]+)</td>", row[1]) == ["30", "25.0\xa0%", "4", "1.5", "2"]


def many_layers(count: int, findings: int = 0) -> Source:
    made = {f"gradient_norm/{at}": Series(np.arange(100), np.full(100, 1.0 + at)) for at in range(count)}
    marked = tuple(
        Finding(kind=f"spike-{at}", severity="warning", sentence=quoted(""), first_step=10.0 + at, last_step=20.0 + at)
        for at in range(findings)
    )
    return dataclasses.replace(bare(), trace=Trace(made), findings=marked)


def test_layers_beyond_what_a_map_can_show_are_counted() -> None:
    for count, left in ((3, None), (240, None), (242, 2)):
        made = section(many_layers(count), "layers")
        (heat,) = made.charts
        assert isinstance(heat, Heat)
        assert len(heat.rows) == min(count, 240)
        assert ("more layers" in made.html) is (left is not None)
        if left:
            assert EN("more_layers", count=str(left)) in made.html


def test_a_map_of_layers_is_marked_where_the_gravest_root_fault_begins_and_by_what_is_found_in_it() -> None:
    def marked(source: Source) -> list[float]:
        (heat,) = section(source, "layers").charts
        return [mark.first for mark in heat.marks]

    assert marked(many_layers(3)) == []
    assert marked(many_layers(3, findings=9)) == [10]
    found = [dataclasses.replace(one, signal="gradient_norm/1") for one in many_layers(3, findings=9).findings]
    assert marked(dataclasses.replace(many_layers(3), findings=tuple(found))) == [17, 18]


def test_a_signal_that_is_called_like_a_class_is_none() -> None:
    nothing = Series(np.empty(0, np.int64), np.empty(0))
    signals = {"seen": [1.0, 2.0], "count/other": [3.0, 3.0], "other": [1.0, 1.0], "validation_loss/end": [1.0, 1.0]}
    source = bare(**signals)
    trace = dataclasses.replace(source.trace, signals={**source.trace.signals, "validation_loss/seen": nothing})
    made = section(dataclasses.replace(source, trace=trace), "classes")
    assert [line.name for chart in made.charts if isinstance(chart, Curves) for line in chart.lines] == [
        "validation_loss/end"
    ]
    assert SECTIONS["classes"](bare(seen=[1.0, 2.0]), EN) is None


def test_how_to_tell_causes_apart_is_named_as_english_where_it_is_only_that() -> None:
    found = Finding(kind="spike", severity="fault", sentence=quoted("a"), test=quoted("Look at the batch."))
    made = SECTIONS["findings"](dataclasses.replace(bare(loss=[1.0] * 100), findings=(found,)), JA)
    assert made is not None
    html = made.html
    assert '<p><span lang="en">Look at the batch.</span></p>' in html
