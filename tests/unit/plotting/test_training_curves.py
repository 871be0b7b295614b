import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.plotting import draw_training_curves, style, training_curves
from newllm.plotting.axes import compact, is_crushed, steps_or_epochs
from newllm.trace import Series, Trace

PNG = b"\x89PNG\r\n\x1a\n"
END = b"IEND\xaeB`\x82"


def series(values, step=None):
    values = np.asarray(values, float)
    return Series(np.arange(1, len(values) + 1) if step is None else np.asarray(step), values)


def run(length=2000, **changes):
    """A healthy run: loss 5.5 to 1.5, noise, warm-up and decay, a context that grows."""
    t = np.arange(length) / length
    loss = (1.5 + 4 * np.exp(-8 * t)) * np.exp(np.random.default_rng(0).normal(0, 0.05, length))
    signals = {
        "loss": series(loss),
        "validation_loss": series(loss[::100] + 0.1, np.arange(1, length + 1)[::100]),
        "accuracy": series(0.1 + 0.5 * t[::10], np.arange(1, length + 1)[::10]),
        "validation_accuracy": series(0.1 + 0.4 * t[::100], np.arange(1, length + 1)[::100]),
        "context_norm": series(3 + 10 * t),
        "context_mean": series(-0.05 - 0.1 * t),
        "context_std": series(0.3 + t),
        "learning_rate": series(1e-3 * np.minimum(1, 20 * t) * (1 - t)),
    }
    return Trace(signals | changes)


def draw(trace, path, **changes):
    known: dict[str, Any] = {
        "title": "a run",
        "steps_per_epoch": None,
        "by_epoch": False,
        "bits_per_byte_factor": None,
    }
    draw_training_curves(trace, path, **(known | changes))


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw, and return the six panels with the figure's other texts."""
    kept = []
    save = style.save

    def keep(figure, path):
        kept.append(figure)
        save(figure, path)

    monkeypatch.setattr(training_curves.style, "save", keep)

    def panels(trace, **changes):
        path = tmp_path / "training_curves.png"
        draw(trace, path, **changes)
        content = path.read_bytes()
        assert content.startswith(PNG)
        assert content.endswith(END)
        return kept[-1].axes

    return panels


def texts(panel):
    return [text.get_text() for text in panel.texts]


@pytest.mark.slow
@pytest.mark.parametrize("height", [15.0, 1e6, 1e200])
@pytest.mark.parametrize(("name", "at"), [("loss", 0), ("validation_loss", 0), ("context_norm", 3), ("context_std", 4)])
def test_a_spike_of_one_step_among_many_is_drawn_within_the_axis(drawn, name, at, height):
    trace = run(50_000)
    spiky = trace.signals[name].value.copy()
    spiky[len(spiky) // 3] = height
    panel = drawn(Trace(trace.signals | {name: Series(trace.signals[name].step, spiky)}))[at]
    shown = min(height, 1e100)
    assert max(np.nanmax(line.get_ydata()) for line in panel.lines) == shown
    low, high = panel.get_ylim()
    assert low < high
    assert shown < high
    crushed = "symlog" if name == "context_std" else "log"
    assert panel.get_yscale() == (crushed if height > 20 * np.quantile(trace.signals[name].value, 0.9) else "linear")


def test_the_contexts_mean_keeps_its_sign_on_a_scale_that_a_spike_made_logarithmic(drawn):
    std = run().signals["context_std"].value.copy()
    std[700] = 1e5
    panel = drawn(run(context_std=series(std)))[4]
    mean = next(line for line in panel.lines if line.get_label() == "mean")
    assert (mean.get_ydata() < 0).all()
    assert panel.get_yscale() == "symlog"
    assert panel.get_ylim()[0] < np.min(mean.get_ydata())


def test_accuracies_are_drawn_from_zero_and_one_that_was_not_recorded_is_not_named(drawn):
    def named(panel):
        return [text.get_text() for text in panel.get_legend().get_texts()]

    panel = drawn(run())[2]
    assert named(panel) == ["training", "validation"]
    assert panel.get_ylim()[0] == 0
    signals = dict(run().signals)
    del signals["accuracy"]
    assert named(drawn(Trace(signals))[2]) == ["validation"]


def test_the_best_validation_is_marked_and_named(drawn):
    panels = drawn(run(validation_loss=series([3.0, 2.0, np.nan, 2.5], [10, 20, 30, 40])), bits_per_byte_factor=0.5)
    assert "best 2" in texts(panels[0])
    assert "best 7.389" in texts(panels[1])
    assert panels[1].get_yscale() == "log"
    (right,) = panels[0].child_axes
    assert right.get_ylabel() == "bits per byte"
    assert right.get_ylim() == pytest.approx(np.array(panels[0].get_ylim()) * 0.5)


def test_x_counts_epochs_when_asked(drawn):
    validation = np.full(50, 5.7)
    validation[18:22] = [9.0, 14.7, 10.0, 5.6]
    trace = run(400, validation_loss=series(validation, np.arange(8, 401, 8)))
    panels = drawn(trace, by_epoch=True, steps_per_epoch=8)
    assert panels[3].get_xlabel() == "epoch"
    assert 50 < panels[0].get_xlim()[1] < 55
    assert drawn(trace)[3].get_xlabel() == "step"


def test_by_epoch_needs_the_length_of_one(tmp_path):
    with pytest.raises(ValueError, match="steps_per_epoch"):
        draw(run(), tmp_path / "a.png", by_epoch=True)


def test_a_body_without_context_says_so(drawn):
    signals = dict(run().signals)
    for name in ("context_norm", "context_mean", "context_std"):
        del signals[name]
    panels = drawn(Trace(signals))
    assert all("this body has no context vector" in texts(panels[at]) for at in (3, 4))


def test_an_empty_trace_says_that_nothing_is_recorded(drawn):
    assert all("nothing recorded yet" in texts(panel) for panel in drawn(Trace({}), bits_per_byte_factor=0.5))


@pytest.mark.parametrize("value", [5.5, 0.0, np.nan, np.inf, -np.inf, 1e308])
@pytest.mark.parametrize("length", [1, 70])
def test_whatever_a_signal_holds_is_drawn_without_a_warning(drawn, value, length):
    same = series([value] * length)
    panels = drawn(Trace(dict.fromkeys(run(10).signals, same)), bits_per_byte_factor=0.4)
    assert ("not one finite value" in texts(panels[0])) == (not np.isfinite(value))


def test_what_is_not_finite_is_marked_and_said(drawn):
    loss = run().signals["loss"].value.copy()
    loss[500:700] = np.nan
    panel = drawn(run(loss=series(loss)))[0]
    (band,) = panel.patches
    assert band.get_x() == 501
    assert band.get_width() == 199
    assert "not finite" in [text.get_text() for text in panel.get_legend().get_texts()]


@pytest.mark.parametrize("title", ["costs $5 and $x^{", "空 ε", "a\nb", ""])
def test_a_title_is_taken_as_it_is(drawn, title):
    drawn(run(100), title=title)


def test_a_hundred_thousand_rows_take_less_than_two_seconds_of_the_processor(tmp_path):
    trace = run(100_000)
    draw(run(100), tmp_path / "warm.png")  # the first figure also imports matplotlib
    begun = time.process_time()  # of the processor: others may use it too
    draw(trace, tmp_path / "a.png")
    assert time.process_time() - begun < 2


def test_the_callers_matplotlib_is_left_as_it_was(tmp_path):
    import matplotlib

    def settings():  # a look at the backend would choose one
        return {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}

    before = settings()
    draw(run(100), tmp_path / "a.png")
    assert settings() == before


FULL = """
import resource, sys
from pathlib import Path
from newllm.errors import UserError
from newllm.plotting import draw_training_curves
from newllm.trace import Trace
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    draw_training_curves(Trace({}), Path(sys.argv[1]), title="", steps_per_epoch=None, by_epoch=False,
                         bits_per_byte_factor=None)
except UserError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_the_figure_that_stood_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"the old one")
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"no room to write '{path}'")
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_the_import_costs_no_matplotlib_and_a_figure_no_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; import newllm.plotting as p; from newllm.trace import Trace\n"
        "assert 'matplotlib' not in sys.modules\n"
        "p.draw_training_curves(Trace({}), Path(sys.argv[1]), title='', steps_per_epoch=None, by_epoch=False,"
        " bits_per_byte_factor=None)\n"
        "assert not {'torch', 'matplotlib.pyplot', 'newllm.data'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png")], check=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0003, "3e-4"), (0.05, "0.05"), (12.5, "12.5"), (1000, "1k"), (1.5e6, "1.5M"),
     (2e30, "2e30"), (-2500, "-2.5k"), (1e9, "1B"), (0.00025, "2.5e-4")],
)  # fmt: skip
def test_numbers_are_written_short(value, text):
    assert compact(value) == text


@pytest.mark.parametrize(
    ("ends", "label", "shown"),
    [((5, 5.5), "step", (4, 6.5)), ((0.25, 0.75), "step", (0, 1.75)), ((5, 6), "step", (5, 6)),
     ((5, 5.5), "epoch", (5, 5.5))],
)  # fmt: skip
def test_one_step_stands_between_its_neighbours(ends, label, shown):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.set_xlim(*ends)
    steps_or_epochs(axes, label)
    assert (axes.get_xlim(), axes.get_xlabel()) == (shown, label)


@pytest.mark.parametrize(
    ("values", "crushed"),
    [([1.0] * 9 + [20.0], False), ([1.0] * 99 + [21.0], True), ([1.0] * 99 + [20.0], False),
     ([0.0] + [1.0] * 98 + [99.0], False),
     ([np.nan] + [1.0] * 98 + [99.0], True), ([np.nan], False), ([], False)],
)  # fmt: skip
def test_a_few_values_tower_above_the_rest(values, crushed):
    assert is_crushed(np.array(values)) == crushed


def test_a_place_that_does_not_exist_is_not_hidden(tmp_path):
    with pytest.raises((FileNotFoundError, UserError)):
        draw(Trace({}), tmp_path / "absent" / "a.png")
