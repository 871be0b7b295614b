"""How far what stands under a key is from the value to be written: against the loop on paper, and as it is recorded."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import newllm
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.language_model import LanguageModel
from newllm.recorder.read_error import ROWS, read_error
from newllm.recurrence import Steps


def naive(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> float:
    """Return the same by one position after another of each head, float64."""
    errors, values = 0.0, 0.0
    _, key, value, lookup, log_decay = (tensor.double() for tensor in steps)
    for b in range(value.shape[0]):
        for h in range(value.shape[2]):
            matrix = initial_BHKV[b, h].double()
            for t in range(value.shape[1]):
                if reset_BT is not None and reset_BT[b, t]:
                    matrix = torch.zeros_like(matrix)
                matrix = log_decay[b, t, h].exp()[:, None] * matrix
                error = value[b, t, h] - matrix.T @ lookup[b, t, h]
                matrix = matrix + torch.outer(key[b, t, h], error)
                errors += float(error.square().sum())
                values += float(value[b, t, h].square().sum())
    return (errors / values) ** 0.5


def problem(positions: int, decays: int) -> tuple[Steps, Tensor]:
    shape = (2, positions, 3)
    query, lookup = torch.randn(*shape, 5), F.normalize(torch.randn(*shape, 5), dim=-1)
    log_decay = -torch.rand(*shape, decays)
    log_decay[:, positions // 2] = -torch.inf  # all is forgotten
    steps = Steps(query, torch.rand(*shape, 1) * lookup, torch.randn(*shape, 4), lookup, log_decay)
    return steps, torch.randn(2, 3, 5, 4)


@pytest.mark.parametrize("backend", ["torch", "auto"])
@pytest.mark.parametrize(("positions", "decays"), [(1, 1), (2, 5), (37, 1), (37, 5)])
@pytest.mark.parametrize("resets", [False, True])
def test_it_is_that_of_the_loop_over_positions(backend: str, positions: int, decays: int, resets: bool) -> None:
    steps, initial = problem(positions, decays)
    reset = torch.rand(2, positions) < 0.3 if resets else None
    found = read_error(steps, initial, reset, backend)
    assert float(found) == pytest.approx(naive(steps, initial, reset), rel=1e-5)


def test_what_is_written_again_is_no_error_and_what_is_new_is_a_whole_one() -> None:
    key = torch.eye(4)[None, :, None]
    value = torch.randn(1, 4, 1, 6)
    twice = Steps(*(torch.cat([one, one], dim=1) for one in (key, key, value, key, torch.zeros(1, 4, 1, 1))))
    empty = torch.zeros(1, 1, 4, 6)
    assert float(read_error(Steps(*(one[:, :4] for one in twice)), empty, None)) == 1  # nothing was there
    assert float(read_error(twice, empty, None)) == pytest.approx(0.5**0.5)
    filled = value[0, :, 0][None, None]
    assert float(read_error(twice, filled, None)) == 0
    assert float(read_error(twice, -filled, None)) == pytest.approx(2**0.5)  # the opposite stood there, once
    assert torch.isnan(read_error(twice._replace(value=torch.zeros(1, 8, 1, 6)), empty, None))


def test_it_is_recorded_of_every_layer_with_matrices(
    tmp_path: Path, build: Callable[..., LanguageModel], signals: Callable[[], dict[str, dict[int, float]]]
) -> None:
    model = build(body="stack", rule="gated,delta").train()
    (mixer,) = (module for module in model.modules() if isinstance(module, MatrixMixer))
    seen: list[Steps] = []
    mixer.rule.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    tokens, reset = torch.randint(11, (6, 7)), torch.zeros(6, 7, dtype=torch.bool)
    reset[1, 4] = True
    with newllm.record(model, optimizer, tmp_path / "run", every=2) as recorder:
        for _ in range(3):
            logits, _ = model(tokens, reset_BT=reset)
            loss = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            recorder.step(loss)
    found = {name: steps for name, steps in signals().items() if name.startswith("read_error/")}
    assert found.keys() == {"read_error/body.blocks.1.mixer"}
    (steps,) = found.values()
    zeros = torch.zeros(ROWS, mixer.heads, mixer.width, mixer.width)
    wanted = [naive(Steps(*(one.detach()[:ROWS] for one in seen[step - 1])), zeros, reset) for step in steps]
    assert list(steps.values()) == pytest.approx(wanted, rel=1e-5)
    assert len(steps) == 2
    assert not mixer._forward_hooks


def test_the_control_has_none(
    tmp_path: Path, build: Callable[..., LanguageModel], signals: Callable[[], dict[str, dict[int, float]]]
) -> None:
    model = build(body="zero-stack", rule="delta").train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    tokens = torch.randint(11, (2, 5))
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        loss = F.cross_entropy(model(tokens)[0].flatten(0, 1), tokens.flatten())
        loss.backward()
        optimizer.step()
        recorder.step(loss)
    assert not any(name.startswith("read_error") for name in signals())
    assert any(name.startswith("gate_saturation") for name in signals())
