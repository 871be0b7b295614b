import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import newllm
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recorder import Recorder
from newllm.recorder.arguments import is_first_process
from newllm.trace import read_trace

Signals = Callable[[], dict[str, dict[int, float]]]
VOCABULARY = 31
BODIES = ("cell", "zero-cell", "stack", "delta", "attention", "lstm")


class Tutorial(nn.Module):
    """An embedding, a body of torch's own, a head."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCABULARY, 16), nn.Linear(16, VOCABULARY)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.body = nn.GRU(16, 16, batch_first=True) if body == "gru" else layer

    def forward(self, tokens: Tensor) -> Tensor:
        output = self.body(self.embedding(tokens))
        return self.head(output[0] if isinstance(output, tuple) else output)


def build(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind in ("gru", "transformer"):
        return Tutorial(kind)
    rule = {"cell": "gated", "stack": "gated", "delta": "gated,delta"}.get(kind, "additive")
    shape = {"width": 16, "layers": 2, "hidden": 16, "context": 16, "heads": 2, "window": 9, "dropout": 0.2}
    return LanguageModel(
        ModelConfig(body="stack" if kind == "delta" else kind, rule=rule, vocabulary=VOCABULARY, **shape)
    )


def train(model: nn.Module, recorder: Recorder | None, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        tokens = torch.randint(VOCABULARY, (3, 9))
        output = model(tokens[:, :-1])
        logits = output[0] if isinstance(output, tuple) else output
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        (loss / 2).backward()
        if step % 2:
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
            if recorder is not None:
                recorder.step(loss)


@pytest.mark.parametrize("kind", [*BODIES, "gru", "transformer"])
def test_the_weights_and_the_chance_are_the_same_to_the_bit(tmp_path: Path, kind: str) -> None:
    plain, watched = build(kind), build(kind)
    torch.manual_seed(1)
    train(plain, None, torch.optim.AdamW(plain.parameters(), 1e-2), 44)
    chance = torch.get_rng_state()
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(watched.parameters(), 1e-2)
    with newllm.record(watched, optimizer, tmp_path / "run", every=2) as recorder:
        train(watched, recorder, optimizer, 44)
    assert torch.equal(chance, torch.get_rng_state())
    for (name, left), right in zip(plain.named_parameters(), watched.parameters(), strict=True):
        assert torch.equal(left, right), name


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")  # from torch's compiler
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("given", ["compiled", "bare"])
def test_a_compiled_model_keeps_its_graph(
    tmp_path: Path, model: nn.Module, loss_of: Callable[[nn.Module], Tensor], signals: Signals, backend: str, given: str
) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled: nn.Module = torch.compile(model, backend=backend)  # type: ignore[assignment]
    optimizer, lengths = torch.optim.AdamW(model.parameters()), []
    recording = newllm.record(compiled if given == "compiled" else model, optimizer, tmp_path / "run", every=2)

    def step(recorder: Recorder) -> None:
        loss = loss_of(compiled)
        optimizer.zero_grad()
        loss.backward()
        lengths.append(torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm().item())
        optimizer.step()
        recorder.step(loss)

    with recording as recorder:
        with pytest.warns(UserWarning, match="compiled model"):
            step(recorder)
        for _ in range(8):
            step(recorder)
    assert not torch._dynamo.utils.counters["graph_break"]
    # One more where hooks were taken from a model that was compiled elsewhere; not one a step.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == (1 if given == "compiled" else 2)
    found = signals()
    assert list(found["gradient_norm"].values()) == pytest.approx(lengths, rel=1e-5)
    assert {"weight_norm/0", "update_norm/4", "gradient_norm/2"} <= found.keys()
    assert ("log_z" in found) == (given == "compiled")


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")  # from torch's compiler
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by torch while it compiles
def test_layers_that_were_compiled_alone_are_left_in_peace(tmp_path: Path, model: nn.Module, signals: Signals) -> None:
    torch._dynamo.reset()
    alone: Any = torch.compile(model.get_submodule("2"), backend="eager")
    model.set_submodule("2", alone)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, tmp_path / "run", every=2) as recorder:
        for _ in range(5):
            model(torch.randn(2, 6)).sum().backward()
            optimizer.step()
            recorder.step(1.0)
    found = signals()
    assert {"activation_rms/0", "activation_rms/4", "weight_norm/2"} <= found.keys()
    assert "activation_rms/2" not in found


def one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        torch.manual_seed(0)
        model = DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        torch.manual_seed(rank)
        lengths = []
        with newllm.record(model, optimizer, out=f"{folder}/{rank}", every=2) as recorder:
            for _ in range(4):
                optimizer.zero_grad()
                loss = model(torch.randn(4, 6)).square().mean()
                loss.backward()
                lengths.append(torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm())
                optimizer.step()
                recorder.step(loss)
            recorder.validation(1.0)
        torch.save(torch.stack(lengths), f"{folder}/lengths-{rank}")
    finally:
        torch.distributed.destroy_process_group()


def test_the_only_process_of_a_distributed_training_writes() -> None:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        assert is_first_process()
    finally:
        torch.distributed.destroy_process_group()
    assert is_first_process()


@pytest.mark.slow
def test_of_two_processes_the_first_records_the_gradient_of_both(tmp_path: Path) -> None:
    # This file is its own program: a spawned process finds no module of a test that pytest has imported by its place.
    started = [subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)]) for rank in (0, 1)]
    assert [process.wait(120) for process in started] == [0, 0]
    trace = read_trace(tmp_path / "0" / "trace.jsonl")
    lengths = [torch.load(tmp_path / f"lengths-{rank}", weights_only=True) for rank in (0, 1)]
    assert torch.equal(*lengths)
    assert trace.series("gradient_norm").value.tolist() == pytest.approx(lengths[0].tolist(), rel=1e-5)
    assert "activation_rms/0" in trace.signals
    assert not (tmp_path / "1").exists()


if __name__ == "__main__":
    one_of_two(int(sys.argv[1]), sys.argv[2])


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")  # from torch's compiler
def test_a_compiled_step_of_a_text_model_is_compiled_once(tmp_path: Path) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(VOCABULARY, 16), nn.Linear(16, VOCABULARY))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def loss_of(tokens: Tensor) -> Tensor:
        return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    step: Any = torch.compile(loss_of, backend="eager", fullgraph=True)
    with newllm.record(model, optimizer, tmp_path / "run", every=100) as recorder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(12):
            loss = step(torch.randint(VOCABULARY, (3, 9)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 3
