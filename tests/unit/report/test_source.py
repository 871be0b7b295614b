import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.messages import catalogue
from newllm.report.page import report_page
from newllm.report.source import read_source
from newllm.trace.store import TraceWriter

EN = catalogue("en")
FAILED = EN("section-failed", error="").split("(")[0]
FILES = [
    *("config.toml", "trace.jsonl", "summary.json", "recording.json", "data.json", "recoveries.json"),
    "replays/step-00000039/verdict.json",
]
DAMAGES = {
    "torn": lambda place: place.write_bytes(place.read_bytes()[: place.stat().st_size // 2 + 7] + b"\n"),
    "garbage": lambda place: place.write_bytes(random.Random(0).randbytes(5000)),
    "a list": lambda place: place.write_text("[1, 2]\n"),
    "numbers": lambda place: place.write_text("17\n"),
    "empty": lambda place: place.write_text(""),
    "a directory": lambda place: (place.unlink(), place.mkdir()),
    "a link": lambda place: (place.rename(place.with_suffix(".away")), place.symlink_to(place.with_suffix(".away"))),
    "a link to nothing": lambda place: (place.unlink(), place.symlink_to("nowhere")),
    "a pipe": lambda place: (place.unlink(), os.mkfifo(place)),
    "huge": lambda place: os.truncate(place, 1 << 35),
    "nested": lambda place: place.write_text("[" * 100_000 + "\n"),
}


def test_everything_of_a_run_is_read(whole: Path) -> None:
    source = read_source(whole)
    assert (source.name, source.own, source.problems) == ("run", True, ())
    assert {"spike"} <= {one.kind for one in source.findings}
    assert [layer.name for layer in source.facts.layers] == ["embedding", "body.a", "body.b", "head"]
    assert (source.summary["status"], source.config["seed"], source.facts.vocabulary) == ("finished", 3, 50)
    assert source.config_text.startswith("schema = 1\n")
    assert [one["remedy"] for one in source.recoveries] == ["clip-half"]
    assert source.data["sources"][0]["name"] == "animals.txt"
    (replayed,) = source.replays
    assert replayed.verdict is not None
    assert len(replayed.verdict.sentences) == 3


def test_only_confirmed_replays_and_their_nulls_are_followed_and_no_reverse_test(whole: Path) -> None:
    (replayed,) = read_source(whole).replays
    by_name = {(one.name, one.start): 0 for one in replayed.followed}
    for one in replayed.followed:
        by_name[one.name, one.start] += 1
    assert set(by_name.values()) == {8}
    assert ("null", 31) in by_name
    residual = [one for one in replayed.followed if one.name == "residual-fnn"]
    assert max(one.losses["loss"][1].max() for one in residual) == 5.0  # the planted one has 9


def test_replays_of_an_older_newllm_that_do_not_say_what_they_are_are_left_out_where_two_share_a_number(run) -> None:
    for file in (run / "replays").rglob("residual-fnn*-replay-3-*.json"):
        content = json.loads(file.read_text())
        del content["task"]
        file.write_text(json.dumps(content))
    residual = [one.replay for one in read_source(run).replays[0].followed if one.name == "residual-fnn"]
    assert residual == [4, 5, 6, 7, 8, 9, 10]


def test_a_log_of_another_system_is_read(log) -> None:
    source = read_source(log("epoch,loss\n" + "".join(f"{at},{5 - at / 10}\n" for at in range(1, 30))))
    assert (source.own, source.name, source.trace.axis, source.replays) == (False, "log.csv", "epoch", ())


@pytest.mark.parametrize("what", ["absent", "zero\0byte", "x" * 5000])
def test_a_place_with_nothing_is_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(UserError, match="give a log"):
        read_source(tmp_path / what)


def test_a_file_that_is_no_log_is_refused(log) -> None:
    with pytest.raises(UserError):
        read_source(log("once upon a time\nthere was a model\n", "story.txt"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_one_bad_file_takes_nothing_else_with_it(run: Path, name: str, damage: str) -> None:
    DAMAGES[damage](run / name)
    source = read_source(run)
    if (damage, name) not in {("empty", "config.toml"), ("empty", "trace.jsonl"), ("torn", "trace.jsonl")}:
        assert any(f"'{name.rsplit('/', 1)[-1]}'" in said or f"'{name}'" in said for said in map(str, source.problems))
    left = [len(source.trace.signals) > 20, bool(source.config), bool(source.summary), bool(source.recording)]
    left += [bool(source.data), bool(source.recoveries), bool(source.replays and source.replays[0].verdict)]
    order = ["trace.jsonl", "config.toml", "summary.json", "recording.json", "data.json", "recoveries.json", FILES[-1]]
    assert [there for there, file in zip(left, order, strict=True) if file != name] == [True] * 6
    page = report_page([source], EN)
    assert FAILED not in page
    assert (EN("problems") in page) == bool(source.problems)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".json")])
def test_a_newer_schema_is_shown_as_far_as_it_is_understood(run: Path, name: str) -> None:
    content = read_checked(run / name)
    (run / name).write_text(json.dumps({**content, "schema": 2, "novelty": {"a": [1]}}))
    source = read_source(run)
    assert any("newer newllm (schema 2" in said for said in map(str, source.problems))
    assert FAILED not in report_page([source], EN)
    if name == FILES[-1]:
        assert source.replays[0].verdict is not None


def test_a_link_leads_nowhere_out_of_the_run(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password = 'hunter2'\n")
    (run / "config.toml").unlink()
    (run / "config.toml").symlink_to(secret)
    source = read_source(run)
    assert "hunter2" not in report_page([source], EN)
    assert "'config.toml' is a link: what it leads to is not shown" in map(str, source.problems)


def of_ranks(run: Path, *weights: int) -> None:
    """Write what ranks write of one parameter: equal at the start, and then these."""
    (run / "ranks").mkdir()
    for rank, value in enumerate(weights):
        about = {"schema": 1, "rank": rank, "ranks": len(weights), "wrapped": True, "left_out": 0, "parameters": ["a"]}
        rows = [{"step": step, "weights": [of], "moments": [None]} for step, of in ((0, 1), (10, value), (20, value))]
        (run / f"ranks/rank-{rank:05}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (about, *rows)))


def test_what_ranks_wrote_is_judged_as_the_doctor_does(run: Path) -> None:
    of_ranks(run, 2, 3)
    found = read_source(run).findings
    assert "ranks-apart" in [one.kind for one in found]
    assert [one.kind for one in found] == [one.kind for one in newllm.doctor(run).findings]
    (run / "ranks/rank-00001.jsonl").write_text("{}\n")
    assert any("ranks" in str(one) for one in read_source(run).problems)


def test_a_link_among_what_ranks_wrote_is_not_followed(run: Path, tmp_path: Path) -> None:
    of_ranks(run, 2, 3)
    kept = (run / "ranks/rank-00001.jsonl").rename(tmp_path / "kept")
    (run / "ranks/rank-00001.jsonl").symlink_to(kept)
    source = read_source(run)
    assert "ranks-apart" not in [one.kind for one in source.findings]
    assert "'ranks/rank-00001.jsonl' is a link: what it leads to is not shown" in map(str, source.problems)


def test_rows_around_a_damaged_one_are_kept(run: Path) -> None:
    place = run / "trace.jsonl"
    lines = place.read_bytes().split(b"\n")
    lines[50], lines[60] = b'{"step": 51, "loss": ', b"\xff\xfe\x00"
    place.write_bytes(b"\n".join(lines))
    source = read_source(run)
    assert len(source.trace.series("loss").step) == 198
    assert "'trace.jsonl' is damaged: 2 lines are no row of a trace, and left out" in map(str, source.problems)


def test_a_run_that_is_being_written_has_no_problem(run: Path) -> None:
    with (run / "trace.jsonl").open("ab") as file:
        file.write(b'{"step": 201, "lo')
    summary = read_checked(run / "summary.json")
    (run / "summary.json").write_text(json.dumps({**summary, "status": "running"}))
    source = read_source(run)
    assert source.problems == ()
    assert len(source.trace.series("loss").step) == 200


def test_a_run_of_which_only_a_part_is_left_is_shown(run: Path) -> None:
    for name in ("config.toml", "trace.jsonl", "recording.json"):
        (run / name).unlink()
    source = read_source(run)
    assert (source.own, source.trace.signals, source.summary["status"]) == (True, {}, "finished")
    assert source.replays[0].verdict is not None  # and none of the replays' files is taken for a log
    assert FAILED not in report_page([source], EN)


def test_packed_blocks_are_read_up_to_where_they_are_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newllm.trace.store.PACK_BYTES", 3000)
    monkeypatch.setattr("newllm.trace.store.FLUSH_SECONDS", 0.0)
    place = tmp_path / "run"
    place.mkdir()
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(400):
            writer.write(step, loss=5.0)
    assert len(read_source(place).trace.series("loss").step) == 400
    blocks = place / "trace.blocks"
    content = bytearray(blocks.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    blocks.write_bytes(content)
    source = read_source(place)
    assert 50 < len(source.trace.series("loss").step) < 400
    assert any("'trace.blocks' is damaged" in said for said in map(str, source.problems))


def test_replays_without_a_verdict_say_how_many_are_done(run: Path) -> None:
    shutil.rmtree(run / "replays/step-00000039/trajectories")
    (run / "replays/step-00000039/verdict.json").unlink()
    source = read_source(run)
    assert [(one.verdict, one.done) for one in source.replays] == [(None, 0)]
    assert EN("replay-unfinished", name="step-00000039", count=0) in report_page([source], EN)


def _changed(thing: object, chance: random.Random) -> object:
    """Put something of another kind in one place of plain data."""
    if isinstance(thing, dict) and thing and chance.random() < 0.9:
        key = chance.choice(sorted(thing))
        return {**thing, key: _changed(thing[key], chance)}
    if isinstance(thing, list) and thing and chance.random() < 0.9:
        at = chance.randrange(len(thing))
        return [*thing[:at], _changed(thing[at], chance), *thing[at + 1 :]]
    return chance.choice([None, -1, 10**400, 0.5, 1e308, "", "x", [], {}, [[1]], {"a": {}}, True])


@pytest.mark.parametrize("seed", range(24))
def test_whatever_kind_of_thing_stands_in_a_file_there_is_a_page(run: Path, seed: int) -> None:
    chance = random.Random(seed)
    for name in FILES[2:]:
        content = json.loads((run / name).read_text())
        for _ in range(chance.randrange(1, 4)):
            content = _changed(content, chance)
        (run / name).write_text(json.dumps(content))
    page = report_page([read_source(run)], EN)
    assert EN("curves") in page
    assert page.endswith("</html>\n")


def test_what_cannot_be_judged_of_the_data_does_not_stop_the_diagnosis(run: Path) -> None:
    content = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**content, "facts": {"validation": "all of it", "labels": 3}}))
    source = read_source(run)
    assert "spike" in {one.kind for one in source.findings}
    assert np.isfinite(source.trace.series("loss").value).all()


def test_a_directory_of_several_runs_names_them(whole: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(whole, tmp_path / "runs" / name)
    with pytest.raises(UserError, match=r"holds several runs \(one, two\): name the one that is meant"):
        read_source(tmp_path / "runs")


@pytest.mark.parametrize("text", ["# a title\nabout 111 things\n", "step,loss\n1,2.5\n"])
def test_a_file_without_a_curve_is_refused(text: str, tmp_path: Path) -> None:
    place = tmp_path / "notes.md"
    place.write_text(text)
    with pytest.raises(UserError, match="notes"):
        read_source(place)


def test_no_path_is_not_this_directory() -> None:
    with pytest.raises(UserError, match="'' is no path"):
        read_source("")


def test_a_trace_that_ends_before_its_run_is_told(run: Path) -> None:
    rows = (run / "trace.jsonl").read_text().splitlines(keepends=True)
    (run / "trace.jsonl").write_text("".join(rows[: len(rows) // 2]))
    (told,) = map(str, read_source(run).problems)
    assert told.startswith("the trace ends at step ")
    assert told.endswith("but the run reached 200: what lies between is lost")


def rewritten(run: Path, keep: Callable[[int, dict[str, float]], dict[str, float]], **summary: object) -> Path:
    """Write the trace of a run anew with some of its signals, and its summary with other things in it."""
    (run / "trace.jsonl").unlink()
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(1, 201):
            if signals := keep(step, {"loss": 5.0 - step / 100, "gradient_norm": 1.0}):
                writer.write_row(step, signals)
    content = read_checked(run / "summary.json")
    (run / "summary.json").write_text(json.dumps({**content, **summary}))
    return run


def without_loss(*missing: int) -> Callable[[int, dict[str, float]], dict[str, float]]:
    return lambda step, signals: {"gradient_norm": 1.0} if step in missing else signals


@pytest.mark.parametrize(("status", "told"), [("finished", 1), ("interrupted", 1), ("running", 0), (None, 0)])
def test_the_last_losses_of_a_run_that_has_ended_are_missed(run: Path, status: str | None, told: int) -> None:
    problems = read_source(rewritten(run, without_loss(199, 200), status=status)).problems
    assert len(problems) == told
    assert all("199" in str(problem) for problem in problems)


@pytest.mark.parametrize("status", ["finished", "running"])
def test_losses_in_the_middle_are_missed_while_it_goes_on_too(run: Path, status: str) -> None:
    (problem,) = read_source(rewritten(run, without_loss(100), status=status)).problems
    assert "100" in str(problem)


def test_what_a_recorder_leaves_out_is_not_missed(run: Path) -> None:
    (run / "config.toml").unlink()
    assert read_source(rewritten(run, without_loss(100, 199, 200))).problems == ()


@pytest.mark.parametrize(("step", "told"), [(200, 0), (201, 1), ("200", 0), (True, 0), (None, 0)])
def test_a_trace_is_cut_short_where_its_run_came_further(run: Path, step: object, told: int) -> None:
    (run / "config.toml").unlink()
    problems = read_source(rewritten(run, lambda _, signals: signals, step=step)).problems
    assert len(problems) == told
    assert all("the trace ends at step 200, but the run reached 201" in str(problem) for problem in problems)


@pytest.mark.parametrize("names", [("config.toml", "summary.json"), ("snapshots", "data.json")])
def test_two_files_that_newllm_writes_make_a_run_of_ours(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    assert read_source(tmp_path).own
    (tmp_path / names[0]).unlink()
    assert read_source(tmp_path).own  # one, and no log
    (tmp_path / "log.csv").write_text("step,loss\n1,2.5\n2,2.25\n")
    assert not read_source(tmp_path).own


def test_two_points_are_a_curve(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,loss\n1,2.5\n2,2.25\n")
    source = read_source(tmp_path / "a.csv")
    assert (len(source.trace.series("loss").step), source.id("x"), source.numbered(2).id("x")) == (2, "x", "run-2-x")
