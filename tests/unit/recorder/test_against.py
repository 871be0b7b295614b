"""Recorded trainings held against a sound one with another seed, by `newllm.doctor(run, against=sound)`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.cli.main import main
from newllm.errors import UserError


def train(
    out: Path,
    seed: int,
    *,
    rate: Callable[[int], float] = lambda _: 3e-3,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    prepare: Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]] = lambda _, x, y: (x, y),
    frozen_from: int | None = None,
) -> Path:
    """Record 240 updates of a classifier of blobs: the same data whatever the seed."""
    data = torch.Generator().manual_seed(0)
    centres, labels = torch.randn(6, 20, generator=data), torch.randint(6, (1200,), generator=data)
    inputs = centres[labels] + 0.9 * torch.randn(1200, 20, generator=data)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 6))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate(0))
    with newllm.record(model, optimizer, out, every=5) as recorder:
        for step in range(240):
            if step == frozen_from:
                model[0].requires_grad_(requires_grad=False)
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            rows = torch.randint(1200, (32,))
            x, y = prepare(step, inputs[rows], labels[rows])
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            optimizer.step()
            recorder.step(value)
    return out


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("against") / "sound", 1)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_seed_is_sound(sound: Path, tmp_path: Path, seed: int) -> None:
    found = newllm.doctor(train(tmp_path / "run", seed), against=sound)
    assert not found.wrong, str(found)
    assert found.findings[0].kind == "as-reference"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate": lambda step: 3e-3 if step < 120 else 3e-5}, "learning rate 3e-05 (there 0.003; from step 121 on)"),
        ({"loss": lambda z, y: F.cross_entropy(z.softmax(-1), y)}, "softmax"),
        ({"prepare": lambda _, x, y: (x / 10, y)}, "standard deviation of the inputs"),
        ({"prepare": lambda _, x, y: (x[:8], y[:8])}, "rows of a batch 8 (there 32; from step 1 on)"),
        ({"prepare": lambda _, x, y: (x, y % 3)}, "classes among the targets 3 (there 6"),
        ({"frozen_from": 100}, "parameters with a gradient 4 (there 6; from step 101 on)"),
    ],
)
def test_what_was_changed_is_told_first(sound: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    found = newllm.doctor(train(tmp_path / "run", 2, **change), against=sound)
    first = found.findings[0]
    tells = first.kind == "differs-from-reference" or first.sentence.id == "unlike-finding"
    assert (found.wrong, tells) == (True, True), str(found)
    assert said in str(found.findings[0].sentence), str(found)


def test_a_mistake_that_no_setting_shows_is_seen_in_what_it_does(sound: Path, tmp_path: Path) -> None:
    """Labels that belong to other rows: their counts are as they were."""
    shuffled = train(tmp_path / "run", 2, prepare=lambda _, x, y: (x, y.roll(1)))
    found = {one.kind: one for one in newllm.doctor(shuffled, against=sound).findings}
    assert found["parts-from-reference"].severity == "warning"
    assert "training loss ends at 1.8" in str(found["parts-from-reference"].sentence)


def test_the_command_tells_it_and_leaves_what_is_kept_of_the_run(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path / "run", 2, rate=lambda _: 3e-5)
    main(["doctor", str(run), "--quiet"])
    kept = (run / "findings.json").read_bytes()
    capsys.readouterr()
    page = tmp_path / "page.html"
    assert main(["doctor", str(run), "--against", str(sound), "--html", str(page)]) == 1
    said = capsys.readouterr().out
    assert "learning rate 3e-05 (there 0.003; from step 1 on)" in " ".join(said.split())
    assert f"in grey: {sound}"[:30] in said
    assert 'class="curve behind"' in page.read_text()
    assert main(["doctor", str(run), "--against", str(sound), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["against"] == [str(sound)]
    assert told["findings"][0]["kind"] == "differs-from-reference"
    assert (run / "findings.json").read_bytes() == kept, "it holds what is said of the run by itself"
    assert main(["doctor", str(run), "--against", str(sound), "--lang", "ja"]) == 1
    assert "あちらでは0.003" in capsys.readouterr().out.replace("\n", "").replace(" ", "")


def test_a_run_is_not_held_against_itself(sound: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is the run that it is held against"):
        newllm.doctor(sound, against=sound)
    with pytest.raises(UserError, match="given twice"):
        newllm.doctor(train(tmp_path / "run", 2), against=[sound, sound])


def test_what_follows_a_planned_change_is_a_note(sound: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", 2, rate=lambda step: 3e-3 if step < 120 else 3e-2)
    found = newllm.doctor(run, against=sound)
    rate = next(one for one in found.findings if one.kind == "learning-rate-jump")
    assert (rate.severity, rate.evidence["differs"]) == ("warning", ["learning_rate"])
    planned = newllm.doctor(run, against=sound, notes={121: "a higher rate"})
    of_rates = [one for one in planned.findings if "learning rate" in str(one.sentence)]
    assert of_rates
    assert all(one.severity == "note" and "a higher rate" in str(one.sentence) for one in of_rates)
