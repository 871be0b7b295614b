"""A cost over a size, and that every figure of the project is drawn in this room."""

import ast
from pathlib import Path

import pytest

import newllm
from newllm.plotting import colours, scaling, style
from newllm.plotting.scaling import DASHED, Look, ScalingLine, ScalingPanel, draw_scaling

ROOT = Path(__file__).parents[3]
OURS, OTHERS = Look(colours.CONTEXT, strong=True), Look(colours.TRAINING, DASHED)


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw, and return the figure that was written."""
    kept, save = [], style.save
    monkeypatch.setattr(scaling.style, "save", lambda figure, path: (kept.append(figure), save(figure, path)))

    def figure(*panels):
        path = tmp_path / "scaling.png"
        draw_scaling(panels, path, title="How it grows", x_label="position", y_label="milliseconds")
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        return kept[-1]

    return figure


def _line(name: str, look: Look, sizes=(128, 1000, 65536)) -> ScalingLine:
    middle = [float(size) for size in sizes]
    return ScalingLine(name, look, sizes, [0.9 * y for y in middle], middle, [1.1 * y for y in middle])


def test_sizes_are_numbered_and_both_axes_logarithmic(drawn) -> None:
    (axes,) = drawn(ScalingPanel("", [_line("ours", OURS)])).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["128", "1,000", "64k"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("position", "milliseconds")


def test_one_name_stands_once_in_the_legend_with_its_look(drawn) -> None:
    figure = drawn(
        ScalingPanel("fp32", [_line("ours", OURS), _line("theirs", OTHERS)]),
        ScalingPanel("bf16", [_line("ours", OURS)]),
    )
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "theirs"]
    assert [line.get_color() for line in legend.get_lines()] == [colours.CONTEXT, colours.TRAINING]
    ours, theirs = figure.axes[0].get_lines()
    assert ours.get_linewidth() > theirs.get_linewidth()
    assert theirs.is_dashed()


def test_all_figures_are_drawn_here() -> None:
    """One module has the colours and the style: nobody else imports matplotlib."""
    places = [Path(newllm.__file__).parent]
    places += [ROOT / name for name in ("benchmarks", "examples", "studies", "docs") if (ROOT / name).is_dir()]
    elsewhere = [path for place in places for path in place.rglob("*.py") if "plotting" not in path.parts]
    assert len(elsewhere) > 100
    assert [str(path) for path in elsewhere if "matplotlib" in _imported(path)] == []


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}
