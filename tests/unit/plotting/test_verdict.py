"""The figure of a verdict."""

from pathlib import Path

from newllm.plotting.verdict import draw_verdict
from newllm.trace import Tried, Verdict


def _tried(name: str, **changed) -> Tried:
    made: dict = {
        "name": name, "kind": "optimizer", "change": "", "hypothesis": "", "price": "", "start": 31, "n": 3,
        "stage": "screened", "effect_class": "no effect", "spiked": 3, "effect": 0.0, "interval": (-0.1, 0.2),
        "p": None, "severity": 1.0, "null_severity": 1.0, "later": None, "cost": None,
    }  # fmt: skip
    return Tried(**(made | changed))


def _verdict(*tried: Tried) -> Verdict:
    return Verdict(
        run="run", spike={"onset": 38}, reproduction={"identical": True}, nulls={}, interventions=tried, not_tried={},
        cause=None, suspects=(), missing=(), sentences=(), seconds=1.0,
    )  # fmt: skip


def _rows(tmp_path: Path, monkeypatch, *tried: Tried) -> list:
    drawn: list = []
    monkeypatch.setattr("newllm.plotting.verdict.draw_intervals", lambda rows, *_, **__: drawn.extend(rows))
    draw_verdict(_verdict(*tried), tmp_path / "verdict.png")
    return drawn


def test_a_verdict_becomes_a_png_and_nothing_else(tmp_path) -> None:
    draw_verdict(
        _verdict(
            _tried("sgd", effect=None, interval=None, effect_class="stops learning"),
            _tried("beta2", effect=-34.0, interval=(-60.0, -8.0)),
            _tried("residual-fnn", stage="confirmed", n=8, effect_class="removes", spiked=0, effect=0.99),
        ),
        tmp_path / "verdict.png",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["verdict.png"]
    assert (tmp_path / "verdict.png").read_bytes().startswith(b"\x89PNG")


def test_confirmed_rows_come_first_with_their_numbers(tmp_path, monkeypatch) -> None:
    confirmed = _tried("residual-fnn", stage="confirmed", n=8, effect_class="removes", spiked=0, effect=0.9)
    first, second = _rows(tmp_path, monkeypatch, _tried("sgd"), confirmed)
    assert (first.label, first.group, first.note) == (
        "residual-fnn, from step 31", "confirmed on 8 seeds", "removes, 0/8",
    )  # fmt: skip
    assert (first.estimate, first.low, first.high) == (0.9, -0.1, 0.2)
    assert second.group == "screened only: nothing is claimed"


def test_of_many_the_best_are_drawn(tmp_path, monkeypatch) -> None:
    rows = _rows(tmp_path, monkeypatch, *(_tried(f"change-{at}") for at in range(60)))
    assert [row.label for row in rows] == [f"change-{at}, from step 31" for at in range(40)]


def test_without_an_intervention_nothing_is_written(tmp_path) -> None:
    draw_verdict(_verdict(), tmp_path / "verdict.png")
    assert list(tmp_path.iterdir()) == []
