"""A study on a page: its verdicts are read without colour, its intervals stand in words, nothing in it is obeyed."""

# ruff: noqa: RUF001 (Japanese has its own brackets)

import dataclasses
import json
import re
from pathlib import Path

import pytest

from newllm.messages import catalogue
from newllm.report.charts.chart import Curves, Section
from newllm.report.sections.study import study_lead, study_sections
from newllm.report.source.study import StudySource, read_study

FOUNDING = Path(__file__).parents[3] / "studies" / "founding"
EN, JA = catalogue("en"), catalogue("ja")
HOSTILE = '</script><img src=x onerror=alert(1)>\u202e"'


@pytest.fixture(scope="module")
def small() -> StudySource:
    """The founding study with a few of its arms: intervals by resampling take their time."""
    study = read_study(FOUNDING)
    keep = {"baseline", "transformer", "residual", "lr-half"}
    return dataclasses.replace(study, arms=tuple(arm for arm in study.arms if arm["name"] in keep))


@pytest.fixture(scope="module")
def made(small: StudySource) -> dict[str, Section]:
    """Its sections by id."""
    return {section.id: section for section in study_sections(small, EN)}


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def row_of(html: str, name: str) -> str:
    rows = [row for row in re.findall(r"<tr>.*?</tr>", html) if f"<code>{name}</code>" in row]
    return " ".join(text_of(rows[0]).split())


def test_the_sections_of_a_study(made: dict[str, Section]):
    names = ["study-claims", "study-printed", "study-arms", "study-curves", "study-tables", "study-about"]
    assert list(made) == names


def test_the_studys_own_tables_stand_as_its_markdown_has_them(made: dict[str, Section], small: StudySource):
    html = made["study-tables"].html
    for name in ("spikes", "arms"):
        title, _, header, _, first, *_ = (FOUNDING / f"{name}.md").read_text().splitlines()
        for cell in [title.removeprefix("# "), *header.split("|"), *first.split("|")]:
            assert f">{cell.strip().replace(chr(39), '&#x27;').replace('>', '&gt;')}</" in html or not cell.strip()
    assert [table.name for table in small.tables] == ["spikes", "arms"]


def test_their_heads_are_in_the_pages_language_where_the_study_translates_them(small: StudySource):
    japanese = next(one.html for one in study_sections(small, JA) if one.id == "study-tables")
    assert "<h3>原文書の実行：スパイクの有無、時期、高さ</h3>" in japanese
    assert '<th scope="col">開始エポック</th>' in japanese
    without = dataclasses.replace(small, about=dict(small.about) | {"translations": {}}, printed={})
    english = next(one.html for one in study_sections(without, JA) if one.id == "study-tables")
    assert '<span lang="en">onset, epoch</span>' in english


def test_a_study_of_an_earlier_newllm_has_no_such_section(small: StudySource):
    assert "study-tables" not in [one.id for one in study_sections(dataclasses.replace(small, tables=()), EN)]


def test_nothing_in_a_studys_tables_is_obeyed_and_what_is_damaged_is_left_out(tmp_path: Path):
    table = {"title": HOSTILE, "texts": [HOSTILE], "header": [HOSTILE, "b"], "rows": [[HOSTILE, HOSTILE], ["x"], 3]}
    (tmp_path / "results.json").write_text(json.dumps({"arms": [], "claims": [], "rows": []}))
    (tmp_path / "tables.json").write_text(json.dumps({"schema": 1, "tables": [table, 3, {}, {"header": 3}]}))
    study = read_study(tmp_path)
    html = next(one.html for one in study_sections(study, JA) if one.id == "study-tables")
    assert html.count("<tr>") == 2
    assert "<img" not in html
    assert "\u202e" not in html
    (tmp_path / "tables.json").write_text("[")
    assert [one.parameters["file"] for one in read_study(tmp_path).problems] == ["tables.json"]


def test_every_claim_has_its_verdict_as_a_word_and_a_sign(made: dict[str, Section], small: StudySource):
    html = made["study-claims"].html
    for verdict, sign in {"holds": "●", "holds in part": "◐", "does not hold": "○", "undecided": "?"}.items():
        count = sum(claim["verdict"] == verdict for claim in small.claims)
        table = html[html.index("<tbody>") : html.index("</tbody>")]
        assert len(re.findall(rf"{re.escape(sign)}</span> {verdict}</span>", table)) == count > 0


def test_a_claim_stands_with_its_number_its_measure_and_its_p(made: dict[str, Section]):
    html = text_of(made["study-claims"].html)
    assert "0.5 [0.237, 0.763]" in html
    assert "Paired difference" in html or "difference" in html
    assert "Share of the four context runs" in html
    assert made["study-claims"].html.count('<svg class="forest') == 14


def test_the_arms_have_the_shares_that_the_studys_own_page_has(made: dict[str, Section]):
    html = made["study-arms"].html
    readme = (FOUNDING / "README.md").read_text()
    assert "10/10 [0.72, 1.00] | 19" in readme
    assert "1.00 [0.72, 1.00]" in row_of(html, "baseline")
    assert "0.00 [0.00, 0.28]" in row_of(html, "transformer")
    assert "1.00 [0.72, 1.00] 1.00 [0.72, 1.00]" in row_of(html, "residual")
    assert "0.00 [0.00, 0.28]" in row_of(html, "lr-half")
    assert "5.72 [5.57, 5.94]" in row_of(html, "baseline")


def test_an_arm_is_drawn_over_its_control_with_quartiles(made: dict[str, Section]):
    charts = {chart.title: chart for chart in made["study-curves"].charts}
    assert set(charts) == {"baseline", "transformer", "residual", "lr-half"}
    residual = charts["residual"]
    assert isinstance(residual, Curves)
    assert [line.label for line in residual.lines] == ["baseline", "probe loss", "validation loss"]
    for line in residual.lines:
        assert line.low is not None
        assert line.high is not None
        assert (line.low <= line.y).all()
        assert (line.y <= line.high).all()
    assert len({line.name for line in residual.lines}) == 3
    json.dumps(residual.as_dict(), allow_nan=False)


def test_a_japanese_page_says_it_in_japanese_and_marks_what_stays_english(small: StudySource):
    about = dict(small.about) | {"translations": {}}
    small = dataclasses.replace(small, about=about, printed={})  # nobody has translated it
    html = "".join(section.html for section in study_sections(small, JA))
    for verdict in ("成り立つ", "部分的に成り立つ", "成り立たない", "このデータでは判定できない"):
        assert verdict in html
    assert '<span lang="en">Every run spikes, at epochs 17 to 22.</span>' in html
    assert "lang=" not in "".join(section.html for section in study_sections(small, EN))


def test_the_lead_counts_what_there_is(small: StudySource):
    assert "410 runs of 4 arms: 10 seeds over 6 data sets, 2.6 core hours." in text_of(study_lead(small, EN))


def test_nothing_in_a_study_is_obeyed(tmp_path: Path):
    row = {"arm": HOSTILE, "seed": 0, "data": HOSTILE, "validation_spiked": True, "best_validation": 1.0}
    claim = {"id": HOSTILE, "text": HOSTILE, "verdict": HOSTILE, "measure": HOSTILE, "numbers": {HOSTILE: HOSTILE}}
    curve = [1.0, 2.0]
    results = {
        "study": HOSTILE, "title": HOSTILE, "arms": [{"name": HOSTILE, "claim": HOSTILE}], "rows": [row],
        "claims": [{**claim, "arms": [HOSTILE]}], "environment": {HOSTILE: HOSTILE}, "failed": {HOSTILE: HOSTILE},
        "curves": {HOSTILE: {"epoch": [0, 1], "probe_loss": [curve] * 3}},
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(results))
    study = read_study(tmp_path)
    html = "".join(section.html for section in study_sections(study, JA)) + study_lead(study, JA)
    assert "<img" not in html
    assert "\u202e" not in html
    assert "</script" not in html


def test_a_study_of_nothing_but_damage_has_what_is_left(tmp_path: Path):
    bad = {"arm": "a", "seed": 0, "validation_spiked": None, "reached": "x", "best_validation": "y", "data": None}
    claim = {"id": "1", "text": "t", "verdict": "v", "numbers": [1], "arms": "none", "p": "x", "measure": None}
    curves = {"a": {"epoch": [0, "x"], "train_loss": 3, "probe_loss": [[1], [2, 3], None]}, "b": 4}
    arms = [{"name": "a", "claim": 7}, {"name": "b", "control": "gone"}, {"name": 5, "control": ["x"]}]
    results = {"arms": arms, "rows": [bad, {"arm": 5, "seed": 1}], "claims": [claim], "curves": curves}
    (tmp_path / "results.json").write_text(json.dumps(results))
    made = study_sections(read_study(tmp_path), EN)
    assert [section.id for section in made] == ["study-claims", "study-arms", "study-about"]


def study_of(tmp_path: Path, **results: object) -> dict[str, Section]:
    (tmp_path / "results.json").write_text(json.dumps(results))
    return {section.id: section for section in study_sections(read_study(tmp_path), EN)}


def test_an_arm_of_which_one_share_is_unknown_keeps_the_drawing_of_the_other(tmp_path: Path):
    known = {"reached": 3, "probe_spiked_by_equal_progress": False, "best_validation": 1.0, "data": "d"}
    rows = [{"arm": name, "seed": seed, **known} for name in ("base", "other") for seed in range(3)]
    arms = [{"name": "base"}, {"name": "other", "control": "base"}]
    html = study_of(tmp_path, arms=arms, rows=rows)["study-arms"].html
    row = row_of(html, "other")
    assert "1.00 [0.44, 1.00] -" in row  # the share on validation is not known
    (forest,) = re.findall(r'<svg class="forest.*?</svg>', html)
    assert forest.count("<circle") == 1


def test_the_axis_of_a_share_ends_at_one(tmp_path: Path):
    claim = {"id": "1", "text": "t", "verdict": "holds", "numbers": {"share_x": [1.0, 0.5, 1.0]}, "arms": []}
    html = study_of(tmp_path, arms=[], rows=[], claims=[claim])["study-claims"].html
    assert "1 [0.5, 1]" in text_of(html)
    assert 'cx="144.0"' in html  # the right end of the drawing
    assert "M75.0," in html  # and its middle


def test_figures_that_somebody_printed_stand_beside_ours_in_the_pages_language(small: StudySource):
    english = next(one for one in study_sections(small, EN) if one.id == "study-printed")
    japanese = next(one for one in study_sections(small, JA) if one.id == "study-printed")
    assert english.title == "Every figure of the document beside ours"
    assert ">7.1440 (§2)</td>" in english.html
    assert "not reproduced" in english.html
    assert ">○ 再現せず" in japanese.html
    assert "**" not in english.html


@pytest.mark.parametrize(
    "content",
    [{"en": 3}, {"en": {"tables": 3}}, {"en": {"tables": [3, {"header": ["a"], "rows": [["x", "y"], 4]}]}}, [1], {}],
)
def test_printed_figures_that_are_damaged_are_left_out(small: StudySource, content):
    sections = study_sections(dataclasses.replace(small, printed=content if isinstance(content, dict) else {}), EN)
    assert not any("<td>x" in section.html for section in sections if section.id == "study-printed")


def test_nothing_in_printed_figures_is_obeyed(small: StudySource):
    table = {"title": HOSTILE, "texts": [HOSTILE], "header": [HOSTILE, "b"], "rows": [[HOSTILE, HOSTILE]]}
    hostile = {"en": {"title": HOSTILE, "texts": [HOSTILE], "tables": [table]}}
    made = next(
        one for one in study_sections(dataclasses.replace(small, printed=hostile), EN) if one.id == "study-printed"
    )
    assert "<img" not in made.html
    assert "\u202e" not in made.html + made.title


def test_claims_arms_and_numbers_are_said_in_the_pages_language_where_the_study_says_them(small: StudySource):
    claim, arm = small.claims[0], small.arms[0]
    name = next(iter(claim["numbers"]))
    without = dataclasses.replace(small, about=dict(small.about) | {"translations": {}}, printed={})
    assert f'<span lang="en">{claim["text"]}</span>' in html_of(without, JA)
    said = {claim["text"]: "主張の文", arm["claim"]: "条件の説明" + HOSTILE, name: "数値の名前"}
    translated = dict(small.about) | {"translations": {"ja": said}}
    html = html_of(dataclasses.replace(small, about=translated), JA)
    earlier = dataclasses.replace(without, printed={"ja": {"said": said}})  # where they stood at first
    assert html_of(earlier, JA) == html_of(dataclasses.replace(small, about=translated, printed=earlier.printed), JA)
    assert all(text in html for text in ("主張の文", "条件の説明", "数値の名前"))
    assert claim["text"] not in html
    assert "<img" not in html
    for damaged in (3, {"said": 3}, {"said": {claim["text"]: 3}}):
        assert claim["text"] in html_of(dataclasses.replace(without, printed={"ja": damaged}), JA)
        wrong = damaged["said"] if isinstance(damaged, dict) else damaged
        for given in (wrong, {"ja": wrong}):
            assert claim["text"] in html_of(dataclasses.replace(without, about={"translations": given}), JA)


def html_of(study: StudySource, words) -> str:
    return "".join(section.html for section in study_sections(study, words))
