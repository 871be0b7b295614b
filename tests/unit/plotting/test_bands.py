import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.plotting import Band, BandPanel, bands, colours, draw_bands

LABELS: dict[str, Any] = {"title": "five runs", "x_label": "epoch", "y_label": "loss, nats per token"}


def band(name="validation", middle=(6.0, 9.0, 6.0), spread=1.0):
    """Quartiles `spread` around a middle that may hold None."""
    low, high = ([None if m is None else m + s for m in middle] for s in (-spread, spread))
    return Band(name, range(17, 17 + len(middle)), low, list(middle), high)


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw, and return the figure that was written."""
    kept = []
    save = bands.style.save

    def keep(figure, path):
        kept.append(figure)
        save(figure, path)

    monkeypatch.setattr(bands.style, "save", keep)

    def figure(*panels, **changes):
        path = tmp_path / "bands.png"
        draw_bands(panels, path, **(LABELS | changes))
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        return kept[-1]

    return figure


def legend(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def filled(axes):
    """Return the y values of the bands' outlines."""
    paths = [path for collection in axes.collections for path in collection.get_paths()]
    return np.concatenate([path.vertices[:, 1] for path in paths])


def test_a_band_lies_between_its_quartiles_and_has_its_middle(drawn):
    (axes,) = drawn(BandPanel("baseline", [band()])).axes
    (line,) = axes.lines
    assert line.get_ydata().tolist() == [6.0, 9.0, 6.0]
    assert line.get_xdata().tolist() == [17, 18, 19]
    assert (filled(axes).min(), filled(axes).max()) == (5.0, 10.0)
    assert axes.get_title("left") == "baseline"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss, nats per token")


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (6, 3), (7, 4), (8, 4)])
def test_panels_stand_in_rows_and_every_column_is_numbered_at_its_foot(drawn, count, columns):
    axes = drawn(*[BandPanel(f"run {i}", [band()]) for i in range(count)]).axes
    assert len(axes) == count
    assert len({round(panel.get_position().x0, 3) for panel in axes}) == columns
    assert [bool(panel.get_xlabel()) for panel in axes] == [i >= count - columns for i in range(count)]


@pytest.mark.parametrize("absent", [None, np.nan, np.inf])
def test_what_is_not_finite_is_a_gap_and_a_value_alone_is_still_seen(drawn, absent):
    (axes,) = drawn(BandPanel("baseline", [band(middle=[6.0, 6.0, absent, 9.0, absent])])).axes
    (line,) = axes.lines
    assert np.isnan(line.get_ydata()).tolist() == [False, False, True, False, True]
    assert line.get_markevery() == [3]
    (upright,) = axes.collections[-1].get_paths()
    assert upright.vertices.tolist() == [[20, 8.0], [20, 10.0]]
    assert axes.get_ylim()[1] < 12


def test_a_name_has_one_colour_in_all_panels_and_one_entry(drawn):
    first, second = BandPanel("a", [band("training"), band("validation")]), BandPanel("b", [band("validation")])
    figure = drawn(first, second)
    colour_of = [[line.get_color() for line in axes.lines] for axes in figure.axes]
    assert colour_of == [[colours.TRAINING, colours.VALIDATION], [colours.VALIDATION]]
    assert legend(figure) == ["training", "validation"]


def test_the_window_and_the_marks_are_drawn_and_named_once(drawn):
    panels = [BandPanel("a", [band()], (17, 22), [(18, 7.6), (20, 14.7)]), BandPanel("b", [band()], (17, 22))]
    figure = drawn(*panels, window_label="as claimed", marks_label="as printed")
    (window,) = figure.axes[0].patches
    assert (window.get_x(), window.get_width()) == (17, 5)
    assert figure.axes[0].lines[-1].get_xydata().tolist() == [[18, 7.6], [20, 14.7]]
    assert figure.axes[0].get_ylim()[1] > 14.7
    assert legend(figure) == ["validation", "as claimed", "as printed"]
    assert legend(drawn(BandPanel("a", [band()]), window_label="as claimed", marks_label="as printed")) == [
        "validation"
    ]


def test_one_y_axis_unless_it_would_press_a_panel_flat(drawn):
    tall, flat = BandPanel("tall", [band(middle=[5.0, 200.0])]), BandPanel("flat", [band(middle=[5.0, 6.0])])
    one, other = drawn(tall, BandPanel("like it", [band(middle=[5.0, 90.0])])).axes
    assert one.get_ylim() == other.get_ylim()
    one, other = drawn(tall, flat).axes
    assert one.get_ylim()[1] > 200
    assert other.get_ylim()[1] < 10


def test_a_logarithmic_axis_leaves_out_what_is_not_positive(drawn):
    (axes,) = drawn(BandPanel("baseline", [band(middle=[0.5, 0.0, 100.0, 10.0, 10.0])]), logarithmic=True).axes
    assert axes.get_yscale() == "log"
    np.testing.assert_equal(axes.lines[0].get_ydata(), [0.5, np.nan, 100.0, 10.0, 10.0])
    assert 0 < axes.get_ylim()[0] < 0.5
    assert axes.get_ylim()[1] > 101


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize(
    "panel", [BandPanel("a", []), BandPanel("a", [band(middle=[None, None])]), BandPanel("a", [band(middle=[])])]
)
def test_a_panel_without_a_value_says_so(drawn, panel, logarithmic):
    empty, full = drawn(panel, BandPanel("b", [band()]), logarithmic=logarithmic).axes
    assert [text.get_text() for text in empty.texts] == ["nothing recorded yet"]
    assert not full.texts
    drawn(panel, logarithmic=logarithmic)


@pytest.mark.parametrize("value", [0.0, 5.5, 1e308, -1e308])
def test_whatever_a_band_holds_is_drawn_without_a_warning(drawn, value):
    drawn(BandPanel("a", [Band("validation", [1], [value], [value], [value])]))


@pytest.mark.parametrize("text", ["costs $5 and $x^{", "空 ε", "a\nb", "", "long words " * 40])
def test_texts_are_taken_as_they_are_and_leave_room(drawn, text):
    figure = drawn(BandPanel(text, [band(text or "-")], (17, 18)), title=text, window_label=text[:60] + ".")
    assert figure.axes[0].get_position().height > 0.3


def test_a_legend_as_wide_as_the_figure_takes_more_lines(drawn):
    figure = drawn(BandPanel("a", [band(f"a signal with quite a long name, {i}") for i in range(6)]))
    (placed,) = figure.legends
    assert placed.get_window_extent().width <= figure.bbox.width
    title = figure.axes[0].get_tightbbox()
    assert title.y1 < placed.get_window_extent().y0


def test_names_beyond_the_colours_are_refused(tmp_path):
    with pytest.raises(ValueError, match="7 names"):
        draw_bands([BandPanel("a", [band(f"signal {i}") for i in range(7)])], tmp_path / "a.png", **LABELS)


def test_mistakes_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="at least one panel"):
        draw_bands([], tmp_path / "a.png", **LABELS)
    with pytest.raises(ValueError, match=r"'validation'.*\[2, 1, 2, 2\]"):
        Band("validation", [1, 2], [1.0], [1.0, 2.0], [1.0, 2.0])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_does_not_exist_is_not_hidden(tmp_path):
    with pytest.raises((FileNotFoundError, UserError)):
        draw_bands([BandPanel("a", [band()])], tmp_path / "absent" / "a.png", **LABELS)


def test_both_figures_need_neither_torch_nor_pyplot(tmp_path):
    code = (
        "import sys; from pathlib import Path; import newllm.plotting as p\n"
        "assert 'matplotlib' not in sys.modules\n"
        "at = Path(sys.argv[1])\n"
        "band = p.Band('loss', [1, 2], [1, 1], [2, 2], [3, 3])\n"
        "p.draw_bands([p.BandPanel('', [band])], at / 'a.png', title='', x_label='', y_label='')\n"
        "p.draw_intervals([p.IntervalRow('a', 1)], at / 'b.png', title='', x_label='')\n"
        "assert not {'torch', 'matplotlib.pyplot', 'newllm.data'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(list(tmp_path.iterdir())) == 2
