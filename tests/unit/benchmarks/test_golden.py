"""The recorder of what users see: what it blanks and what it keeps, and what its comparison notices."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks/golden"))

from blanking import Blanks
from difference import differences


@pytest.mark.parametrize(
    ("seen", "blanked"),
    [
        ("60 steps, 1 s of training, 1,216.5 s in all", "60 steps, <duration> of training, <duration> in all"),
        ("written 2026-11-27T03:04:56+00:00, 2026-11-27 03:04 UTC", "written <date>, <date>"),
        ("http://127.0.0.1:8321/run/a", "http://127.0.0.1:<port>/run/a"),
        ("/some/folder/work/text.txt", "<work>/text.txt"),
        ("confirm 6/16   unmodified #8   28 of 3000 s\nconfirmed  clip-half\n", "confirmed  clip-half\n"),
        ("step       1  loss 5.5510\nstep       4  validation 5.5503\n", "step       4  validation 5.5503\n"),
        ("its process 4711 is gone", "its process <process> is gone"),
        ("loss jumps from 0.5882 to 3.571 at step 60 of 90", "loss jumps from 0.5882 to 3.571 at step 60 of 90"),
        ("--budget 300, 8 fresh seeds, x1.80", "--budget 300, 8 fresh seeds, x1.80"),
    ],
)  # fmt: skip
def test_what_differs_every_time_is_blanked_and_nothing_else(seen: str, blanked: str) -> None:
    assert Blanks({"/some/folder/work": "<work>"}).text(seen) == blanked


def test_json_is_laid_out_in_its_order_and_its_times_are_blanked() -> None:
    said = Blanks({}).output(
        '{"step": 60, "seconds": 1.135, "losses": [6.9077, 1e-05, null], "pid": 6844, "about": "b"}'
    )
    assert said == (
        '{\n "step": 60,\n "seconds": <time>,\n "losses": [ 6.9077, 1e-05, null ],\n "pid": <time>,\n "about": "b"\n}\n'
    )
    assert Blanks({}).output("{ no JSON") == "{ no JSON"


def test_a_page_is_a_tag_a_line_and_its_styles_are_kept_once() -> None:
    blanks, style = Blanks({}), "a {color: red}" * 200
    page = f'<style>{style}</style><p>12 <b>spikes</b></p><img src="data:image/png;base64,AAA=">'
    said = blanks.html(page)
    assert said == '<style>⏎\n<style-1>⏎\n</style>⏎\n<p>12 <b>spikes</b>⏎\n</p>⏎\n<img src="<picture>">'
    assert blanks.html(page) == said
    assert blanks.assets == {"style-1": style}


def test_the_comparison_shows_where_a_long_line_differs_and_what_is_missing(tmp_path: Path) -> None:
    for name, word in (("a", "holds"), ("b", "fails")):
        (tmp_path / name / "part").mkdir(parents=True)
        (tmp_path / name / "part/page.txt").write_text("same\n" + "x" * 5000 + word + "y" * 5000 + "\n")
        (tmp_path / name / "part/same.txt").write_text("same\n")
    (tmp_path / "a/part/gone.txt").write_text("")
    said = list(differences(tmp_path / "a", tmp_path / "b"))
    assert said[0] == f"only in {tmp_path / 'a'}: part/gone.txt"
    assert said[1:3] == ["--- a/part/page.txt", "+++ b/part/page.txt"]
    (gone,) = (line for line in said[3:] if line.startswith("-"))
    assert "holds" in gone
    assert len(gone) < 300
    assert not any("same.txt" in line for line in said)
    assert list(differences(tmp_path / "a", tmp_path / "a")) == []


def test_a_comparison_without_additions_shows_what_went_and_what_changed(tmp_path: Path) -> None:
    for name, lines in (("a", ['"step": 1', "gone", "same"]), ("b", ['"step": 1,', '"id": "spike"', "same"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "out.txt").write_text("\n".join(lines))
    (tmp_path / "b/new.txt").write_text("")
    said = list(differences(tmp_path / "a", tmp_path / "b", additions=False))
    assert said == ["--- a/out.txt", "+++ b/out.txt", "@@ line 2 @@", ' "step": 1', "-gone", '+"id": "spike"']
    (tmp_path / "a/out.txt").write_text('"step": 1\nsame')
    assert list(differences(tmp_path / "a", tmp_path / "b", additions=False)) == []
    assert "only in" in next(iter(differences(tmp_path / "a", tmp_path / "b")))
