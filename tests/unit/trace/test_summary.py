import json
import math
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.trace import Context, Summary, Validation, summary

FIELDS = {
    "schema", "status", "pid", "heartbeat", "started", "step", "steps", "parameters", "tokens", "seconds",
    "tokens_per_second", "last_validation", "best_validation", "last_context", "findings", "recoveries",
    "preparation", "message", "reason", "scan_backend", "precision", "device", "ranks",
}  # fmt: skip


def make(**changes):
    known: dict[str, Any] = {
        "steps": 100,
        "parameters": 5000,
        "scan_backend": "torch",
        "precision": "fp32",
        "device": "cpu",
    }
    return Summary(**(known | changes))


def test_it_is_complete_from_the_first_second(tmp_path):
    path = tmp_path / "summary.json"
    make().save(path)
    content = read_checked(path)
    assert set(content) == FIELDS
    assert content["schema"] == 1
    assert content["status"] == "running"
    assert content["pid"] == os.getpid()
    assert content["last_validation"] is None
    assert content["findings"] == []
    assert [content[name] for name in ("step", "tokens", "seconds", "tokens_per_second")] == [0, 0, 0.0, 0.0]
    for name in ("started", "heartbeat"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", content[name])
        assert datetime.now(UTC) - datetime.fromisoformat(content[name]) < timedelta(seconds=60)


def test_it_comes_back_as_it_was_saved(tmp_path):
    path = tmp_path / "summary.json"
    saved = make(step=7, tokens=99, seconds=1.5, tokens_per_second=66.0, status="diverged", message="loss is NaN")
    saved.validated(5, 2.0, 1.25)
    saved.validated(7, 3.0, None)
    saved.last_context = Context(7, 7.144, -0.0539, 0.623)
    saved.save(path)
    assert Summary.load(path) == saved
    assert Summary.load(path).as_dict() == read_checked(path)


def test_saving_renews_the_heartbeat_and_only_the_last_one_waits_for_the_disk(tmp_path, monkeypatch):
    durable = []
    monkeypatch.setattr(summary, "write_checked", lambda *_, **options: durable.append(options["durable"]))
    state = make(heartbeat="2000-01-01T00:00:00+00:00")
    state.save(tmp_path / "summary.json")
    assert not state.heartbeat.startswith("2000")
    state.status = "finished"
    state.save(tmp_path / "summary.json")
    assert durable == [False, True]


def test_the_best_validation_is_the_lowest_finite_one():
    state = make()
    state.validated(1, math.nan, None)
    assert state.best_validation is None
    assert state.last_validation is not None
    state.validated(2, np.float32(3.0), np.float32(1.5))
    state.validated(3, 2.0, 1.0)
    state.validated(4, 2.5, 1.2)
    state.validated(5, -math.inf, None)
    assert state.best_validation == Validation(3, 2.0, math.exp(2.0), 1.0)
    assert state.last_validation.step == 5


def test_what_is_not_finite_is_null_in_the_file_and_a_loaded_run_goes_on(tmp_path):
    path = tmp_path / "summary.json"
    state = make(tokens_per_second=math.inf)
    state.validated(2, 3.0, 1.5)
    state.validated(3, 1000.0, math.nan)
    assert state.last_validation is not None
    assert state.last_validation.perplexity == math.inf
    state.save(path)
    assert json.loads(path.read_text())["last_validation"] == {
        "step": 3, "loss": 1000.0, "perplexity": None, "bits_per_byte": None,
    }  # fmt: skip
    loaded = Summary.load(path)
    assert loaded.tokens_per_second is None
    loaded.validated(4, 2.0, None)
    assert loaded.best_validation is not None
    assert loaded.best_validation.step == 4


def test_one_from_before_it_told_of_contexts_is_read(tmp_path):
    path = tmp_path / "summary.json"
    before = make().as_dict()
    del before["last_context"]
    path.write_text(json.dumps(before))
    assert Summary.load(path).last_context is None


def test_fields_of_a_later_version_are_passed_over(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(make().as_dict() | {"novelty": 1}))
    assert Summary.load(path).steps == 100


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 2}, "schema 2"),
        ({"status": "sleeping"}, "status 'sleeping'"),
        ({"step": "twelve"}, "'step' is 'twelve'"),
        ({"tokens": True}, "'tokens' is True"),
        ({"best_validation": {"step": 1}}, "no 'loss'"),
        ({"last_validation": [1]}, r"'last_validation' is \[1\]"),
        ({"last_context": {"step": 1, "norm": 2.0, "mean": 0.0}}, "no 'std'"),
        ({"device": None}, "'device' is None"),
    ],
)
def test_a_foreign_summary_is_refused_with_what_is_wrong(tmp_path, change, told):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(make().as_dict() | change))
    with pytest.raises(UserError, match=rf"summary\.json' is not the summary of a run: .*{told}"):
        Summary.load(path)


@pytest.mark.parametrize("content", [b"", b'{"schema": 1', b"\xff\xfe", b"[]", b"{}", b"3", b"[" * 100_000])
def test_a_corrupt_summary_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not the summary of a run") as caught:
        Summary.load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_summary_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        Summary.load(tmp_path / "summary.json")
