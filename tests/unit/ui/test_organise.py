"""Tags, notes, the archive, other names, the trash and back: what is written, what is refused, and nothing lost."""

import json
import os
import shutil
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace import Summary
from newllm.trace.labels import Labels, labels_of
from newllm.ui.index import id_of
from newllm.ui.moving import rename
from newllm.ui.trash import FOLDER, Trash


@pytest.fixture
def served(tmp_path, make_run, serving):
    for name in ("a", "b", "deep/c"):
        make_run(tmp_path / "runs" / name)
    with serving(tmp_path / "runs") as server:
        server.id_of("deep/c")
        yield server


@pytest.fixture
def root(served) -> Path:
    return served.app.state.index.root


def listed(server, *columns):
    answer = server.ask(f"/api/runs?columns={','.join(columns)}").json()
    return {run["name"]: run for run in answer["runs"]}


def content_of(place: Path) -> dict[str, bytes]:
    return {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}


def full(*_: object) -> None:
    raise UserError("no room")


def test_labels_are_written_shown_and_taken_back(served, root):
    ids = [id_of("a"), id_of("deep/c")]
    answer = served.post("/api/runs/labels", {"ids": ids, "add": [" good ", "old"], "note": "why\n"}).json()
    assert [one["before"] for one in answer["done"]] == [{"tags": [], "note": "", "archived": False}] * 2
    assert answer["refused"] == []
    assert listed(served)["a"]["tags"] == ["good", "old"]
    assert listed(served)["a"]["note"] == "why"
    assert "tags" not in listed(served)["b"]
    served.post("/api/runs/labels", {"ids": ids[:1], "remove": ["old"], "archived": True})
    assert json.loads((root / "a" / "labels.json").read_text()) == {
        "schema": 1, "tags": ["good"], "note": "why", "archived": True,
    }  # fmt: skip
    assert listed(served)["a"]["archived"] is True
    served.post("/api/runs/labels", {"ids": ids[:1], "tags": [], "note": "", "archived": False})
    assert not {"tags", "note", "archived"} & set(listed(served)["a"])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"ids": []}, "0 ids: give 1 to 5,000"),
        ({"ids": "a"}, "no list of names"),
        ({"ids": ["a"], "add": ["a,b"]}, "'a,b' is no tag"),
        ({"ids": ["a"], "add": ["x" * 41]}, "is no tag"),
        ({"ids": ["a"], "add": ["\x1b[31m"]}, "is no tag"),
        ({"ids": ["a"], "note": "x" * 1001}, "a note of 1,001 characters is too long"),
        ({"ids": ["a"], "note": 3}, "'3' is no note"),
        ([], "no object"),
    ],
)
def test_bad_labels_are_refused_in_one_line_and_nothing_is_written(served, root, sent, said):
    answer = served.post("/api/runs/labels", sent)
    assert answer.status == 400
    assert said in answer.json()["error"]
    assert not list(root.rglob("labels.json"))


def test_damaged_labels_count_as_none_and_are_told(served, root, wait_for):
    (root / "a" / "labels.json").write_text('{"schema": 1, "tags": [3, "ok", "a,b"], "note": 7, "archived": "yes"}')
    assert wait_for(lambda: listed(served)["a"].get("tags")) == ["ok"]
    assert not {"note", "archived"} & set(listed(served)["a"])
    (root / "a" / "labels.json").write_text("{")
    assert "labels.json" in wait_for(lambda: listed(served)["a"].get("problems"))[0]
    assert labels_of({}) == Labels()


def test_labels_that_cannot_be_read_are_not_written_over(served, root):
    (root / "a" / "labels.json").write_text('{"tags": ["by han')
    answer = served.post("/api/runs/labels", {"ids": [id_of("a"), id_of("b")], "add": ["x"]}).json()
    assert [one["name"] for one in answer["refused"]] == ["a"]
    assert "mend '" in answer["refused"][0]["why"]
    assert served.post(f"/api/run/{id_of('a')}/edit", {"name": "e", "note": "n"}).status == 409
    assert (root / "a" / "labels.json").read_text() == '{"tags": ["by han'
    assert listed(served)["b"]["tags"] == ["x"]


def test_what_began_to_run_a_moment_ago_is_not_moved(served, root):
    served.app.state.index.stop()  # nobody looks by himself any more
    summary = Summary(steps=100, parameters=1, scan_backend="numba", precision="fp32", device="cpu")
    summary.save(root / "a" / "summary.json")
    answer = served.post("/api/runs/delete", {"ids": [id_of("a")]}).json()
    assert "'a' is running" in answer["refused"][0]["why"]
    assert (root / "a").is_dir()


def test_a_deleted_run_comes_back_whole(served, root):
    before = content_of(root / "deep" / "c")
    answer = served.post("/api/runs/delete", {"ids": [id_of("deep/c"), "nobody"]}).json()
    assert [one["why"] for one in answer["refused"]] == ["it is gone: look at the list again"]
    assert not (root / "deep" / "c").exists()
    assert set(listed(served)) == {"a", "b"}
    trash = served.ask("/api/trash").json()
    assert trash["place"] == str(root / FOLDER)
    assert [run["name"] for run in trash["runs"]] == ["deep/c"]
    shutil.rmtree(root / "deep")  # the folder above may have gone meanwhile
    back = served.post("/api/runs/restore", {"trash": [answer["done"][0]["trash"]]}).json()
    assert back["done"][0]["id"] == id_of("deep/c")
    assert content_of(root / "deep" / "c") == before
    assert not (root / FOLDER).exists()
    assert "deep/c" in listed(served)


def test_what_has_taken_the_place_of_a_deleted_run_stays(served, root, make_run):
    key = served.post("/api/runs/delete", {"ids": [id_of("a")]}).json()["done"][0]["trash"]
    make_run(root / "a", steps=7)
    before = content_of(root / "a")
    answer = served.post("/api/runs/restore", {"trash": [key, "../../b", "20260101T000000-abcd"]}).json()
    assert answer["done"] == []
    assert [one["why"].split(":")[0] for one in answer["refused"]] == [
        "'a' is the name of another run by now",
        "no deleted run is called '../../b'",
        "no deleted run is called '20260101T000000-abcd'",
    ]
    assert content_of(root / "a") == before
    assert [run["name"] for run in served.ask("/api/trash").json()["runs"]] == ["a"]


def test_what_is_being_written_is_neither_deleted_nor_renamed(served, root, make_run, wait_for):
    place = make_run(root / "live", status="running")
    summary = Summary(steps=100, parameters=1, scan_backend="numba", precision="fp32", device="cpu")
    summary.save(place / "summary.json")
    assert wait_for(lambda: listed(served).get("live", {}).get("status")) == "running"
    answer = served.post("/api/runs/delete", {"ids": [id_of("live")]}).json()
    assert answer["refused"] == [{"name": "live", "why": "'live' is running: wait for its end, or stop it first"}]
    assert served.post(f"/api/run/{id_of('live')}/edit", {"name": "other"}).status == 409
    assert place.is_dir()


def test_a_run_is_renamed_beside_where_it_is(served, root):
    before = content_of(root / "deep" / "c")
    answer = served.post(f"/api/run/{id_of('deep/c')}/edit", {"name": "d e"}).json()
    was = {"name": "c", "tags": [], "note": "", "archived": False}
    assert answer == {"id": id_of("deep/d e"), "name": "deep/d e", "before": was}
    assert content_of(root / "deep" / "d e") == before
    assert served.ask(f"/run/{answer['id']}").status == 200
    assert served.ask(f"/run/{id_of('deep/c')}").status == 404


@pytest.mark.parametrize(
    "name", ["", " a", "..", ".hidden", "-rf", "x/y", "x\\y", "a\nb", "\ud800", "x" * 201, "\u202e"]
)
def test_what_is_no_name_is_refused(served, root, name):
    answer = served.post(f"/api/run/{id_of('a')}/edit", {"name": name})
    assert answer.status == 409
    assert "is no name for a run" in answer.json()["error"]
    assert (root / "a").is_dir()


@pytest.mark.parametrize(("name", "said"), [("b", "is the name of another run"), ("snapshots", "would not be found")])
def test_a_name_that_would_lose_a_run_is_refused(served, root, name, said):
    answer = served.post(f"/api/run/{id_of('a')}/edit", {"name": name})
    assert answer.status == 409
    assert said in answer.json()["error"]
    assert (root / "a").is_dir()


def test_the_shown_directory_itself_stays(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    with pytest.raises(UserError, match="delete it from the directory above"):
        Trash(run).delete(run)
    with pytest.raises(UserError, match="rename it from the directory above"):
        rename(run, run, "other")


def test_a_trash_that_leads_elsewhere_is_not_used(tmp_path, make_run):
    root, outside = tmp_path / "runs", tmp_path / "outside"
    run = make_run(root / "a")
    outside.mkdir()
    (root / FOLDER).symlink_to(outside)
    with pytest.raises(UserError, match="is no folder for deleted runs"):
        Trash(root).delete(run)
    assert run.is_dir()
    assert list(Trash(root)) == []


def test_hostile_notes_in_the_trash_lead_nowhere(tmp_path, make_run):
    root = tmp_path / "runs"
    make_run(root / "a")
    for number, name in enumerate(["../../etc", "/etc", "", ".", "x\0y", 7, None, ["a"]]):
        folder = root / FOLDER / f"20260101T00000{number}-abcd"
        (folder / "etc").mkdir(parents=True)
        (folder / "place.json").write_text(json.dumps({"name": name, "deleted": "2026-01-01T00:00:00+00:00"}))
        with pytest.raises(UserError, match="no deleted run is called"):
            Trash(root).restore(folder.name)
    assert list(Trash(root)) == []


def test_a_run_whose_name_is_no_text_comes_back(tmp_path, make_run):
    root = tmp_path / "runs"
    try:
        run = make_run(root / os.fsdecode(b"caf\xe9"))
    except OSError:
        pytest.skip("this file system has only names that are text")
    trash = Trash(root)
    gone = trash.delete(run)
    assert "\\udce9" in gone.as_dict()["name"]
    assert trash.restore(gone.key) == run
    assert run.is_dir()


def test_a_delete_that_fails_leaves_everything_as_it_was(tmp_path, make_run, monkeypatch):
    root = tmp_path / "runs"
    run = make_run(root / "a")
    before = content_of(run)

    monkeypatch.setattr("newllm.ui.trash.move", full)
    with pytest.raises(UserError, match="no room"):
        Trash(root).delete(run)
    assert content_of(run) == before
    assert list(Trash(root)) == []
    assert not [*(root / FOLDER).iterdir()]


def test_settings_come_with_the_list_where_they_are_asked_for(served):
    assert "settings" not in listed(served)["a"]
    assert listed(served, "seed", "model.rule", "nothing")["a"]["settings"] == {"seed": 0, "model.rule": "ema"}
    columns = {one["name"]: one for one in served.ask("/api/columns").json()["columns"]}
    assert columns["model.rule"] == {"name": "model.rule", "runs": 3, "differs": False}


def test_the_demo_is_not_put_in_order(tmp_path, make_run, serving):
    make_run(tmp_path / "a")
    with serving(tmp_path, demo=True) as server:
        for address in ("/api/runs/labels", "/api/runs/delete", "/api/runs/restore", f"/api/run/{id_of('a')}/edit"):
            assert server.post(address, {"ids": [id_of("a")]}).status == 403
        assert not list(tmp_path.rglob("labels.json"))
