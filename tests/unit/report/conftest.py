import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.data.facts import data_facts
from newllm.files import write_bytes, write_json
from newllm.trace import Summary, TraceWriter
from newllm.trace.samples import Sample, add_sample

LAYERS = ("embedding", "body.a", "body.b", "head")
CONFIG = """\
schema = 1
seed = 3

[model]
body = "cell"
rule = "additive"
norm = "none"
vocabulary = 50

[environment]
python = "3.11"
"""
VERDICT = Path(__file__).parents[3] / "studies" / "founding" / "replay.json"


def row(step: int) -> dict[str, float]:
    """What a run with a spike at steps 120 to 126 records."""
    spike = 6.0 if 120 <= step <= 126 else 0.0
    noise = 0.02 * np.sin(7.0 * step)
    signals = {
        "loss": 4 * np.exp(-step / 60) + 2 + noise + spike,
        "gradient_norm": 1 + 30 * spike,
        "learning_rate": 1e-3,
    }
    signals |= {
        "gradient_norm_clipped": 1.0,
        "context_norm": 3.0 + step / 50,
        "context_mean": -0.05,
        "context_std": 0.6,
    }
    if step % 10 == 0:
        signals |= {"loss/seen": 2.4, "count/seen": 90.0, "loss/end": 2.0 + spike, "count/end": 30.0}
        signals |= {"validation_loss": 3 + spike, "validation_count": 30.0, "loop_gain": 1.0 + step / 1000}
        for at, name in enumerate(("seen", "unknown", "end")):
            signals |= {f"validation_loss/{name}": 2.5 + at + spike * at, f"validation_count/{name}": 10.0}
        signals |= {f"context_norm/position-{n}": n * (1 + step / 50) for n in (1, 2, 4, 8)}
        for at, name in enumerate(reversed(LAYERS)):  # not the model's order
            signals |= {f"gradient_norm/{name}": 10.0**-at, f"update_ratio/{name}": 1e-3, f"activation_rms/{name}": 1.0}
    return signals


def curve(start: int, spiked: bool) -> dict[str, Any]:
    steps = list(range(start + 1, start + 51))
    loss = [5.0 + (4.0 if spiked and 38 < step < 46 else 0.0) for step in steps]
    return {
        "start": start,
        "steps": steps,
        "loss": loss,
        "probe_steps": [start, *steps[1::2]],
        "probe": [5.0, *loss[1::2]],
    }


def write_replays(place: Path) -> None:
    """The verdict of the founding study, with curves of its confirmed replays and of a reverse test."""
    verdict = json.loads(VERDICT.read_bytes())
    write_json(place / "verdict.json", verdict)
    write_json(place / "replay.json", {"schema": 1, "onset": 39})
    confirmed = [one for one in verdict["interventions"] if one["stage"] == "confirmed"]
    named = [("null", start, replay, "applied") for start in (0, 31) for replay in range(11)]
    named += [(one["name"], one["start"], replay, "applied") for one in confirmed for replay in range(3, 11)]
    named += [("residual-fnn", 0, 3, "planted")]
    (place / "trajectories").mkdir()
    for at, (name, start, replay, variant) in enumerate(named):
        content = {"task": {"variant": variant}, **curve(start, name == "null" or variant == "planted")}
        file = place / "trajectories" / f"{name}-from-{start}-replay-{replay}-{at:012x}.json"
        write_bytes(file, json.dumps(content).encode(), durable=False)


def write_run(place: Path, steps: int = 200) -> Path:
    """A run directory with everything in it, by the writers that write real ones; no torch."""
    place.mkdir()
    write_bytes(place / "config.toml", CONFIG.encode())
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, steps + 1):
            writer.write_row(step, row(step))
    summary = Summary(steps=steps, parameters=1234, scan_backend="none", precision="fp32", device="cpu", step=steps)
    summary.status, summary.tokens, summary.tokens_per_second = "finished", 6400, 800.0
    summary.validated(100, 3.0, 1.5)
    summary.save(place / "summary.json")
    layers = [{"name": name, "kind": "Linear", "parameters": 10, "trained": True} for name in LAYERS]
    write_json(place / "recording.json", {"schema": 1, "vocabulary": 50, "optimizer": "Adam", "layers": layers})
    text = [f"the {word} is here and the {word} is there" for word in ("cat", "dog", "bird", "fish", "cow")]
    facts = data_facts(text, ["the horse is here"])
    sources = [{"name": "animals.txt", "sha256": "ab" * 32, "bytes": 190}]
    write_json(place / "data.json", {"schema": 1, "sources": sources, "counts": {"train_tokens": 50}, "facts": facts})
    recovery = {
        "number": 1,
        "action": "remedy",
        "sentence": "It was rolled back.",
        "detected": 40,
        "remedy": "clip-half",
    }
    write_json(place / "recoveries.json", {"schema": 1, "recoveries": [recovery]})
    add_sample(place / "samples.jsonl", Sample(100, "", "the cat is here", 0))
    (place / "replays" / "step-00000039").mkdir(parents=True)
    write_replays(place / "replays" / "step-00000039")
    return place


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything. Copy it before changing it."""
    return write_run(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Write a CSV log."""

    def write(text: str, name: str = "log.csv") -> Path:
        place = tmp_path / name
        place.write_text(text, encoding="utf-8")
        return place

    return write
